"""The words of STEP and RET marks -> operations of a Scenario, and what they answer.

A pure table: what the program calls, in C's words, against ``scenario.OPS``. Who knows addresses is walk.py.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

SIZES = (2 << 20, 1 << 30)  # bytes of a huge page
PUNCH = ["FALLOC_FL_PUNCH_HOLE", "FALLOC_FL_KEEP_SIZE"]
# Steps that say something and do nothing.
NOTHING = re.compile(r"end\b|child maps |file left in hugetlbfs")


class Said(NamedTuple):
    """An operation in words. ``addr`` and ``fd`` are the program's own, to be found in the model; bytes."""

    op: str
    args: dict[str, Any]
    addr: int | None = None
    fd: int | None = None
    newest: bool = False  # it is about the mapping that was made last
    wrong: str = ""  # what cannot be in these words


def read(text: str) -> Said | None:
    """The operation behind the words of a STEP mark; None if they are unknown."""
    for pattern, build in _WORDS:
        found = pattern.match(text)
        if found:
            said: Said = build(*found.groups())
            return said
    return None


def _open(path: str, flags: str, mode: str) -> Said:
    octal = set(mode) <= set("01234567")
    args = {"path": _path(path), "flags": flags.split("|"), "mode": mode if octal else "0755"}
    return Said("open", args, wrong="" if octal else f"mode {mode} is not octal")


def _mmap(pages: str, size: str, prot: str, flags: str, fd: str, off: str) -> Said:
    args: dict[str, Any] = {"bytes": int(size), "prot": prot.split("|"), "flags": flags.split("|")}
    if int(off, 0):
        args["offset_bytes"] = int(off, 0)
    unit, rest = divmod(int(size), int(pages)) if int(pages) else (0, 1)
    wrong = "" if not rest and unit in SIZES else f"{pages} pages are not {size} bytes"
    return Said("mmap", args, fd=int(fd) if fd != "-1" else None, wrong=wrong)


def _touch(how: str, address: str) -> Said:
    return Said("touch", {"mode": "w" if how == "write" else "r"}, int(address, 16))


def _memset(at: str | None, count: str | None, unit: str | None) -> Said:
    wrong = ""
    if unit is None and count is not None and int(count) % (2 << 20):
        wrong = f"memset of {count} bytes: no number of huge pages"
    pages = int(count) // 2 if unit and count else int(count) // (2 << 20) if count else None
    args: dict[str, Any] = {"page": int(at or 0)} | ({"count": pages} if pages else {})
    return Said("touch", args, newest=True, wrong=wrong)


def _munmap(address: str, pages: str) -> Said:
    return Said("munmap", {"pages": int(pages)}, int(address, 16))


def _madvise(page: str, advice: str) -> Said:
    return Said("madvise", {"page": int(page), "pages": 1, "advice": advice}, newest=True)


def _path(path: str) -> str:
    return "m/" + path.rpartition("/")[2]


_WORDS = [
    (re.compile(pattern), build)
    for pattern, build in (
        (r'open\("([^"]+)", ([\w|]+), (\d{1,19})\)', _open),
        (
            r"mmap\(NULL, (\d{1,19}) pages = (\d{1,19}), ([\w|]+), ([\w|]+), fd=(-?\d{1,9}), "
            r"off=(\d{1,19}|0x[0-9a-f]{1,16})\)",
            _mmap,
        ),
        (r"(write|read) one byte at (0x[0-9a-f]{1,16})", _touch),
        (r"memset\(\w+(?: \d+)?(?: \+ (\d{1,19}) \* 2 MB)?, 'H'(?:, (\d{1,19})( MB)?)?\)", _memset),
        (r"munmap\((0x[0-9a-f]{1,16}), (\d{1,19}) pages\)", _munmap),
        (r"close\((\d{1,19})\)", lambda fd: Said("close", {}, fd=int(fd))),
        (r'unlink\("([^"]+)"\)', lambda path: Said("unlink", {"path": _path(path)})),
        (r"ftruncate\(fd, (\d{1,19}) pages\)", lambda pages: Said("ftruncate", {"pages": int(pages)})),
        (r"echo (\d{1,19}) > nr_hugepages", lambda n: Said("set_nr", {"n": int(n)})),
        (r"echo (\d{1,19}) > nr_overcommit_hugepages", lambda n: Said("set_overcommit", {"n": int(n)})),
        (r"fork\(\)", lambda: Said("fork", {"child": "C"})),
        (
            r"fallocate\(PUNCH_HOLE\|KEEP_SIZE, page (\d{1,19})\)",
            lambda page: Said("fallocate", {"page": int(page), "pages": 1, "mode": PUNCH}),
        ),
        (
            r"fallocate\(fd, 0, (\d{1,19}), (\d{1,19}) pages\)",
            lambda at, pages: Said("fallocate", {"page": int(at) >> 21, "pages": int(pages)}),
        ),
        (r"madvise\(page (\d{1,19}), (MADV_\w+)\)", _madvise),
        (r"mount -t hugetlbfs(?: -o (\S+))? none (\S+)", lambda options, where: _mount(options)),
        (r"umount (\S+)", lambda where: Said("umount", {"mount": "m"})),
    )
]


def _mount(options: str | None) -> Said:
    return Said("mount", {"mount": "m", "options": options or ""})


# -- answers -----------------------------------------------------------------------------------------------
ERRNO = {1: "EPERM", 2: "ENOENT", 9: "EBADF", 12: "ENOMEM", 13: "EACCES", 14: "EFAULT", 16: "EBUSY", 22: "EINVAL",
         28: "ENOSPC", 95: "ENOTSUP"}  # fmt: skip
_REFUSED = re.compile(r"= -1 errno=(\d+)")
_SIGNAL = re.compile(r"signal \d+ \((SIG\w+)\)")
# A kernel that does not have a call says so; the step changed nothing.
_NO_SUCH_CALL = re.compile(r"(?:fallocate|madvise) = -?\d+ (?:errno=\d+ )?(?:Operation not supported|Invalid argument)")
_MOUNTED = re.compile(r"mount \((\S+) only\) = 0")


def outcome(answers: list[str]) -> str:
    """``ok``, an errno's or a signal's name, from the RET marks of a step."""
    text = " ".join(answers)
    refused = _REFUSED.search(text)
    if refused:
        return ERRNO.get(int(refused[1]), f"errno {refused[1]}")
    signal = _SIGNAL.search(text)
    return signal[1] if signal else "ok"


def not_there(answers: list[str]) -> bool:
    """Did this kernel not have the call at all?"""
    return any(_NO_SUCH_CALL.match(answer) for answer in answers)


def mounted_with(answers: list[str]) -> str | None:
    """The mount options that were taken instead, where the kernel did not know all."""
    return next((found[1] for answer in answers if (found := _MOUNTED.match(answer))), None)
