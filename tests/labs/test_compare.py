"""Two programs, or two kernels, beside each other: titles, the first difference, and every pair that can be chosen."""

from __future__ import annotations

from itertools import combinations_with_replacement, product
from typing import Any

import pytest

from hugelab import Scenario, ScenarioError, labs, run
from hugelab.labs.compare import RULES, Compare
from hugelab.labs.holders import ENDS, program
from hugelab.labs.reservation import KINDS
from hugelab.record.recording import compare
from hugelab.record.timeline import first_difference
from tests.conftest import fully, some
from tests.labs.views import check_figure, check_views, displayed, go, shown, together
from tests.views.read import CASE, CASES


@pytest.fixture
def lab() -> Compare:
    """The lab as it starts."""
    found = shown("compare")
    assert isinstance(found, Compare)
    return found


def move(lab: Compare, **values: Any) -> None:
    """Controls and timeline as the browser sets them; the lab stands where it starts."""
    lab.set_state({"position": lab._start()})
    together(lab, **values)


def check(lab: Compare) -> None:
    """Both recordings are those of the controls; position, words and button name the same first difference."""
    check_views(lab)
    values = lab.values
    for side, recording in zip(("left", "right"), lab.recordings, strict=True):
        shared = {name: values[name] for name in ("pages", "pool", "touched")}
        expected = run(
            program(**shared, kind=values[f"{side}_kind"], end=values[f"{side}_end"]), RULES[values[f"{side}_rules"]]
        )
        assert recording.to_json() == expected.to_json()
    found, head = first_difference(lab.film.timeline), lab.head
    assert head["difference"] == (found and list(found))
    assert lab.position == (found.position if found else len(lab.film.timeline) - 1)
    last = repr(lab).splitlines()[1]
    assert last == (f"First difference: {found.words}." if found else "No difference.")
    check_steps(lab)


def check_steps(lab: Compare) -> None:
    """What differs after a step differs at its end at the latest; nothing differs only if every step is equal."""
    found, difference = first_difference(lab.film.timeline), compare(*lab.recordings)
    if found is None:
        assert difference is None
        assert len(lab.recordings[0]) == len(lab.recordings[1])
    elif difference is not None:
        sides = [side for side, it in enumerate(lab.recordings) if difference.step < len(it.steps)]
        ends = [lab.film.timeline.position(lab.recordings[side].steps[difference.step].last, side) for side in sides]
        assert found.position <= max(ends)


# -- what can be chosen ------------------------------------------------------------------------------
@pytest.mark.parametrize(("left", "right"), [*combinations_with_replacement(RULES, 2)])
def test_every_pair_of_rules(lab: Compare, left: str, right: str) -> None:
    """One program under two kernels; equal kernels do not differ."""
    move(lab, left_rules=left, right_rules=right)
    check(lab)
    assert (first_difference(lab.film.timeline) is None) >= (left == right)


@pytest.mark.full
@pytest.mark.parametrize(("left", "right"), some([*product(KINDS, KINDS)]))
def test_every_pair_of_kinds(lab: Compare, left: str, right: str) -> None:
    """Two mappings under the same rules."""
    move(lab, left_kind=left, right_kind=right, right_rules="Linux 3.10")
    check(lab)
    assert (first_difference(lab.film.timeline) is None) == (left == right)


@pytest.mark.full
@pytest.mark.parametrize(("left", "right"), some([*combinations_with_replacement(ENDS, 2)]))
def test_every_pair_of_ends(lab: Compare, left: str, right: str) -> None:
    """Two ways to let go, under the same rules: everything before the end is equal."""
    move(lab, left_end=left, right_end=right, right_rules="Linux 3.10")
    check(lab)
    found = first_difference(lab.film.timeline)
    assert (found is None) == (left == right)
    if found:
        assert int(found.words.removeprefix("step ").split(":")[0].split(",")[0]) > 3


# -- words -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("other", "titles"),
    [
        ({}, ("Linux 3.10", "Linux 6.18")),
        ({"right_kind": "private file"}, ("shared file; Linux 3.10", "private file; Linux 6.18")),
        (
            {"right_rules": "Linux 3.10", "right_end": "exit, then unlink"},
            ("munmap, close, unlink", "exit, then unlink"),
        ),
        (
            {"right_rules": "Linux 3.10"},
            ("shared file; munmap, close, unlink; Linux 3.10",) * 2,
        ),
    ],
    ids=["rules", "kind and rules", "end", "nothing"],
)
def test_titles_say_what_differs(lab: Compare, other: dict[str, Any], titles: tuple[str, str]) -> None:
    """That alone; everything, where nothing does."""
    move(lab, **other)
    assert tuple(side["title"] for side in lab.head["sides"]) == titles
    assert repr(lab).startswith(f"Side by side: {titles[0]} | {titles[1]}\n")


def test_equal_sides_have_no_difference(lab: Compare) -> None:
    """The lab says so, and stands at the end."""
    move(lab, right_rules="Linux 3.10")
    assert lab.head["difference"] is None
    assert lab.position == len(lab.film.timeline) - 1
    assert repr(lab).endswith("No difference.")
    lab.right_rules.value = "Linux 6.18"
    assert repr(lab).endswith("First difference: step 3, dequeue_huge_page_vma: reserved 4 | 5.")
    assert lab.position == lab.head["difference"][0]


def test_both_sides_are_at_the_same_place(lab: Compare) -> None:
    """At every position: while both are in a step, they are in the same one."""
    move(lab, left_kind="private file", right_end="exit, then unlink")
    for position in range(len(lab.film.timeline)):
        go(lab, position)
        window = lab.window
        left, right = window["frames"][position - window["first"]]
        assert abs(left[7] - right[7]) <= 1


def test_the_words_have_both_sides() -> None:
    """For a notebook that is not run: the same twice, and others for other sides."""
    words = labs.compare().words
    assert words == labs.compare().words and "Linux 3.10 | Linux 6.18" in words
    assert words != labs.compare(right_kind="private file").words


def test_each_side_has_its_own_plot(lab: Compare) -> None:
    """And the numbers of its own recording: the tests of all labs compare them."""
    move(lab, left_kind="private file", right_end="exit, then unlink")
    check_views(lab)
    left, right = ([trace["y"] for trace in side["figure"]["data"]] for side in lab.head["sides"])
    assert left != right
    check_figure(lab)
    assert [list(trace.y) for trace in lab.figure.data] == left


def test_a_wrong_first_value_is_refused() -> None:
    """In one line that names the side."""
    with pytest.raises(ValueError, match=r"^right: rules: one of Linux 3\.10, .*, not 'Linux 2\.4'$"):
        labs.compare(right_rules="Linux 2.4")


# -- programs of one's own ---------------------------------------------------------------------------
def own(*programs: Scenario, **values: Any) -> Compare:
    return displayed(labs.compare(*programs, **values))


OWN = ["mount_size_quota_sequence", "two_forked_children_share_then_die", "memfd_hugetlb"]


@pytest.mark.full
@pytest.mark.parametrize("name", OWN if fully() else OWN[:1])
def test_an_own_program_under_every_pair_of_rules(name: str) -> None:
    """One program, two kernels: the rules are all that can be chosen."""
    lab = own(CASE[name])
    assert list(lab.controls) == ["left_rules", "right_rules"]
    for left, right in combinations_with_replacement(RULES, 2):
        together(lab, left_rules=left, right_rules=right)
        check_views(lab)
        for rules, recording in zip((left, right), lab.recordings, strict=True):
            assert recording.to_json() == run(CASE[name], RULES[rules]).to_json()
        check_steps(lab)


def test_two_own_programs() -> None:
    """Their names are the titles; the rules, too, where they differ."""
    left, right = CASE["lesson_shared_file_no_unlink"], CASE["lesson_exit_without_unlink"]
    lab = own(left, right, right_rules="Linux 3.10")
    assert [side["title"] for side in lab.head["sides"]] == [left.name, right.name]
    check_views(lab)
    lab.right_rules.value = "Linux 6.1"
    titles = [side["title"] for side in lab.head["sides"]]
    assert titles == [f"{left.name}; Linux 3.10", f"{right.name}; Linux 6.1"]
    check_views(lab)
    check_steps(lab)


def test_an_own_program_that_rules_refuse() -> None:
    """3.10 knows no min_size=: one line, what is shown stays, and the sentence is that of what is shown."""
    lab = own(CASE["mount_min_size_private"], left_rules="Linux 6.1")
    before, said = lab.recordings, repr(lab)
    lab.left_rules.value = "Linux 3.10"
    assert lab.message["kind"] == "refused"
    assert lab.recordings is before and repr(lab) == said
    with pytest.raises(ScenarioError, match=r"^mount m with "):
        labs.compare(CASE["mount_min_size_private"])


@pytest.mark.parametrize("programs", [(Scenario("empty"),), (CASES[0], Scenario("empty"))], ids=["left", "right"])
def test_an_own_program_without_a_step_is_refused(programs: tuple[Scenario, ...]) -> None:
    """With its name, whichever side it is on."""
    with pytest.raises(ScenarioError, match=r"^empty: a program without a step has nothing to show$"):
        labs.compare(*programs)


def test_right_alone_is_refused() -> None:
    """One line that says what is missing."""
    with pytest.raises(ScenarioError, match="the left one is missing"):
        labs.compare(right=Scenario("other").open(fd="f", path="m/f"))
