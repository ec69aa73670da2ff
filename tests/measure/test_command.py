"""`hugelab measure`: bad input is one line, on any system."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hugelab.__main__ import main
from hugelab.live.errors import LiveUnavailable
from hugelab.measure import fractured, measure, sentences, table
from tests.measure.made import measured


def call(*args: str) -> int:
    """main(argv), whether it returns its exit code or leaves by SystemExit."""
    try:
        return main(["measure", *args])
    except SystemExit as leave:
        assert isinstance(leave.code, int)
        return leave.code


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("--size", "1x"), "'1x' is not a size"),
        (("--size", "10M", "0"), "a size is a positive multiple of 4 KB, not 0 bytes"),
        (("--size", "5000"), "not 5,000 bytes"),
        (("--size",), "expected at least one argument"),
        (("--budget", "-1"), "-1 s is not a time to measure in"),
        (("--budget", "nan"), "nan s is not a time"),
        (("--budget", "inf"), "inf s is not a time"),
        (("--budget", "long"), "'long' is not a number of seconds"),
        (("--show", "no/such/file"), "no/such/file: No such file"),
    ],
)
def test_bad_input_is_one_line(args: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong, and exit code 2."""
    assert call(*args) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert why in said.err


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's memory")
def test_a_size_that_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    """Said before anything is changed or asked."""
    assert call("--yes", "--size", "1M", "900T") == 2
    said = capsys.readouterr()
    assert said.err.startswith("hugelab: 3 buffers of 900 TB are more than 80% of the available memory: the largest ")


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "not JSON"), ("{", "not JSON"), ("{}", "this is not a result"), ('{"format": 1}', "has no field 'machine'")],
)
def test_show_of_a_broken_file(text: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which file, and what it is not."""
    (tmp_path / "x").write_text(text)
    assert call("--show", str(tmp_path / "x")) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"hugelab: {tmp_path / 'x'}: ") and why in said and said.count("\n") == 1
    (tmp_path / "x").write_bytes(b"\xff")
    assert call("--show", str(tmp_path / "x")) == 2
    assert "not JSON" in capsys.readouterr().err


def test_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table, an empty line, the sentences."""
    result = measured()
    (tmp_path / "x").write_text(json.dumps(result.to_json()))
    assert call("--show", str(tmp_path / "x")) == 0
    assert capsys.readouterr().out == "\n".join([table(result), "", *sentences(result), ""])


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines that can be typed."""
    assert call("--help") == 0
    assert "examples:\n  hugelab measure " in capsys.readouterr().out


def test_measuring_needs_linux(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line elsewhere, in Python and on the command line."""
    monkeypatch.setattr(sys, "platform", "darwin")
    for function in (measure, lambda: fractured("THP")):
        with pytest.raises(LiveUnavailable, match=r"^measuring needs Linux on x86-64, this is darwin$"):
            function()
    assert call("--yes") == 2
    assert capsys.readouterr().err == "hugelab: measuring needs Linux on x86-64, this is darwin\n"
