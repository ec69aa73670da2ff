"""What a program passes to a system call and gets back: flag names, sizes, results (uapi headers of x86)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..core.units import parse_size
from ..record.source import Unsupported
from .flags import VM_EXEC, VM_READ, VM_WRITE
from .scenario import Op, ScenarioError

# uapi/linux/mman.h, asm-generic/mman.h; a scenario gives the names.
MAP_TYPE = {"MAP_SHARED": 1, "MAP_PRIVATE": 2, "MAP_SHARED_VALIDATE": 3}
MAP_FLAGS = {
    *("MAP_FIXED", "MAP_FIXED_NOREPLACE", "MAP_ANONYMOUS", "MAP_HUGETLB", "MAP_NORESERVE", "MAP_POPULATE"),
    *(
        "MAP_NONBLOCK",
        "MAP_LOCKED",
        "MAP_GROWSDOWN",
        "MAP_SYNC",
        "MAP_STACK",
        "MAP_DENYWRITE",
        "MAP_EXECUTABLE",
        "MAP_32BIT",
    ),
}
_HUGE = ("64KB", "512KB", "1MB", "2MB", "8MB", "16MB", "32MB", "256MB", "512MB", "1GB", "2GB", "16GB")
HUGE_SIZES = {f"HUGE_{name}": parse_size(name) for name in _HUGE}  # with MAP_, MFD_ or SHM_ before it
PROT = {"PROT_NONE": 0, "PROT_READ": VM_READ, "PROT_WRITE": VM_WRITE, "PROT_EXEC": VM_EXEC}
OPEN_FLAGS = {
    *("O_RDONLY", "O_WRONLY", "O_RDWR", "O_CREAT", "O_EXCL", "O_TRUNC", "O_TMPFILE"),
    *("O_CLOEXEC", "O_LARGEFILE", "O_NOFOLLOW"),
}
F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_EXEC = (1 << bit for bit in range(6))
SEALS = {
    "F_SEAL_SEAL": F_SEAL_SEAL,
    "F_SEAL_SHRINK": F_SEAL_SHRINK,
    "F_SEAL_GROW": F_SEAL_GROW,
    "F_SEAL_WRITE": F_SEAL_WRITE,
    "F_SEAL_FUTURE_WRITE": F_SEAL_FUTURE_WRITE,
    "F_SEAL_EXEC": F_SEAL_EXEC,
}
BUS_ADRERR, SEGV_MAPERR, SEGV_ACCERR, SI_KERNEL = 2, 1, 2, 128  # si_code


class Mapping(NamedTuple):
    """What a program knows of a mapping: address and length in bytes, and the page size."""

    addr: int
    length: int
    size: int


FAILED = Mapping(-1, 0, 0)  # MAP_FAILED


class Fault(NamedTuple):
    """An access that ended with a signal: its name, and what the handler could see."""

    outcome: str
    value: dict[str, Any]


def map_flags(op: Op) -> tuple[set[str], str | None, int]:
    """The flags of an mmap, its type (MAP_SHARED ...; None if there is no such type), the protection as VM_ bits.

    Raises Unsupported for a flag that the model does not know.
    """
    names = names_of(op, "flags", ["MAP_SHARED"])
    if unknown := names - MAP_FLAGS - MAP_TYPE.keys() - {f"MAP_{name}" for name in HUGE_SIZES}:
        raise Unsupported(f"mmap flag {', '.join(sorted(unknown))} is not in the model")
    bits = protection(op, ["PROT_READ", "PROT_WRITE"])
    number = 0
    for name in names & MAP_TYPE.keys():
        number |= MAP_TYPE[name]
    kind = next((name for name, value in MAP_TYPE.items() if value == number), None)
    return names - MAP_TYPE.keys(), kind, bits


def open_flags(op: Op) -> set[str]:
    """The flags of an open. Raises Unsupported for one that the model does not know."""
    flags = names_of(op, "flags", ["O_CREAT", "O_RDWR"])
    if unknown := flags - OPEN_FLAGS:
        raise Unsupported(f"open flag {', '.join(sorted(unknown))} is not in the model")
    return flags


def names_of(op: Op, field: str, default: list[str]) -> set[str]:
    """A list of flag names. Raises ScenarioError when it is none."""
    names = op.get(field, default)
    if not _texts(names):
        raise ScenarioError(f"{op.op}: {field} is a list of names, not {op.args[field]!r}")
    return set(names)


def protection(op: Op, default: list[str]) -> int:
    """``prot`` as VM_ bits. Raises Unsupported for a protection that the model does not know."""
    names = names_of(op, "prot", default)
    if unknown := names - PROT.keys():
        raise Unsupported(f"protection {', '.join(sorted(unknown))} is not in the model")
    return sum(PROT[name] for name in names)


def _texts(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str) and all(isinstance(v, str) for v in value)


def octal(text: Any) -> int:
    """A file mode: octal text such as "0755", or a number."""
    try:
        return text if isinstance(text, int) else int(text, 8)
    except (TypeError, ValueError):
        raise ScenarioError(f"open: mode is octal text such as 0755, not {text!r}") from None


def page_size(op: Op, default: int) -> int:
    """``hsize`` of an operation in bytes; the default page size of the machine if it is not given."""
    try:
        return parse_size(op.args["hsize"]) if "hsize" in op.args else default
    except ValueError as error:
        raise ScenarioError(f"{op.op}: hsize: {error}") from None


def length_of(op: Op, size: int, pages: str = "pages", length: str = "bytes") -> int:
    """A length or offset in bytes, given as bytes or as pages of ``hsize`` (default ``size``); 0 if not given."""
    given: int = op.args[length] if length in op.args else op.get(pages, 0) * page_size(op, size)
    return given
