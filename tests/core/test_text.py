"""Text from files: escaped wherever it leaves, and refused where no system call can take it."""

from __future__ import annotations

import io
import json
import sys
import unicodedata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugelab import Scenario, ScenarioError, run
from hugelab.__main__ import main
from hugelab.cli import common
from hugelab.core.text import markup, nameable, showable
from hugelab.labs import explore, log_file
from hugelab.labs.widget.job import Progress
from hugelab.live.inventory import File, Inventory
from hugelab.model.kernel import boot
from hugelab.record import export
from hugelab.record.source import record
from hugelab.record.timeline import of_one
from hugelab.trace.detective import examine_lines
from hugelab.views import tables
from hugelab.views.beside import beside
from hugelab.views.diagrams.svg import Picture
from hugelab.views.film import Film
from hugelab.views.page import page
from hugelab.views.sheet import Sheet
from hugelab.views.tables import Table
from tests.conftest import DATA
from tests.hostile import NAME, REFUSED, TAKEN, TEXT, scenario, steering

ANY = st.text(st.characters())  # lone surrogates, too


# -- one text ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("a\nb\t\r\0\x7f\x9b\x85", r"a\nb\t\r\x00\x7f\x9b\x85"),
        ("\u202eabc\u202c \u2066x\u2069", r"\u202eabc\u202c \u2066x\u2069"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\ud800 \udcff", r"\ud800 \udcff"),
        ("\ufffe \uffff \u0378 \U0010ffff", r"\ufffe \uffff \u0378 \U0010ffff"),
    ],
)
def test_escaped(text: str, shown: str) -> None:
    """Each as Python would write it; once, however often it is shown."""
    assert showable(text) == showable(showable(text)) == shown


@pytest.mark.parametrize(
    "text", ["Übung é", "大页", "שלום \u200e", "👩\u200d👩\u200d👧 🏴", "\u00a0\u00ad", "\\x1b <&>", "\ue000"]
)
def test_as_it_is(text: str) -> None:
    """Letters of every script, joined emoji, spaces of all widths, marks that do not turn what follows."""
    assert showable(text) == text


@given(ANY)
def test_in_one_line_of_a_terminal_and_in_xml(text: str) -> None:
    """No control, no lone surrogate; an XML parser gives back what is shown, as text and as an attribute."""
    shown = showable(text)
    assert not {unicodedata.category(one) for one in shown} & {"Cc", "Cs", "Cn", "Zl", "Zp"}
    root = ElementTree.fromstring(f'<a b="{markup(text)}">{markup(text)}</a>')
    assert (root.text or "") == root.attrib["b"] == shown


# -- the terminal ------------------------------------------------------------------------------------
def hostile_file(folder: Path, *more: Scenario, **top: Any) -> str:
    """The program, others that are refused or not known, and wrong expectations, as a file with a hostile name."""
    case = scenario().to_json()
    case["steps"][0]["expect"] = {"outcome": TEXT, "value": {TEXT: TEXT}}
    odd = [
        Scenario(f"{TEXT}1").open(fd="f", path=f"m/{TEXT}"),
        Scenario(f"{TEXT}2", mounts={NAME: TEXT}).meminfo(),
        Scenario(f"{TEXT}3").open(fd="f", path="m/x", flags=[TEXT]),
        Scenario(f"{TEXT}4").touch(map=TEXT),
        Scenario(f"{TEXT}5").cg_mount(version=1).cg_mkdir(version=1, cg=NAME).cg_get(version=1, cg=NAME, files=[TEXT]),
        *more,
    ]
    file = folder / f"{NAME.replace('/', '')}.json"
    file.write_text(json.dumps({"scenarios": [case, *(one.to_json() for one in odd)], **top}))
    return str(file)


def hostile_log(folder: Path) -> str:
    """The lesson's page with lines that are no lines of it, and a name in one that is."""
    text = (DATA / "lesson.txt").read_text(encoding="utf-8").replace("test_file", NAME.replace("\n", ""))
    file = folder / NAME.replace("/", "")
    file.write_text(f"{text}\n[  999.000000] HUGETLB_TRACE: {TEXT}\n", errors="surrogatepass")
    return str(file)


COMMANDS = {
    "run": ["run", "FILE", "--log", "--extra"],
    "run one": ["run", "FILE", "--case", TEXT],
    "run none": ["run", "FILE", "--case", f"{TEXT}9"],
    "run no file": ["run", NAME],
    "run as JSON": ["run", "FILE", "--json"],
    "run into a page": ["run", "FILE", "--case", TEXT, "--html", "PAGE"],
    "check": ["check", "FILE"],
    "check as JSON": ["check", "FILE", "--json"],
    "trace": ["trace", "LOG", "LOG", "FILE", "--all"],
    "trace as JSON": ["trace", "LOG", "FILE", "--json"],
    "trace into a page": ["trace", "LOG", "--html", "PAGE"],
    "why": ["why", NAME],
    "why of a mount": ["why", "5", "--mount", NAME],
    "why of a meminfo": ["why", "5", "--meminfo", "MEMINFO"],
    "measure": ["measure", "--show", "MEASURED"],
    "measure as JSON": ["measure", "--show", "MEASURED", "--json"],
    "an argument": ["run", "lesson", "--pages", NAME],
    "an unknown one": ["why", "5", f"--{NAME}"],
    "a command": [NAME],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_steers_the_terminal(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout and stderr: printable characters, and the newlines between our own lines."""
    measured = json.loads(next((DATA.parents[1] / "hugelab/measure/recorded").glob("*.json")).read_text())
    measured |= {"name": TEXT, "notes": [TEXT], "machine": {**measured["machine"], "cpu": TEXT}}
    (tmp_path / "measured").write_text(json.dumps(measured))
    (tmp_path / "meminfo").write_text(f"HugePages_Total: {NAME}")
    files = {
        "FILE": lambda: hostile_file(tmp_path, machine={"kernel": TEXT}),
        "LOG": lambda: hostile_log(tmp_path),
        "MEASURED": lambda: str(tmp_path / "measured"),
        "MEMINFO": lambda: str(tmp_path / "meminfo"),
        "PAGE": lambda: str(tmp_path / f"{NAME.replace('/', '')}.html"),
    }
    try:
        main([files[word]() if word in files else word for word in COMMANDS[command]])
    except SystemExit as leave:
        assert leave.code == 2
    out, err = capsys.readouterr()
    assert r"\x1b[31m\x9b\u202e" in f"{out}{err}" or r"\u001b[31m\u009b\u202e" in out
    assert steering(out) == steering(err) == []


def test_columns_stay_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are as wide as what is shown, not as what it stands for."""
    (tmp_path / "case").write_text(
        json.dumps(Scenario("c").open(fd="f", path="m/\x1b\x1b\x1b").close(fd="f").to_json())
    )
    assert main(["run", str(tmp_path / "case")]) == 0
    _, head, *rows = capsys.readouterr().out.rstrip().split("\n")
    at = head.index("outcome")
    assert [row[at - 2 : at + 3] for row in rows] == ["  ok "] * 2


def test_nor_does_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that is written over again: only its own return and clearing are raw."""
    err = io.StringIO()
    monkeypatch.setattr(err, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", err)
    progress = common.Progress(1)
    progress._next = 0
    progress.show(NAME)
    progress.clear()
    assert steering(err.getvalue().replace("\r\033[K", "")) == []
    assert r"1 of 1: \x1b[31m" in err.getvalue()


# -- pictures, pages, notebooks -----------------------------------------------------------------------
def test_every_picture_is_xml() -> None:
    """Each event of the program: parsed; a name is shown escaped."""
    pictures = Film(of_one(run(scenario())), [TEXT]).whole()["pictures"]
    shown = ["".join(ElementTree.fromstring(svg).itertext()) for svg in pictures]
    assert any(f"file {showable(NAME)}" in text for text in shown)


def strings(value: Any) -> list[str]:
    """Every text in plain data."""
    if isinstance(value, dict):
        return strings([*value, *value.values()])
    if isinstance(value, (list, tuple)):
        return [text for one in value for text in strings(one)]
    return [value] if isinstance(value, str) else []


def test_the_texts_of_a_film() -> None:
    """Log, words, steps and CSV as they are shown; the program itself, to take along, has the names as they are."""
    recording = run(scenario())
    head, window = Film(of_one(recording), [TEXT]).head(), Film(of_one(recording), [TEXT]).whole()
    program = head.pop("json")
    assert Scenario.from_json(json.loads(program)["scenarios"][0]) == scenario()
    assert steering(program) == []
    assert [text for text in strings([head["sides"], head["python"], window]) if steering(text)] == []
    assert any(f"file={showable(NAME)}" in text or f"file='{showable(NAME)}'" in text for text in strings(window))


def test_the_page_has_no_markup_of_a_name() -> None:
    """A recording and its title: the three scripts that are ours, and nothing that UTF-8 cannot write."""
    text = page((run(scenario()),), TEXT)
    assert text.lower().count("</script") == 3 and "<!--" not in text
    assert steering(text) == []
    text.encode()


def test_copied_python_runs_the_same_program() -> None:
    """Also where an argument has a name that is no name in Python: it stays data."""
    recording = run(scenario())
    found: dict[str, Any] = {}
    exec(export.as_python(recording), found)
    assert found["program"].steps == scenario().steps


def test_tables_as_text_and_as_html() -> None:
    """Every cell is in one line, so that columns stay columns."""
    recording = run(scenario())
    for table in (
        tables.steps(recording),
        tables.comes_back({TEXT: recording}),
        beside(recording, recording, (TEXT, TEXT)),
    ):
        assert steering(repr(table)) == steering(table._repr_html_()) == []
        ElementTree.fromstring(table._repr_html_())
    assert steering(tables.log(recording)) == []
    files = (File("1:2", NAME, 2 << 20, 1, 1, True),)
    assert (
        steering("\n".join(map(str, Inventory({2 << 20: recording.counters(0)}, (), files).text().split("\n")))) == []
    )


def test_what_a_notebook_gets() -> None:
    """The lab of a program of one's own: words, head and window; and its text where nothing else is understood."""
    lab = explore(scenario())
    lab._need_filled()
    head = {name: value for name, value in lab.head.items() if name != "json"}
    assert [text for text in strings([head["sides"], lab.window, lab.message]) if steering(text)] == []
    assert steering(repr(lab)) == steering(lab.words) == []
    with lab._told():
        raise ScenarioError(TEXT)
    assert steering(lab.message["html"]) == [] and "<script" not in lab.message["html"]


def test_a_sheet() -> None:
    """Words, captions, cells and CSV; and the progress of a lab, which may name a file."""
    sheet = Sheet("s", TEXT, [], [Picture("", 1, 1, TEXT)], [(TEXT, Table((TEXT,), [(TEXT,)]))], "")
    assert [text for text in strings(sheet.head()) if steering(text)] == []
    lab = log_file()
    lab._progress(Progress(TEXT, None))
    assert steering(lab.progress.description) == [] and r"\x1b" in lab.progress.description


def test_a_report_as_text() -> None:
    """A note, a verdict or a line that was not read is one line."""
    report = examine_lines([*(DATA / "lesson.txt").read_text().splitlines(), f"[ 1.0] HUGETLB_TRACE: {TEXT}"], TEXT)
    report.notes.append(TEXT)
    assert steering(report.text(every=True)) == []


# -- names that cannot be ----------------------------------------------------------------------------
def test_nameable() -> None:
    """NUL ends a C string; half a surrogate pair has no bytes, unless it stands for one."""
    assert nameable("") and nameable("\x1b\n ü大\udcff")
    assert not nameable("a\0") and not nameable("\ud800")


@pytest.mark.parametrize("case", REFUSED)
def test_the_model_refuses(case: str) -> None:
    """One line, with the name as it can be shown; and nothing was changed."""
    program = REFUSED[case]
    try:
        kernel = boot(program)
    except ScenarioError as error:
        assert "boot" in case and r"\x00" in str(error)
        return
    *before, last = program.steps
    for op in before:
        kernel.run(op)
    rows, records = len(kernel.state.rows), dict(kernel.state.records)
    with pytest.raises(ScenarioError, match=r"\\x00|\\ud800"):
        kernel.run(last)
    assert (len(kernel.state.rows), kernel.state.records) == (rows, records)


@pytest.mark.parametrize("case", TAKEN)
def test_the_model_runs(case: str) -> None:
    """To the last step, and each with an answer."""
    program = TAKEN[case]
    recording = record(boot(program), program)
    assert len(recording.steps) == len(program.steps)
    assert {"options": ["ok", "EINVAL", "EINVAL"], "255 bytes are the longest": ["ok", "ok", "ENAMETOOLONG"]}.get(
        case, ["ok"] * len(recording.steps)
    ) == [step.outcome for step in recording.steps]
