"""Opening logs: whatever a file or pipe holds, lines and notes come out, or one line that says why not."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from hugelab.trace.read import source
from hugelab.trace.read.reader import Reader
from hugelab.trace.read.source import CHUNK, LONGEST, LogError, Source

LINE = b"   92.471981 |   0)  hugelab-605   | + 10.546 us   |    hugetlb_fault();\n"
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": lambda data: bz2.compress(data, 1),
    "xz": lambda data: lzma.compress(data, preset=0),
}


def read(data: bytes, tmp_path: Path, name: str = "log.txt") -> tuple[list[str], list[str]]:
    """Lines and notes of a file with these bytes; a stream gives the same."""
    path = tmp_path / name
    path.write_bytes(data)
    source, stream = Source(), Source()
    lines = list(source.lines(path))
    assert list(stream.lines(io.BytesIO(data))) == lines
    assert stream.notes == source.notes
    assert source.bytes_read == source.size == len(data)
    assert stream.size is None
    return lines, source.notes


def refused(data: bytes, tmp_path: Path, name: str = "a.log") -> str:
    """What the LogError says."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(LogError) as error:
        list(Source().lines(path))
    text = str(error.value).replace(str(tmp_path) + "/", "")
    assert "\n" not in text
    return text


# -- texts -------------------------------------------------------------------------------------------
def test_plain(tmp_path: Path) -> None:
    assert read(b"a\n\nb\n", tmp_path) == (["a", "", "b"], [])
    assert read(b"\n", tmp_path) == ([""], [])
    assert read("é ↓ \u2028 \x0b \x0c \x85\n".encode(), tmp_path) == (["é ↓ \u2028 \x0b \x0c \x85"], [])


def test_line_ends(tmp_path: Path) -> None:
    assert read(b"a\r\nb\r\n", tmp_path) == (["a", "b"], ["lines end in CR LF"])
    assert read(b"a\r\nb", tmp_path)[0] == ["a", "b"]
    assert read(b"a\rb\n", tmp_path) == (["a\rb"], [])
    assert read(b"a\nb", tmp_path) == (["a", "b"], ["the last line has no end: the log may be cut off"])


def test_odd_bytes(tmp_path: Path) -> None:
    lines, notes = read(b"one\ncaf\xe9\n\xff\n" + b"x\n" * 10, tmp_path)
    assert lines[:3] == ["one", "caf\ufffd", "\ufffd"]
    assert notes == ["2 lines were not UTF-8 (first: line 2): odd bytes show as U+FFFD"]
    assert read(b"caf\xe9\n", tmp_path)[1] == ["1 line was not UTF-8 (line 1): odd bytes show as U+FFFD"]
    lines, notes = read(b"\xe9" * (LONGEST // 2) + b"\n", tmp_path)  # shorter than the limit, though longer as UTF-8
    assert (lines, len(notes)) == (["\ufffd" * (LONGEST // 2)], 1)


def test_a_character_between_two_chunks(tmp_path: Path) -> None:
    data = b"x" * (CHUNK - 9) + b"\n" + "é".encode() * 20 + b"\n"
    assert read(data, tmp_path) == (["x" * (CHUNK - 9), "é" * 20], [])


def test_marks_of_other_systems(tmp_path: Path) -> None:
    assert read(b"\xef\xbb\xbfa\n", tmp_path) == (["a"], [])
    coloured = b"\x1b[32m[    5.1] \x1b[0mhello\x1b[K\n"
    assert read(coloured, tmp_path) == (["[    5.1] hello"], ["the colour codes of a terminal were left out"])


def test_nuls_far_inside_are_a_crash_and_no_binary(tmp_path: Path) -> None:
    data = LINE * 1000 + b"a\0\0b\n" + LINE
    lines, notes = read(data, tmp_path)
    assert lines[1000] == "a\ufffd\ufffdb"
    assert notes == ["1 line has NUL bytes (line 1,001): they show as U+FFFD"]


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1, 3 * LONGEST, 10 * LONGEST])
def test_long_lines(tmp_path: Path, length: int) -> None:
    lines, notes = read(b"a\n" + b"x" * length + b"\nb\n", tmp_path)
    assert [lines[0], lines[2]] == ["a", "b"]
    assert lines[1] == "x" * min(length, LONGEST)
    assert notes == (["a line of more than 64 KiB was cut (line 2)"] if length > LONGEST else [])


def test_long_lines_at_the_end_and_of_long_characters(tmp_path: Path) -> None:
    lines, notes = read(b"x" * 5 * LONGEST, tmp_path)
    assert lines == ["x" * LONGEST]
    assert notes == [
        "a line of more than 64 KiB was cut (line 1)",
        "the last line has no end: the log may be cut off",
    ]
    lines, notes = read(("x" + "é" * LONGEST + "\n").encode() * 2, tmp_path)
    assert lines == ["x" + "é" * (LONGEST // 2 - 1)] * 2
    assert notes == ["2 lines of more than 64 KiB were cut (first: line 1)"]


# -- compressed --------------------------------------------------------------------------------------
@pytest.mark.parametrize("packer", PACKERS)
def test_compressed_by_magic_and_not_by_name(tmp_path: Path, packer: str) -> None:
    assert read(PACKERS[packer](LINE * 5000), tmp_path) == ([LINE.decode().rstrip("\n")] * 5000, [])
    assert read(PACKERS[packer](gzip.compress(b"a\n")), tmp_path) == (["a"], [])
    assert "is empty" in refused(PACKERS[packer](b""), tmp_path)
    assert "perf script" in refused(PACKERS[packer](b"PERFILE2" + bytes(50)), tmp_path)


@pytest.mark.parametrize("packer", PACKERS)
def test_compressed_and_cut(tmp_path: Path, packer: str) -> None:
    random = b"".join(b"%d %x\n" % (i, i * 2654435761 % 2**32) for i in range(120_000))
    packed = PACKERS[packer](random)
    lines, notes = read(packed[: len(packed) // 2], tmp_path)
    whole = random.decode().split("\n")
    assert len(lines) > 1000
    assert lines[:-1] == whole[: len(lines) - 1]
    assert whole[len(lines) - 1].startswith(lines[-1])
    assert notes == [f"the compressed file ends in the middle: everything up to line {len(lines):,} was read"]
    assert "ends in the middle" in refused(packed[:5] if packer == "gz" else packed[:10], tmp_path)


def test_compressed_and_damaged(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(LINE * 5000))
    packed[-6] ^= 0xFF  # its checksum
    lines, notes = read(bytes(packed), tmp_path)
    assert len(lines) == 5000
    assert notes == ["the compressed file is damaged: everything up to line 5,000 was read"]
    assert read(gzip.compress(b"a\n") + b"more", tmp_path)[0] == ["a"]


def test_compressed_too_often(tmp_path: Path) -> None:
    data = b"a\n"
    for _ in range(4):
        data = gzip.compress(data)
    assert refused(data, tmp_path) == "a.log is compressed more than 3 times"


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes([65]) * (30 << 20) + b"\n", 9))
    tracemalloc.start()
    try:
        assert [len(line) for line in Source().lines(path)] == [LONGEST]
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_zstd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python unpacks it since 3.14; before, the command that does."""
    data = b"\x28\xb5\x2f\xfda\n"
    monkeypatch.setattr(source, "_zstd", lambda: None)
    said = refused(data, tmp_path)
    assert said.startswith("a.log is compressed with zstd: zstd -dc ")
    assert said.endswith("a.log | hugelab trace -")
    monkeypatch.setattr(source, "_zstd", lambda: lambda raw: io.BytesIO(raw.read(6)[4:]))
    assert read(data, tmp_path) == (["a"], [])


@pytest.mark.skipif(find_spec("compression") is None, reason="needs Python 3.14")
def test_zstd_itself(tmp_path: Path) -> None:
    zstd = pytest.importorskip("compression.zstd")
    packed = zstd.compress(LINE * 5000)
    assert len(read(packed, tmp_path)[0]) == 5000
    assert "ends in the middle" in read(packed[: len(packed) // 2], tmp_path)[1][0]


# -- refused -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\x17\x08\x44tracing6\0\0\0", "is trace-cmd's binary file: trace-cmd report "),
        (b"PERFILE2" + bytes(99), "is perf's binary file: perf script -i "),
        (b"LPKSHHRH" + bytes(99), "is a journal of systemd: journalctl -k --file "),
        ("a\n".encode("utf-16"), "is in UTF-16: iconv -f UTF-16 -t UTF-8 "),
        (b"\xfe\xff\0a\0\n", "is in UTF-16: iconv -f UTF-16 -t UTF-8 "),
        (b"PK\x03\x04" + bytes(99), "is a zip archive: unzip -p "),
        (b"\x7fELF" + bytes(99), "is binary, not a log"),
        (LINE * 5 + b"\0" + LINE, "is binary, not a log"),
        (LINE * 700 + b"\0" + LINE, "is binary, not a log"),
    ],
)  # fmt: skip
def test_refused_in_one_line(tmp_path: Path, data: bytes, said: str) -> None:
    text = refused(data, tmp_path)
    assert text.startswith(f"a.log {said}")
    if "|" in said or text.endswith(("-", "it")):
        assert "a.log" in text.removeprefix("a.log ")
    with pytest.raises(LogError, match=r"^standard input is "):
        list(Source().lines(io.BytesIO(data)))


def test_a_name_that_a_shell_would_not_take(tmp_path: Path) -> None:
    assert refused(b"PERFILE2", tmp_path, "it's my log").endswith("it'\"'\"'s my log' > trace.txt reads it")


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"^there is no file .*none$"):
        Source().lines(tmp_path / "none")
    with pytest.raises(LogError, match=r"is a directory, not a log$"):
        Source().lines(tmp_path)
    with pytest.raises(LogError, match="cannot be opened"):
        Source().lines("a\0b")


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*args: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", no)  # root may read everything
    with pytest.raises(LogError, match=r"may not be read \(permission denied\): sudo cat .*a\.log \| hugelab trace -$"):
        Source().lines(tmp_path / "a.log")


def test_a_disk_that_fails() -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(LogError, match=r"standard input cannot be read: input/output error"):
        Source().lines(Broken())  # type: ignore[arg-type]


def test_text_streams_are_a_fault_of_the_program() -> None:
    with pytest.raises(TypeError, match="bytes"):
        Source().lines(io.StringIO("a"))  # type: ignore[arg-type]


# -- pipes, progress, memory -------------------------------------------------------------------------
def test_a_pipe(tmp_path: Path) -> None:
    """Lines come as they are written: nothing waits for a full buffer, and nothing is sought."""
    reader, writer = os.pipe()
    os.write(writer, b"first line of a trace\nsec")
    with open(reader, "rb") as stream:
        assert stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
        source = Source()
        lines = source.lines(stream)
        assert next(lines) == "first line of a trace"
        os.write(writer, b"ond\n")
        assert next(lines) == "second"
        os.close(writer)
        assert list(lines) == []
    assert (source.bytes_read, source.size, source.notes) == (29, None, [])


def test_a_compressed_pipe_that_gives_a_byte_at_a_time() -> None:
    reader, writer = os.pipe()
    data = gzip.compress(LINE * 10)

    def write() -> None:
        for byte in data:
            os.write(writer, bytes([byte]))
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    with open(reader, "rb", buffering=0) as stream:
        assert len(list(Source().lines(stream))) == 10  # type: ignore[arg-type]
    thread.join()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(b"a\nb\n")

    monkeypatch.setattr("sys.stdin", Stdin)
    assert list(Source().lines("-")) == ["a", "b"]


def test_the_file_is_closed_when_lines_are_left(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(LINE * 5)
    lines = Source().lines(path)
    next(lines)
    lines.close()  # type: ignore[attr-defined]
    with pytest.raises(StopIteration):
        next(lines)


def test_progress(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(LINE * 50000)
    size, seen = path.stat().st_size, list[tuple[int, int | None]]()
    source = Source()
    assert sum(1 for _ in source.lines(path, lambda done, total: seen.append((done, total)))) == 50000
    assert {total for _, total in seen} == {size}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == size
    assert len(seen) == size // (1 << 20) + 1
    seen.clear()
    path.write_bytes(gzip.compress(LINE * 50000))  # in bytes of the file, but as often
    list(source.lines(path, lambda done, total: seen.append((done, total))))
    assert len(seen) == size // (1 << 20) + 1
    assert seen[-1] == (path.stat().st_size,) * 2


class Endless(io.RawIOBase):
    """A stream of so many bytes, made as it is read."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = (LINE * (CHUNK // len(LINE)))[: max(0, self.left)]
        self.left -= len(piece)
        return piece


@pytest.mark.parametrize("size", [1 << 20, 16 << 20])
def test_memory_does_not_grow(size: int) -> None:
    """Source and Reader hold pieces, not the log: the same peak for 16 times the log."""
    source, reader = Source(), Reader()

    def some() -> Iterator[str]:
        for number, line in enumerate(source.lines(Endless(size)), 1):  # type: ignore[arg-type]
            if number % 50 == 0:  # tracemalloc is slow
                yield line

    tracemalloc.start()
    try:
        for number, line in enumerate(some(), 1):
            reader.read(line, number)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
    assert source.bytes_read >= size
    assert reader.unread <= 1
