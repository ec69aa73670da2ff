"""What was recorded for notebook 10, and its labs: complete, equal to the model, and of nobody's machine."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugelab import labs
from hugelab.core.state import Counters
from hugelab.course import seen
from hugelab.labs import views_agree
from hugelab.labs import who as who_lab
from hugelab.labs.shown import pagemap_table, sheet, smaps_table
from hugelab.live import proc, views
from hugelab.live.errors import LiveUnavailable
from hugelab.live.inventory import Inventory
from hugelab.live.tracing import Tracing
from hugelab.views.tables import Table
from tests.labs.views import displayed, offered
from tests.views.plots.test_charts import check as check_figure
from tests.views.plots.test_charts import traces

PAGE = 2 << 20
EVERY = [(name, step) for name, program in seen.PROGRAMS.items() for step in range(len(program.steps) + 1)]


# -- the record --------------------------------------------------------------------------------------
def test_every_program_was_recorded() -> None:
    """A moment a step."""
    assert {name: len(moments) for name, moments in seen.recorded().items()} == {
        name: len(program.steps) for name, program in seen.PROGRAMS.items()
    }


def test_the_model_agrees_everywhere() -> None:
    """Mappings, frames and counters of every step; and something was looked at."""
    assert all(row[-1] == "equal in all" and row[2] > 0 for row in views_agree().rows)
    for name, program in seen.PROGRAMS.items():
        model = labs.explore(program).recording
        assert [step.counters["2M"] for step in model.steps] == [one.counters for one in seen.recorded()[name]]


def test_a_difference_is_seen() -> None:
    """Any number, a page that is mapped in one alone, two frames exchanged, a process or a mapping less."""
    ours = seen.model_views("fork, private")[3]
    assert views.difference(ours, ours) == ""
    (parent,), (child,) = ours["P"], ours["C"]
    for other in (
        {**ours, "P": [parent._replace(shared=parent.shared + 1)]},
        {**ours, "P": [parent._replace(frames=(None, *parent.frames[1:]))]},
        {**ours, "P": [parent._replace(frames=(parent.frames[1], parent.frames[0], *parent.frames[2:]))]},
        {**ours, "C": [child._replace(frames=(parent.frames[2], *child.frames[1:]))]},
        {**ours, "C": []},
        {"P": ours["P"]},
    ):
        assert views.difference(ours, other) and views.difference(other, ours)


def test_files_that_contradict_each_other() -> None:
    """smaps, pagemap and numa_maps of different moments: ValueError."""
    before, after = (moment.texts["P"] for moment in seen.recorded()["shared file"][1:3])
    for mixed in (after._replace(pagemap=before.pagemap), after._replace(smaps=before.smaps)):
        with pytest.raises(ValueError, match="pages mapped"):
            views.views(mixed)
    lying = after._replace(numa_maps=after.numa_maps.replace("dirty", "anon=1 dirty"))
    with pytest.raises(ValueError, match="anonymous"):
        views.views(lying)


def test_nothing_of_the_machine_is_in_it() -> None:
    """Paths are those of the notebook."""
    text = seen.FILE.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|run|work|usr)/", text)
    assert set(re.findall(r"/mnt/m/\w+", text)) == {"/mnt/m/test_file", "/mnt/m/table", "/mnt/m/left_behind"}


@given(st.lists(st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1))))
def test_runs(values: list[int]) -> None:
    """There and back; a row that grows by one, or stays, is one run."""
    data = b"".join(value.to_bytes(8, "little") for value in values)
    assert seen.unpack(seen.pack(data)) == data
    row = b"".join((1024 + i).to_bytes(8, "little") for i in range(512))
    assert seen.pack(row + bytes(8 * 512)) == [[1024, 512, 1], [0, 512, 0]]


# -- what the kernel shows ---------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "step"), EVERY)
def test_sheet(name: str, step: int) -> None:
    """The numbers above the picture are those of the model, and no difference is said."""
    made = sheet(name, step)
    assert "with the model." in made.words and "not with the model" not in made.words
    model = seen.model_views(name)[step - 1].get("P", []) if step else []
    mapped = sum(view.mapped for view in model)
    numbers = {key: value for key, _, value in made.numbers}
    assert (numbers["mapped"], numbers["huge"]) == (str(mapped), f"{2 * mapped} MB")
    assert len({picture.height for picture in made.pictures} | {sheet(name, 0).pictures[0].height}) == 1


def test_past_the_end_is_the_end() -> None:
    """The slider goes as far as the longest program."""
    assert sheet("shared file, no unlink", 6).words == sheet("shared file, no unlink", 5).words


def test_tables() -> None:
    """Kernel and model beside each other, and without the model; unmapped pages have no frame."""
    texts = seen.recorded()["fork, private"][3].texts["C"]
    (area,), (view,) = proc.parse_smaps(texts.smaps), seen.model_views("fork, private")[3]["C"]
    rows = {row[0]: row for row in smaps_table(area, view).rows}
    assert rows["Shared_Hugetlb"][1:4] == ("4,096 kB", 2, 2) and rows["Private_Hugetlb"][1:4] == ("4,096 kB", 2, 2)
    assert rows["Rss"][1:4] == ("0 kB", 0, 0) and rows["Size"][2:4] == (5, 5)
    assert all(len(row) == 4 for row in smaps_table(area).rows)
    pages = pagemap_table(area, texts.pagemap[area.start], dict(texts.kpageflags)).rows
    assert [row[2] for row in pages] == [*["anonymous, also elsewhere"] * 2, *["anonymous, only here"] * 2, ""]


# -- who holds ---------------------------------------------------------------------------------------
def test_the_recorded_machine_has_nothing_left_over() -> None:
    """Its sums are the pool's; a file without any process is found."""
    found = seen.inventory()
    assert found.not_found(PAGE) == 0 and found.pools[PAGE].rsvd <= sum(found.open_reservations(PAGE))
    assert found.open_promises(PAGE) == found.open_reservations(PAGE), "the older name"
    assert any("left_behind" in row[0] and row[-1] == "its name" for row in found.file_rows(PAGE))
    assert found.sentence(PAGE) in repr(labs.who())


@pytest.mark.parametrize(
    "found", [seen.inventory(), Inventory({PAGE: Counters(9, 4, 3, 0)}), Inventory({PAGE: Counters(0, 0, 0, 0)})]
)
def test_the_pool_is_drawn(found: Inventory) -> None:
    """The counters on one bar; and the pages in use again, one bar after another, as what was found."""
    made = check_figure(who_module().sheet_of(found, "Here").figure)
    used, reserved, available, missing = (trace for _, _, trace in traces(made))
    now, files, private = found.pools[PAGE], found.in_files(PAGE), found.in_private(PAGE)
    assert used["x"] == [now.in_use, files, private] and used["base"] == [0, 0, files]
    assert (reserved["base"], reserved["x"]) == ([now.in_use], [now.rsvd])
    assert (available["base"], available["x"]) == ([now.in_use + now.rsvd], [now.available])
    assert (missing["base"], missing["x"]) == ([files + private], [now.in_use - files - private])
    assert made["layout"]["xaxis"]["range"] == [0, now.total or 1]


def test_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked when it is chosen, not before; why not is said, and the record comes back."""
    asked: list[int] = []

    def holds() -> Inventory:
        asked.append(1)
        return Inventory({PAGE: Counters(4, 1, 0, 0)}, hidden=2)

    monkeypatch.setattr(who_module(), "who_holds", holds)
    lab = displayed(labs.who())
    assert not asked and "recorded" in lab.message["html"]
    lab.controls["machine"].value = who_module().HERE
    assert asked == [1] and "3 pages not found" in lab.sheet.words and "may not be read: 2" in lab.sheet.words

    def cannot() -> Inventory:
        raise LiveUnavailable("no <pools>")

    monkeypatch.setattr(who_module(), "who_holds", cannot)
    recorded, here = offered(lab.machine)
    lab.controls["machine"].value = recorded
    assert "Recorded on Linux" in lab.sheet.words
    lab.controls["machine"].value = here
    assert "no &lt;pools&gt;" in lab.message["html"]


def who_module() -> Any:
    """The module; the package has the function of its name."""
    import sys

    assert who_lab is labs.who
    return sys.modules["hugelab.labs.who"]


# -- tracing -----------------------------------------------------------------------------------------
def test_can_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the way is said, with what to do; this machine is looked at when it is chosen."""
    import sys

    module: Any = sys.modules["hugelab.labs.can_trace"]
    monkeypatch.setattr(module, "here", lambda: Tracing(root=False, lockdown="confidentiality"))
    lab = displayed(labs.can_trace("a server, root"))
    assert "nothing that can be seen" in lab.sheet.words and "missing" not in lab.sheet.pictures[0].title
    lab.machine.value = module.HERE
    assert lab.sheet.words.startswith("This machine") and lab.sheet.tables[0][1].rows[0][1] == "sudo"
    assert len(lab.sheet.tables[0][1].rows) == 2 and lab.sheet.pictures[0].title.count("missing") == 2


def test_what_can_be_in_the_way() -> None:
    """Each machine lacks one thing; Secure Boot's lockdown is none."""
    table: Table = labs.tracing_obstacles()
    found = {row[0]: row[1] for row in table.rows}
    assert found["locked down, integrity (Secure Boot)"] == "nothing"
    assert found["a server, root"] == "nothing"
    assert all(why != "nothing" for name, why in found.items() if not re.search("integrity|server", name))
