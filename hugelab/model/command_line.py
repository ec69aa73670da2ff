"""The huge page parameters of the kernel's command line, read in their order (mm/hugetlb.c: hugepages_setup,
hugepagesz_setup, default_hugepagesz_setup, hugetlb_init)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from ..linux.machines import X86_64, Machine
from .kernel import Kernel
from .mount import memparse
from .pool import set_max_huge_pages

Pages = int | dict[int, int]  # pages, or pages of each node


@dataclass
class Parsed:
    """The result of a command line: the default size in bytes, the pages of each size, and the kernel's warnings."""

    default: int
    pages: dict[int, Pages] = field(default_factory=dict)  # 0, on the way: the default size, which is not chosen yet
    warnings: list[str] = field(default_factory=list)
    known: list[int] = field(default_factory=list)  # sizes named so far; hugepages= counts pages of the last
    valid: bool = True  # is the last named size valid?
    chosen: bool = False  # default_hugepagesz= was there
    counted: int | None = None  # the size of the last hugepages=; 0: the default size

    def hugepages(self, value: str, machine: Machine) -> None:
        """hugepages_setup()."""
        if not self.valid:
            self.warnings.append(f"HugeTLB: hugepages={value} does not follow a valid hugepagesz, ignoring")
            self.valid = True
            return
        size = self.known[-1] if self.known else 0
        if size == self.counted:
            self.warnings.append(
                f"HugeTLB: hugepages= specified twice without interleaving hugepagesz=, ignoring hugepages={value}"
            )
            return
        number = _number(value)
        if number is None or (isinstance(number, dict) and max(number) >= machine.nodes):
            self.warnings.append(f"HugeTLB: Invalid hugepages parameter {value}")
            return
        self.counted = size
        self.pages[size] = number

    def size(self, name: str, value: str, machine: Machine) -> None:
        """hugepagesz_setup() and default_hugepagesz_setup()."""
        size, self.valid = _size(value), False
        again = size in self.known and not (self.chosen and size == self.default and size not in self.pages)
        if name == "default_hugepagesz" and self.chosen:
            self.warnings.append(f"HugeTLB: default_hugepagesz previously specified, ignoring {value}")
        elif size not in machine.sizes:
            self.warnings.append(f"HugeTLB: unsupported {name}={value}")
        elif name == "hugepagesz" and again:
            self.warnings.append(f"HugeTLB: hugepagesz={value} specified twice, ignoring")
        else:
            self.valid = True
            self.known = [*(one for one in self.known if one != size), size]
            if name == "default_hugepagesz":
                self.default, self.chosen = size, True
                if 0 in self.pages:
                    self.pages[size] = self.pages.pop(0)


def parse(line: str, machine: Machine = X86_64) -> Parsed:
    """Read the huge page parameters of a command line in their order; other words are ignored."""
    parsed = Parsed(machine.sizes[0])
    for name, value in (word.partition("=")[::2] for word in line.split()):
        if name == "hugepages":
            parsed.hugepages(value, machine)
        elif name in ("hugepagesz", "default_hugepagesz"):
            parsed.size(name, value, machine)
    if 0 in parsed.pages:
        if parsed.default in parsed.pages:
            parsed.warnings.append(f"HugeTLB: Ignoring hugepages={_total(parsed.pages[parsed.default])} of that size")
        parsed.pages[parsed.default] = parsed.pages.pop(0)
    return parsed


def _number(value: str) -> Pages | None:
    """``"8"`` as a number, ``"0:3,1:5"`` as pages by node; None for other text."""
    if value.isascii() and value.isdigit():
        return int(value)
    if not re.fullmatch(r"\d+:\d+(,\d+:\d+)*", value, re.ASCII):
        return None
    return {int(node): int(pages) for node, pages in (part.split(":") for part in value.split(","))}


def _size(value: str) -> int:
    """Bytes; 0 for text that is no size."""
    try:
        return memparse(value)[0]
    except ValueError:
        return 0


def _total(pages: Pages) -> int:
    return sum(pages.values()) if isinstance(pages, dict) else pages


def boot_with(line: str, machine: Machine = X86_64) -> Kernel:
    """A machine booted with this command line. If memory cannot hold a pool, the pool is smaller, without an error."""
    parsed = parse(line, machine)
    sizes = tuple(sorted(machine.sizes, key=lambda size: (size != parsed.default, size)))
    kernel = Kernel(replace(machine, sizes=sizes), nr=0)
    kernel.state.row("")
    for size, pages in parsed.pages.items():
        h = kernel.size_to_hstate(size)
        for nid, number in pages.items() if isinstance(pages, dict) else [(None, pages)]:
            set_max_huge_pages(kernel, h, number, nid)
    kernel.state.point("boot")
    return kernel
