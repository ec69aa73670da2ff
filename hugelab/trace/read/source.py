"""Opens a log of any size: a file, a compressed file, a pipe. What it cannot read it refuses in one clear line.

Nothing is held but the piece that is read at the moment: a log may be larger than the memory, or never end.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import re
import shlex
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Protocol

Progress = Callable[[int, int | None], None]

CHUNK = 1 << 16  # bytes read at a time
LONGEST = 1 << 16  # bytes of a line; what is longer is cut
SNIFF = 1 << 16  # bytes in which a NUL says that this is no text
STEP = 1 << 20  # bytes of text between two calls of progress
HEAD = 16  # bytes that every magic fits in
DEEPEST = 4  # a gzip inside a gzip inside ...
ODD = "\ufffd"  # stands for what is no character

_COMPRESSED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_ZSTD = b"\x28\xb5\x2f\xfd"
_TAKES = "hugelab trace"  # the command that a fix ends in
# What a file begins with -> what it is and what makes a log of it. {file} is its name as a shell takes it.
_OTHERS = (
    (b"\x17\x08\x44tracing", "trace-cmd's binary file: trace-cmd report {file} > trace.txt reads it"),
    ((b"PERFILE2", b"2ELIFREP"), "perf's binary file: perf script -i {file} > trace.txt reads it"),
    (b"LPKSHHRH", "a journal of systemd: journalctl -k --file {file} > log.txt reads it"),
    ((b"\xff\xfe", b"\xfe\xff"), f"in UTF-16: iconv -f UTF-16 -t UTF-8 {{file}} | {_TAKES} -"),
    (b"PK\x03\x04", f"a zip archive: unzip -p {{file}} | {_TAKES} -"),
    (b"\x04\x22\x4d\x18", f"compressed with lz4: lz4 -dc {{file}} | {_TAKES} -"),
    (b"7z\xbc\xaf\x27\x1c", f"a 7z archive: 7z x -so {{file}} | {_TAKES} -"),
    (b"\x7fELF", "binary, not a log"),
)
_COLOURS = re.compile(r"\x1b\[[0-9;?]{0,32}[A-Za-z]")


class LogError(ValueError):
    """A log that cannot be read; the text says why and, where there is one, the command that helps."""


class Source:
    """The lines of a log, and what was odd about them.

    ``bytes_read`` counts what was taken from the file or pipe itself (compressed bytes of a compressed one), ``size``
    is the file's in bytes: None for a pipe or a file that the kernel writes while it is read.
    """

    def __init__(self) -> None:
        self.bytes_read = 0
        self.size: int | None = None
        self._restart()

    def _restart(self) -> None:
        self._line = 0  # lines given so far
        self._cr = False
        self._colours = False
        self._odd: list[int] = [0, 0]  # how many lines, the first
        self._nul: list[int] = [0, 0]
        self._long: list[int] = [0, 0]
        self._ends = ""  # how a compressed file ended, if not well
        self._open_end = False

    @property
    def notes(self) -> list[str]:
        """Notes for the reader of the log, a line each; complete when all lines were taken."""
        said = []
        if self._cr:
            said.append("lines end in CR LF")
        if self._odd[0]:
            said.append(f"{_lines(self._odd[0], 'was', 'were')} not UTF-8{_first(self._odd)}: odd bytes show as U+FFFD")
        if self._nul[0]:
            said.append(f"{_lines(self._nul[0], 'has', 'have')} NUL bytes{_first(self._nul)}: they show as U+FFFD")
        if self._colours:
            said.append("the colour codes of a terminal were left out")
        if self._long[0]:
            long = f"of more than {LONGEST >> 10} KiB"
            lines = _lines(self._long[0], f"{long} was", f"{long} were").replace("1 line of", "a line of")
            said.append(f"{lines} cut{_first(self._long)}")
        if self._ends:
            said.append(self._ends)
        elif self._open_end:
            said.append("the last line has no end: the log may be cut off")
        return said

    def lines(self, where: str | os.PathLike[str] | BinaryIO, progress: Progress | None = None) -> Iterator[str]:
        """The lines of a file (``"-"`` is standard input) or an open binary stream, without their ends.

        Raises LogError: at once for a file that is no log, later for one that turns out to be none. ``progress`` is
        called about every MiB of text with the bytes read and ``size``.
        """
        self._restart()
        self.bytes_read, self.size = 0, None
        raw, name, shell = self._open(where)
        ours = raw if isinstance(where, (str, os.PathLike)) and str(where) != "-" else None
        try:
            stream = self._unpack(_Counted(raw, self), name, shell)
        except BaseException:
            if ours:
                ours.close()
            raise
        return self._lines(stream, name, ours, progress)

    def _open(self, where: str | os.PathLike[str] | BinaryIO) -> tuple[BinaryIO, str, str]:
        if isinstance(where, (str, os.PathLike)) and str(where) != "-":
            name = os.fspath(where)
            try:
                raw: BinaryIO = Path(name).open("rb", buffering=0)  # noqa: SIM115 (closed with the last line)
            except FileNotFoundError:
                raise LogError(f"there is no file {name}") from None
            except IsADirectoryError:
                raise LogError(f"{name} is a directory, not a log") from None
            except PermissionError:
                fix = f"sudo cat {shlex.quote(name)} | {_TAKES} -"
                raise LogError(f"{name} may not be read (permission denied): {fix}") from None
            except (OSError, ValueError) as error:
                raise LogError(f"{name} cannot be opened: {_why(error)}") from None
            shell = shlex.quote(name)
        else:
            raw = sys.stdin.buffer if isinstance(where, (str, os.PathLike)) else where
            name, shell = "standard input", "FILE"
            found = getattr(raw, "name", None)
            if isinstance(found, str) and not found.startswith("<"):
                name, shell = found, shlex.quote(found)
        try:
            status = os.fstat(raw.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_size:  # the files of /proc and tracefs say 0
                self.size = status.st_size
        except (OSError, ValueError, AttributeError):  # a stream in memory
            pass
        return raw, name, shell

    def _unpack(self, stream: _Bytes, name: str, shell: str) -> _Bytes:
        """The stream of the text itself. Looks at the first bytes and keeps them: a pipe gives them only once."""
        for _ in range(DEEPEST):
            head = self._head(stream, name)
            if not head:
                raise LogError(f"{name} is empty" if not self._ends else f"{name}: {self._ends}")
            for magic, what in _OTHERS:
                if head.startswith(magic):
                    raise LogError(f"{name} is {what.format(file=shell)}")
            opener = next((opener for magic, opener in _COMPRESSED.items() if head.startswith(magic)), None)
            if head.startswith(_ZSTD):
                opener = _zstd()
                if opener is None:
                    raise LogError(f"{name} is compressed with zstd: zstd -dc {shell} | {_TAKES} -")
            if opener is None:
                return _Again(head, stream)
            stream = _Unpacked(opener(_Again(head, stream)), self)
        raise LogError(f"{name} is compressed more than {DEEPEST - 1} times")

    def _head(self, stream: _Bytes, name: str) -> bytes:
        head = b""
        while len(head) < HEAD and (piece := self._take(stream, name)):
            head += piece
        return head

    def _take(self, stream: _Bytes, name: str) -> bytes:
        try:
            return stream.read(CHUNK)
        except OSError as error:
            raise LogError(f"{name} cannot be read: {_why(error)}") from None

    def _lines(self, stream: _Bytes, name: str, ours: BinaryIO | None, progress: Progress | None) -> Iterator[str]:
        told = 0
        try:
            for done, block in self._blocks(stream, name):
                yield from self._text(block)
                if progress and done - told >= STEP:
                    told = done
                    progress(self.bytes_read, self.size)
            if not self._line:
                raise LogError(f"{name} is empty" if not self._ends else f"{name}: {self._ends}")
            if self._ends:
                self._ends = f"{self._ends}: everything up to line {self._line:,} was read"
            if progress:
                progress(self.bytes_read, self.size)
        finally:
            if ours:
                ours.close()

    def _blocks(self, stream: _Bytes, name: str) -> Iterator[tuple[int, bytes]]:
        """Pieces of the text that end before a line's end, each with the number of bytes so far."""
        done, rest, cut = 0, b"", False  # rest is a line's beginning; cut: the remainder of a line is to be passed over
        while chunk := self._take(stream, name):
            if not done:
                chunk = chunk.removeprefix(codecs.BOM_UTF8)
            if done < SNIFF and b"\0" in chunk[: SNIFF - done]:
                raise LogError(f"{name} is binary, not a log")
            done += len(chunk)
            if cut:
                _, found, chunk = chunk.partition(b"\n")
                if not found:
                    continue
                cut = False
            block, found, tail = chunk.rpartition(b"\n")
            if found:
                yield done, rest + block
            rest = tail if found else rest + tail
            if len(rest) > LONGEST:
                yield done, rest
                rest, cut = b"", True
        self._open_end = bool(rest) or cut
        if rest:
            yield done, rest

    def _text(self, block: bytes) -> list[str]:
        """The lines of a block that ends before a line's end."""
        try:
            lines = block.decode().split("\n")
        except UnicodeDecodeError:
            lines = self._each(block.split(b"\n"))
        else:
            if len(block) > LONGEST and max(map(len, lines)) > LONGEST // 4:  # 4 bytes a character
                lines = self._each(block.split(b"\n"))
        if b"\x1b" in block or b"\r" in block or b"\0" in block:
            lines = [self._plain(line, number) for number, line in enumerate(lines, self._line + 1)]
        self._line += len(lines)
        return lines

    def _each(self, lines: list[bytes]) -> list[str]:
        """Lines one by one: one is too long or no UTF-8."""
        found = []
        for number, line in enumerate(lines, self._line + 1):
            if len(line) > LONGEST:
                self._note(self._long, number)
                line = _whole(line[:LONGEST])
            try:
                found.append(line.decode())
            except UnicodeDecodeError:
                self._note(self._odd, number)
                found.append(line.decode(errors="replace"))
        return found

    def _plain(self, line: str, number: int) -> str:
        """A line without what a terminal, another system or a crash put into it."""
        if line.endswith("\r"):
            self._cr = True
            line = line.rstrip("\r")
        if "\0" in line:
            self._note(self._nul, number)
            line = line.replace("\0", ODD)
        if "\x1b" in line:
            plain = _COLOURS.sub("", line)
            self._colours |= plain != line
            return plain
        return line

    def _note(self, what: list[int], number: int) -> None:
        what[0] += 1
        what[1] = what[1] or number

    def ended(self, how: str) -> None:
        """A packed stream says that it ended badly."""
        self._ends = how


class _Bytes(Protocol):
    """Something to read bytes from."""

    def read(self, size: int = CHUNK) -> bytes:
        """At most ``size`` bytes; b"" at the end. Waits for a pipe, and takes what is there."""


class _Counted:
    """The file or pipe itself; counts what was taken."""

    def __init__(self, raw: BinaryIO, source: Source) -> None:
        self._read: Callable[[int], bytes | str | None] = getattr(raw, "read1", raw.read)
        self._source = source

    def read(self, size: int = CHUNK) -> bytes:
        data = self._read(size) or b""
        if isinstance(data, str):
            raise TypeError("a log is read as bytes: give the stream's .buffer")
        self._source.bytes_read += len(data)
        return data


class _Again(io.RawIOBase):
    """Gives the bytes back that were looked at, then the stream's. A file for the modules that unpack."""

    def __init__(self, head: bytes, stream: _Bytes) -> None:
        self._kept, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = CHUNK) -> bytes:
        if not self._kept:
            return self._stream.read(CHUNK if size < 0 else size)
        size = len(self._kept) if size < 0 else size
        head, self._kept = self._kept[:size], self._kept[size:]
        return head

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Unpacked:
    """A compressed stream's text. Where it is damaged it ends, and the Source notes it."""

    def __init__(self, packed: Any, source: Source) -> None:
        self._packed, self._source, self._over = packed, source, False

    def read(self, size: int = CHUNK) -> bytes:
        if self._over:
            return b""
        try:
            data: bytes = self._packed.read1(size)
        except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's, not the packer's
            self._over = True
            how = "ends in the middle" if isinstance(error, EOFError) else "is damaged"
            self._source.ended(f"the compressed file {how}")
            return b""
        return data


def _zstd() -> Callable[[Any], Any] | None:
    """Returns the module that unpacks zstd: Python has one since 3.14."""
    try:
        opener: Callable[[Any], Any] = import_module("compression.zstd").ZstdFile
    except ImportError:
        return None
    return opener


def _whole(line: bytes) -> bytes:
    """A cut line without the character that the cut went through."""
    return codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(line).encode(errors="surrogateescape")


def _lines(count: int, one: str, many: str) -> str:
    return f"1 line {one}" if count == 1 else f"{count:,} lines {many}"


def _first(what: list[int]) -> str:
    return f" (line {what[1]:,})" if what[0] == 1 else f" (first: line {what[1]:,})"


def _why(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
