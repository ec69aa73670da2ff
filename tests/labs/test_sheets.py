"""Labs without a timeline: every control over its whole range, and measuring in two clicks."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from hugelab import labs
from hugelab.__main__ import _parser
from hugelab.core.units import MIB
from hugelab.course.shortage import LIMITS, answers
from hugelab.labs.measured import HERE as THIS
from hugelab.labs.page_cost import sheet as page_cost
from hugelab.labs.pools import CALLS, DEFAULTS, LENGTHS, picks
from hugelab.labs.pools import sheet as pools
from hugelab.labs.shortage import sheet as shortage
from hugelab.labs.widget.job import Progress, Work
from hugelab.labs.widget.lab import RUN_ME
from hugelab.labs.widget.sheet_lab import SheetLab
from hugelab.linux.architectures import NAMED, metadata
from hugelab.live import apart
from hugelab.live.errors import LiveUnavailable
from hugelab.measure import Measured
from hugelab.measure.recorded import recorded
from hugelab.tlb import GEOMETRIES
from hugelab.tlb.geometry import own
from hugelab.tlb.programs import PROGRAMS, program
from hugelab.tlb.reach import HOSTS, PATTERNS, cost, needs
from hugelab.tlb.simulate import simulate
from hugelab.views import tlb
from hugelab.views.measured import measured
from tests.labs.views import browse, displayed, offered
from tests.views.plots.test_charts import check as check_figure
from tests.views.plots.test_charts import traces

NAMES = list(labs.SHEETS)


def built(name: str, **values: Any) -> SheetLab:
    """A lab that is shown."""
    lab: SheetLab = labs.SHEETS[name](**values)
    return displayed(lab)


def check(lab: SheetLab) -> None:
    """The widget has the sheet of the controls' values; all of it is JSON."""
    assert lab.values == lab.head["values"] == lab.shown
    assert lab.window == {"run": lab.head["run"]}
    assert {**lab.sheet.head(), **{k: lab.head[k] for k in ("run", "values")}} == lab.head
    json.dumps(lab.head)
    assert lab.message["kind"] == ""
    assert lab.sheet.words and all(value for _, _, value in lab.sheet.numbers)
    ast.parse(lab.sheet.python)
    assert (lab.figure is None) == (lab.sheet.figure is None)


def room(lab: SheetLab) -> list[Any]:
    """The height of the pictures; the height of the plot, and what is around it."""
    layout = (lab.sheet.figure or {}).get("layout", {})
    return [*(picture.height for picture in lab.sheet.pictures), layout.get("height"), layout.get("margin")]


# -- controls ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_every_control_over_its_range(name: str) -> None:
    """Each control alone over all its values, from Python; pictures and plots keep their sizes, so nothing moves."""
    lab = built(name)
    check(lab)
    before = room(lab)
    for key, control in lab.controls.items():
        first = control.value
        for value in offered(control):
            control.value = value
            assert lab.values[key] == value
            check(lab)
            assert room(lab) == before
        control.value = first


@pytest.mark.parametrize("name", NAMES)
def test_from_the_browser(name: str) -> None:
    """A value that a control offers is taken, as the browser sends it."""
    lab = built(name)
    key, control = next(iter(lab.controls.items()))
    browse(control, offered(control)[-1])
    assert lab.values[key] == offered(control)[-1]
    check(lab)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_page(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words, then the sentence that says how to bring it alive."""
    shown: list[Any] = []
    monkeypatch.setattr("hugelab.labs.widget.lab.display", lambda bundle, raw: shown.append(bundle))
    lab: SheetLab = labs.SHEETS[name]()
    lab._ipython_display_()
    words, live = shown
    assert words == {"text/plain": repr(lab)} and lab.title in repr(lab) and lab.sheet.words in repr(lab)
    assert live["text/plain"] == lab.run_me and lab.run_me.startswith(RUN_ME[:30])


# -- numbers -----------------------------------------------------------------------------------------
def numbers(lab: SheetLab) -> dict[str, str]:
    return {key: value for key, _, value in lab.sheet.numbers}


def test_the_lessons_headline() -> None:
    """5 entries instead of 2560."""
    assert numbers(labs.entries()) == {"small": "2,560", "huge": "5"}


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_entries_are_those_of_the_model(geometry: str) -> None:
    """The table has what needs() says, and a place for every page size of the processor."""
    lab = labs.entries(pages=100, geometry=geometry)
    rows = lab.sheet.tables[0][1].rows
    found = needs(GEOMETRIES[geometry], 200 * MIB)
    assert rows[0][1:] == tuple(f"{need.pages:,}" for need in found)
    assert rows[1][1:] == tuple(f"{need.entries[0]:,}" for need in found)
    assert rows[2][1:] == tuple(f"{need.room[0]:,}" for need in found)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("host", HOSTS)
def test_reach_is_that_of_the_model(pattern: str, host: str) -> None:
    """The numbers above the charts are cost(), and the code that can be copied gives the same."""
    lab = labs.reach(buffer=64 * MIB, pattern=pattern, host=host)
    one = cost(GEOMETRIES["Skylake"], 2 * MIB, 64 * MIB, pattern, HOSTS[host])
    assert float(numbers(lab)["huge"].replace(",", "")) == pytest.approx(1000 * one.walks, rel=0.01, abs=0.001)
    space: dict[str, Any] = {}
    *begin, last = lab.sheet.python.splitlines()
    exec("\n".join(begin), space)
    assert eval(last, space) == one


@pytest.mark.parametrize("name", PROGRAMS)
def test_tlb_size_is_that_of_the_simulator(name: str) -> None:
    """Walks of the second pass, with the data in either size."""
    lab, one = labs.tlb_size(name=name, l1=32, l2=512), program(name)
    for key, size in (("small", 4096), ("huge", 2 * MIB)):
        walks = simulate(one.addresses, one.space(size), own(32, "4", 512, "8"), passes=2)[1].total.walks
        assert numbers(lab)[key] == f"{walks:,}"


def test_no_second_level() -> None:
    """With 0 entries what misses the first level walks."""
    rows = labs.tlb_size(l2=0).sheet.tables[0][1].rows
    assert all(misses == walks for *_, misses, walks in rows)


def test_misses_never_grow_with_the_entries() -> None:
    """Every line of the chart goes down."""
    for name in PROGRAMS:
        for size in (4096, 2 * MIB):
            heights = [y for _, y in tlb._misses(name, size)]
            assert heights == sorted(heights, reverse=True)


# -- figures -----------------------------------------------------------------------------------------
def test_entries_are_on_a_linear_axis_at_first() -> None:
    """5 and 2,560 look like 1 and 512; the other axis is one click away. (The bars: tests/views/plots.)"""
    assert "type" not in check_figure(labs.entries().sheet.figure)["layout"]["xaxis"]
    assert check_figure(labs.entries(scale="logarithmic").sheet.figure)["layout"]["xaxis"]["type"] == "log"


@pytest.mark.parametrize("limit", LIMITS)
def test_shortage_is_drawn(limit: str) -> None:
    """A bar for each way: what it took, reserved, and did not get are all the pages wanted; its answer is behind it."""
    for left, pages in ((3, 5), (1, 12), (12, 1)):
        made = check_figure(shortage(limit, left, pages).figure)
        found = answers(limit, left, pages)
        assert made["layout"]["yaxis"]["ticktext"] == list(found) and made["layout"]["xaxis"]["range"] == [0, pages]
        (taken, reserved, refused) = (trace for _, _, trace in traces(made))
        assert list(zip(taken["x"], reserved["x"], strict=True)) == [
            (one.taken, one.reserved) for one in found.values()
        ]
        ends = [base + more for base, more in zip(refused["base"], refused["x"], strict=True)]
        assert ends == [pages] * len(found) and min(refused["x"]) >= 0
        said = ["ok, silently" if one.silent else one.said for one in found.values()]
        assert [word.strip() for word in made["data"][-1]["text"]] == said


@pytest.mark.parametrize("default", DEFAULTS)
def test_pools_are_drawn(default: str) -> None:
    """A bar for each call: the bytes that it reserved of each pool; the errno where it is refused."""
    for asked in LENGTHS:
        made = check_figure(pools(asked, default).figure)
        drawn: dict[str, dict[int, int]] = {call: {} for call in CALLS}
        for name, _, trace in traces(made):
            size = {"pages of 2 MB": 2 * MIB, "pages of 1 GB": 1024 * MIB}[name]
            for row, value in zip(trace["y"], trace["x"], strict=True):
                drawn[list(CALLS)[row]][size] = value // size
        found = {call: picks(call, asked, DEFAULTS[default]) for call in CALLS}
        assert drawn == {call: reserved for call, (_, reserved) in found.items()}
        for word, (outcome, reserved) in zip(made["data"][-1]["text"], found.values(), strict=True):
            assert reserved or word.strip() == outcome
        assert max(made["data"][-1]["x"]) <= made["layout"]["xaxis"]["range"][1]


@pytest.mark.parametrize("architecture", NAMED)
def test_metadata_is_drawn(architecture: str) -> None:
    """Kept and given back are metadata() of each size, together as much for every size."""
    arch, memory = NAMED[architecture], 1 << 40
    made = check_figure(page_cost(memory, architecture).figure)
    kept, freed = (trace["x"] for _, _, trace in traces(made))
    every = [metadata(kind.size, arch.base) for kind in arch.sizes]
    pages = [memory // kind.size for kind in arch.sizes]
    assert kept == [many * one.kept for many, one in zip(pages, every, strict=True)]
    assert freed == [many * one.freed for many, one in zip(pages, every, strict=True)]
    assert {a + b for a, b in zip(kept, freed, strict=True)} == {made["layout"]["xaxis"]["range"][1]}
    small = check_figure(page_cost(1 << 30, architecture).figure)
    assert [("larger" in word) for word in small["data"][-1]["text"]] == [kind.size > 1 << 30 for kind in arch.sizes]


# -- measuring ---------------------------------------------------------------------------------------
HERE = next(iter(recorded().values()))


@pytest.fixture
def possible(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """A machine that can be measured, and what was started on it."""
    started: list[list[str]] = []

    def child(arguments: list[str], begin: str) -> Work[str]:
        started.append(arguments)
        yield Progress(f"{begin} ...", None)
        return json.dumps({**HERE.to_json(), "name": ""})

    monkeypatch.setattr(apart, "no_machine_code", lambda: "")
    monkeypatch.setattr(apart, "obstacle", lambda: "")
    monkeypatch.setattr(apart, "plan", lambda: "This changes the <pool>")
    monkeypatch.setattr(apart, "child", child)
    yield started


def says(lab: SheetLab) -> str:
    text: str = lab.message["html"]
    return text


def test_recorded_is_marked_so() -> None:
    """In the sentence, in the message and in the words of the still picture."""
    lab = built("measured")
    (name, *_) = recorded()
    assert f"Recorded on {name}" in repr(lab) and f"recorded on {name}" in says(lab)


def test_measuring_takes_two_clicks(possible: list[list[str]]) -> None:
    """The plan, escaped; then one process, and its result is this machine's, whatever control moves."""
    lab = built("measured")
    lab.go.click()
    assert "&lt;pool&gt;" in says(lab) or "free pages are used" in says(lab)
    assert possible == []
    lab.yes.click()
    assert len(possible) == 1 and possible[0][1:4] == ["-m", "hugelab", "measure"]
    assert _parser().parse_args(possible[0][3:]).json, "the command line takes these arguments"
    assert lab.here == Measured.from_json({**HERE.to_json(), "name": ""})
    assert lab.sheet.words.startswith("This machine") and "512 times fewer page faults" in says(lab)
    lab.controls["pages"].value = "transparent (THP)"
    assert lab.sheet.words.startswith("This machine")
    assert "This is <b>this machine</b>" in says(lab)


def test_the_record_is_still_there_after_measuring(possible: list[list[str]]) -> None:
    """The control says which of the two is shown, and the code that can be copied gives it."""
    lab = built("measured")
    (name, *_) = recorded()
    lab.go.click()
    lab.yes.click()
    assert lab.values["machine"] == THIS and "hugelab" in lab.sheet.python and "recorded()" not in lab.sheet.python
    lab.controls["machine"].value = name
    assert f"Recorded on {name}" in lab.sheet.words and "recorded()" in lab.sheet.python
    lab.controls["machine"].value = THIS
    assert lab.sheet.words.startswith("This machine")


def test_this_machine_before_it_is_measured() -> None:
    """It says so."""
    assert "not been measured yet" in labs.measured(machine=THIS).sheet.words


def test_a_control_does_not_end_the_measuring() -> None:
    """It takes long: the control goes back, and it is said why."""
    lab = built("measured")

    class Measuring:
        running = True

    lab._job = Measuring()  # type: ignore[assignment]
    before = lab.values
    lab.controls["pages"].value = "1 GB (hugetlb)"
    assert lab.values == before
    assert lab.message["kind"] == "refused" and "being measured" in says(lab)


def test_no_measures_nothing(possible: list[list[str]]) -> None:
    """Nothing ran."""
    lab = built("measured")
    lab.go.click()
    lab.no.click()
    assert possible == [] and "nothing was changed" in says(lab) and lab.here is None


@pytest.mark.parametrize("why", ["needs x86-64, this is aarch64", "that needs Linux, and this is Darwin"])
def test_a_machine_that_cannot(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and the recorded results stay."""
    monkeypatch.setattr(apart, "no_machine_code", lambda: why)
    lab = built("measured")
    assert why in says(lab)
    lab.go.click()
    assert lab.message["kind"] == "refused" and why in says(lab)


def test_a_measurement_that_fails(possible: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, and what was shown stays."""

    def fails(arguments: list[str], begin: str) -> Work[str]:
        yield Progress(begin, None)
        raise LiveUnavailable("the memory is full")

    monkeypatch.setattr(apart, "child", fails)
    lab = built("measured")
    before = lab.sheet
    lab.go.click()
    lab.yes.click()
    assert lab.message["kind"] == "refused" and "the memory is full" in says(lab)
    assert lab.sheet is before


def test_a_result_without_huge_pages(possible: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither pool nor THP was there: it is said why, nothing breaks."""
    loads = tuple(load for load in HERE.loads if load.kind.startswith("4K"))
    bare = replace(HERE, loads=loads, fracture=(), notes=("the pools are left alone, as was asked",), name="")
    lab = built("measured")
    lab.here = bare
    lab.controls["machine"].value = THIS
    for pages in reversed(offered(lab.pages)):  # the last one is another one than the first
        lab.controls["pages"].value = pages
        check(lab)
        assert "nothing to compare" in lab.sheet.words


@pytest.mark.parametrize(
    ("fractured", "said"), [(True, "fractured here"), (False, "whole here"), (None, "was not probed")]
)
def test_fractured_whole_or_not_probed(fractured: bool | None, said: str) -> None:
    """What the probe said, and nothing where there was none."""
    probes = tuple(replace(probe, fractured=bool(fractured)) for probe in HERE.fracture)
    found = replace(HERE, fracture=() if fractured is None else probes)
    assert said in measured(found, "Here", "2 MB (hugetlb)", "Zen 4").words


def test_one_gigabyte_pages_where_there_are_none() -> None:
    """It is said, and the code that can be copied still runs."""
    lab = labs.reach(pages="1 GB", geometry="Cortex-A72")
    assert "no 1 GB pages" in lab.sheet.words and numbers(lab)["huge"] == "-"
    exec(lab.sheet.python, {})
    assert numbers(labs.reach(pages="1 GB", buffer=16 << 30))["huge"] == "0"


@pytest.mark.parametrize(
    ("line", "text", "part"),
    [
        ("40% random loads in 1 GB", "random loads in 1 GB ...", 0.4),
        ("waiting for the pool", "waiting for the pool ...", None),
        ("100% of it", "of it ...", 1.0),
    ],
)
def test_progress_of_a_process(line: str, text: str, part: float | None) -> None:
    """A line that begins with how much is done moves the bar."""
    assert apart._progress(line) == Progress(text, part)
