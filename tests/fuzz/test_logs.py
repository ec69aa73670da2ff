"""Broken logs through everything that reads logs: the same few hundred every time (the long run: tests.fuzz.logs)."""

from __future__ import annotations

import pytest

from hugelab.trace.read.reader import Reader

from . import logs


def test_broken_logs_are_read() -> None:
    """No exception but LogError, no line lost."""
    assert logs.fuzz(seconds=60, logs=400, seed=1) == 0


def test_the_recordings_themselves() -> None:
    for data in logs.recordings():
        assert len(logs.read_everything(data)) > 50 or len(data) < 5000


def test_a_failure_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A reader that chokes on a line: the seed and the kept log are printed."""
    right = Reader.read

    def wrong(self: Reader, text: str, line: int) -> object:
        if "hugetlb_fault" in text:
            raise IndexError("choked")
        return right(self, text, line)

    monkeypatch.setattr(Reader, "read", wrong)
    assert logs.fuzz(logs=20, seed=5) > 0
    said = capsys.readouterr().err
    assert "choked" in said
    assert "seed " in said
