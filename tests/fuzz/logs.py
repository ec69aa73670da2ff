"""``python -m tests.fuzz.logs [SECONDS] [--seed N]``: broken recordings through all that reads logs.

No log may raise anything but LogError, lose a line or take long. What fails is written to a file, and its seed is
printed: the same seed makes the same log. Exit 1 if there was any.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import json
import lzma
import math
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from hugelab.trace.detective import examine_lines
from hugelab.trace.read.entry import Entry, Kind
from hugelab.trace.read.reader import Reader
from hugelab.trace.read.source import LogError, Source
from hugelab.trace.verdict import RULES

ROOT = Path(__file__).parents[1]
LONG = 200  # lines of a log at most: many small logs find more than few large ones
LIMIT = 5.0  # seconds for one log: a pattern that tries a line in all ways takes minutes


def recordings() -> list[bytes]:
    """Every recorded log, and the lesson's page."""
    paths = [*sorted((ROOT / "trace" / "data").glob("*.txt")), *sorted((ROOT / "data").glob("*.txt"))]
    return [path.read_bytes() for path in paths]


# -- what is done to a log ------------------------------------------------------------------------------
def _some(chance: random.Random, data: bytes) -> tuple[int, int]:
    """A place and a length in it, mostly short."""
    at = chance.randrange(len(data) + 1)
    return at, min(len(data) - at, int(chance.paretovariate(0.7)))


def cut(chance: random.Random, data: bytes) -> bytes:
    at, length = _some(chance, data)
    return data[:at] + data[at + length :]


def end(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def flip(chance: random.Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(chance.randrange(1, 20)):
        if found:
            found[chance.randrange(len(found))] = chance.choice((chance.randrange(256), chance.randrange(32, 127)))
    return bytes(found)


def double(chance: random.Random, data: bytes) -> bytes:
    at, length = _some(chance, data)
    return data[:at] + data[at : at + length] * chance.choice((2, 3, 50)) + data[at + length :]


def swap(chance: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    for _ in range(chance.randrange(1, 10)):
        one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
        lines[one], lines[two] = lines[two], lines[one]
    return b"\n".join(lines)


def splice(chance: random.Random, data: bytes) -> bytes:
    """The beginning of a line and the end of another."""
    lines = data.split(b"\n")
    for _ in range(chance.randrange(1, 10)):
        one, two = chance.choice(lines), chance.choice(lines)
        lines[chance.randrange(len(lines))] = (
            one[: chance.randrange(len(one) + 1)] + two[chance.randrange(len(two) + 1) :]
        )
    return b"\n".join(lines)


def insert(chance: random.Random, data: bytes) -> bytes:
    """Bytes that somebody has to mind: other alphabets' digits, long numbers, long lines, zeros, ends of lines."""
    odd: list[Callable[[], bytes]] = [
        lambda: chance.randbytes(chance.randrange(1, 300)),
        lambda: b"9" * chance.choice((1, 19, 25, 400, 5000)),
        lambda: b" " * chance.choice((1, 100, 70000)),
        lambda: chance.choice((b"a", b"(", b"-1 ", b"|", b"x=1 ", b"\t", b"[0] ", b".")) * chance.choice((2, 9, 70000)),
        lambda: chance.choice(("²", "٣", "１２", "é", "\u2028", "\x85", "\x0c", "\x1b[31m", "\x1b[")).encode(),
        lambda: chance.choice(
            (b"\0", b"\r", b"\r\n", b"\n\n", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b", b"%s", b"0x")
        ),
    ]
    at, _ = _some(chance, data)
    return data[:at] + chance.choice(odd)() + data[at:]


def numbers(chance: random.Random, data: bytes) -> bytes:
    """Other numbers in the places of some."""
    found = bytearray(data)
    digits = [i for i, byte in enumerate(found) if 48 <= byte < 58]
    for i in chance.sample(digits, min(len(digits), chance.randrange(1, 30))):
        found[i] = chance.choice(b"0123456789abcdefx-.")
    return bytes(found)


BREAKS = (cut, end, flip, flip, double, swap, splice, insert, insert, numbers)
PACKERS = (gzip.compress, bz2.compress, lambda data: lzma.compress(data, preset=0))


def broken(seed: int, logs: list[bytes]) -> bytes:
    """A part of one recording or of two, with up to six faults; some are compressed, and broken again."""
    chance = random.Random(seed)
    lines: list[bytes] = []
    for _ in range(chance.choice((1, 1, 2))):
        log = chance.choice(logs).split(b"\n")
        first = chance.randrange(len(log))
        lines += log[first : first + chance.randrange(1, LONG // 2)]
    if chance.random() < 0.3:
        chance.shuffle(lines)
    data = b"\n".join(lines) + b"\n"
    for _ in range(chance.randrange(7)):
        data = chance.choice(BREAKS)(chance, data)
    if chance.random() < 0.1:
        data = chance.choice(PACKERS)(data)
        if chance.random() < 0.7:
            data = chance.choice((end, flip, insert))(chance, data)
    return data


# -- what must hold -------------------------------------------------------------------------------------
class _Pieces(io.RawIOBase):
    """A pipe that gives what it likes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._chance = io.BytesIO(data), random.Random(len(data))

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, self._chance.choice((1, 7, 1000, 1 << 16))))


def read_everything(data: bytes) -> list[Entry]:
    """A log through all that reads logs. AssertionError: something does not hold; [] for one that is refused."""
    source, again = Source(), Source()
    try:
        lines = list(source.lines(io.BytesIO(data)))
    except LogError as error:
        assert "\n" not in str(error) and len(str(error)) < 200, error
        return []
    piped = list(again.lines(_Pieces(data)))  # type: ignore[arg-type]
    if not any("compressed" in note for note in source.notes):  # how much of a damaged one unpacks may differ
        assert lines == piped, "a pipe gives other lines than a file"
        assert source.notes == again.notes
    assert source.bytes_read <= len(data)
    assert not any("\n" in line for line in lines)
    _judge(lines)
    return list(_read(lines))


def _judge(lines: list[str]) -> None:
    """The detective has an answer to everything, and it can be printed and read again."""
    report = examine_lines(lines)
    assert report.lines == len(lines)
    assert all(0 <= verdict.line <= len(lines) and verdict.rule in RULES for verdict in report.verdicts)
    assert json.loads(json.dumps(report.to_json()))["lines"] == len(lines)
    assert report.text(every=True)


def _read(lines: list[str]) -> Iterator[Entry]:
    reader, understood = Reader(), 0
    for number, line in enumerate(lines, 1):
        entry = reader.read(line, number)
        if entry is None:
            continue
        understood += 1
        assert entry.line == number
        assert entry.time is None or math.isfinite(entry.time), entry
        assert entry.name or entry.kind in (Kind.RETURN, Kind.NOTE, Kind.OTHER, Kind.LOST), entry
        yield entry
    assert reader.lines == len(lines)
    assert reader.unread + understood == reader.lines
    assert len(reader.shown) == min(20, reader.unread)
    assert isinstance(reader.format, str)


# -- the run --------------------------------------------------------------------------------------------
def fuzz(seconds: float = 1e9, logs: int = 10**9, seed: int = 1) -> int:
    """Read broken logs until the time or the number is over; returns how many failed."""
    begin, whole, failed, done, events = time.monotonic(), recordings(), 0, 0, 0
    while time.monotonic() - begin < seconds and done < logs:
        data = broken(seed + done, whole)
        started = time.monotonic()
        try:
            events += len(read_everything(data))
            assert time.monotonic() - started < LIMIT, f"took {time.monotonic() - started:.0f} s"
        except Exception:
            failed += 1
            path = Path(tempfile.gettempdir()) / f"fuzz-log-{seed + done}"
            path.write_bytes(data)
            print(f"seed {seed + done}, kept as {path}:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
            if failed >= 20:
                break
        done += 1
    spent = time.monotonic() - begin
    print(f"fuzz: {done:,} broken logs, {events:,} lines understood, {failed} failed, {spent:.0f} s", flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz.logs", description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    parser.add_argument("--logs", type=int, default=10**9, help="stop after so many logs, too")
    parser.add_argument("--seed", type=int, default=None, help="begin with this seed (default: the time)")
    args = parser.parse_args()
    return 1 if fuzz(args.seconds, args.logs, int(time.time()) if args.seed is None else args.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
