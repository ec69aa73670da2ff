"""What was recorded for the side by side lab: complete, of these programs, and what model and kernel say today."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from hugelab import run
from hugelab.course import recorded
from hugelab.labs.side_by_side import MODEL, agreement
from hugelab.record.recording import compare
from tests.conftest import some
from tests.live.why import why_not_live

ROOT = Path(__file__).parents[2]
CHOICES = list(recorded.choices())
WHY_NOT = why_not_live()
SAMPLE = 97  # every so many programs are asked of the live kernel: 25 of them, of every kind


def test_the_programs_are_those_that_were_recorded() -> None:
    """A program that changed has another answer: then tools/record_side_by_side.py must run again."""
    assert recorded._file()["programs"] == recorded.fingerprint()
    assert recorded.kernel().startswith("6.18")


@pytest.mark.full
def test_every_answer_is_the_models() -> None:
    """All programs that the lab offers: outcome, value and counters after every step, with the kernel's bugs."""
    for choice, scenario in some([*recorded.programs()]):
        answer = recorded.answer(**choice)
        assert answer is not None, choice
        assert compare(run(scenario, MODEL), answer) is None, choice


def test_agreement_counts_every_program() -> None:
    """The table of the notebook has all programs in it, by mapping."""
    rows = agreement().rows
    assert sum(row[1] for row in rows) == len(CHOICES)
    assert all(programs == equal for _, programs, equal in rows)


def test_what_was_not_asked_has_no_answer() -> None:
    """Outside the controls' ranges there is None, not another program's answer."""
    choice = CHOICES[0]
    for name, value in (("pages", 7), ("touched", 7), ("pool", 5), ("kind", "memfd"), ("end", "reboot")):
        assert recorded.answer(**{**choice, name: value}) is None


def test_a_changed_number_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One page fewer in one answer of the file: no longer the model's."""
    choice = {"kind": "shared file", "end": "munmap, close, unlink", "pool": 10, "pages": 5, "touched": 5}
    changed = [[text.replace("10/5/0/0", "10/4/0/0") for text in answer] for answer in recorded._file()["answers"]]
    monkeypatch.setitem(recorded._file(), "answers", changed)
    answer = recorded.answer(**choice)
    assert answer is not None
    difference = compare(run(recorded.program(**choice), MODEL), answer)
    assert difference is not None and difference.what == "free of 2M"


def test_written_and_read_again_it_is_the_same_file() -> None:
    """pack and dump undo answer; the file is small."""
    answers = [recorded.answer(**choice) for choice in CHOICES]
    content = recorded.pack(recorded.kernel(), [answer for answer in answers if answer is not None])
    text = recorded.FILE.read_text(encoding="utf-8")
    assert recorded.dump(content) == text
    assert len(text.encode()) < 150_000


def test_the_wheel_holds_it(tmp_path: Path) -> None:
    """The package that is installed has the recorded runs, and the scripts and styles of the widgets."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "hugelab/course/data/side_by_side_6.18.json" in names
    for name in ("labs/widget/lab", "views/web/viewer"):
        assert {f"hugelab/{name}.js", f"hugelab/{name}.css"} <= set(names)
    own = {str(file.relative_to(ROOT)) for end in ("js", "css") for file in ROOT.glob(f"hugelab/**/*.{end}")}
    assert own <= set(names) and len(own) > 5


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "can")
def test_a_sample_on_the_live_kernel(say: Callable[[str], None]) -> None:
    """Some of every kind of mapping: the kernel that runs here answers what was recorded."""
    from hugelab.cli.live import on_live
    from hugelab.live.pool import borrow
    from hugelab.record.source import record
    from tests.live.alone import alone

    seen = set()
    with alone(), borrow(yes=True, wait=600) as pool:
        for choice, scenario in islice(recorded.programs(), 0, None, SAMPLE):
            answer = recorded.answer(**choice)
            assert answer is not None
            live = on_live(scenario, pool, lambda kernel, program=scenario: record(kernel, program))
            difference = compare(live, answer)
            if difference and not os.uname().release.startswith("6.18"):
                say(f"side by side, {choice} on Linux {os.uname().release}, recorded on 6.18: {difference}")
                continue
            assert difference is None, choice
            seen.add(choice["kind"])
    assert len(seen) == 4
