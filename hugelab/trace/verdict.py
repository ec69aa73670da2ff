"""The detective's verdicts about lines, and its rules, each with the notebook section that teaches it."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import Any, NamedTuple


class Says(Enum):
    """The four answers."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    UNDECIDABLE = "undecidable"
    SLIP = "slip"  # the kernel's lines are right; what the author of the log wrote about them is not


class Rule(NamedTuple):
    """A rule of the kernel or of arithmetic: where it is taught (notebook#heading) and who has it."""

    text: str
    section: str
    source: str


RULES = {
    "counters": Rule("The four counters change only where a function changes them, and by as much as it says.",
        "04_who_holds.ipynb#Explain", "mm/hugetlb.c: dequeue, enqueue, hugetlb_acct_memory"),
    "snap": Rule("After each step the pool is what the model's pool is after the same step.",
        "10_your_kernel.ipynb#Compare", "the model, run on the program's own steps"),
    "nodes": Rule("The pools of the nodes add up to the whole.",
        "09_pools.ipynb#Explain", "mm/hugetlb.c: nr_huge_pages_node[], free_huge_pages_node[]"),
    "result": Rule("A system call gives what the model says it gives.",
        "02_mmap.ipynb#Explain", "the model, run on the same steps"),
    "program": Rule("There is a program that makes a kernel print exactly these lines.",
        "11_log_detective.ipynb#Compare", "the model, run on the program that was found behind the lines"),
    "reserve": Rule(
        "A mapping reserves the pages from..to that are not reserved yet; hugetlb_acct_memory takes that many.",
        "02_mmap.ipynb#Explain", "mm/hugetlb.c: hugetlb_reserve_pages, region_chg"),
    "mapping": Rule("A mapping of huge pages begins and ends at a huge page, and its length is that of its VMA.",
        "05_layout.ipynb#Explain", "fs/hugetlbfs/inode.c: hugetlbfs_file_mmap"),
    "fault": Rule("A fault serves one address of a mapping: alloc, region_chg and commit are about the same page.",
        "03_page_fault.ipynb#Explain", "mm/hugetlb.c: hugetlb_fault, alloc_huge_page"),
    "touched": Rule("The first access to a page faults, in the order in which the program goes over its pages.",
        "03_page_fault.ipynb#Run", "the model, run on the same steps"),
    "page": Rule(
        "A page is handed out when it is free, comes back when it is used, and lies where its struct page says.",
        "05_layout.ipynb#Explain", "include/asm-generic/memory_model.h: page = mem_map + pfn"),
    "flags": Rule("Flags are bits that the kernel version has, and a fault of the same program has the same ones.",
        "03_page_fault.ipynb#Explain", "include/linux/mm.h: FAULT_FLAG_, VM_"),
    "mode": Rule("A file has the mode that open gave it.", "01_open.ipynb#Explain", "fs/hugetlbfs/inode.c"),
    "file": Rule("One inode number and one descriptor belong to one file.", "01_open.ipynb#Explain", "fs/open.c"),
    "process": Rule("Lines of one process have its PID.", "08_fork.ipynb#Explain", "kernel/fork.c"),
    "clock": Rule("Time does not run backwards, and a call takes as long as the calls in it.",
        "11_log_detective.ipynb#Explain", "Documentation/trace/ftrace.rst"),
    "symbol": Rule("A function has one size, a place in it lies within it, and a probe on it stands at its beginning.",
        "10_your_kernel.ipynb#Explain", "Documentation/trace/kprobetrace.rst"),
    "munmap": Rule("munmap of a shared file frees no page: they go back when the last holder of the file lets go.",
        "04_who_holds.ipynb#Explain", "fs/hugetlbfs/inode.c: hugetlbfs_evict_inode"),
    "struct page": Rule("page= is the address of a struct page, not of memory: the memory is at pfn x 4096.",
        "05_layout.ipynb#Explain", "include/asm-generic/memory_model.h"),
    "available": Rule("Available is free - rsvd.", "07_pressure.ipynb#Explain", "mm/hugetlb.c: available_huge_pages"),
    "version": Rule("Names and flags tell the kernel version.",
        "05_layout.ipynb#Explain", "include/linux/mm.h, by version"),
    "complete": Rule("What a log does not carry cannot be judged.",
        "11_log_detective.ipynb#Explain", "the format itself"),
}  # fmt: skip


class Verdict(NamedTuple):
    """One finding. ``line`` counts from 1 (0: about the whole log), ``rule`` is a key of RULES."""

    line: int
    says: Says
    rule: str
    text: str

    @property
    def agrees(self) -> bool:
        """Nothing is wrong with this line."""
        return self.says is Says.AGREES

    def to_json(self) -> dict[str, Any]:
        """``{line, verdict, rule, text, section}``."""
        found = {"line": self.line, "verdict": self.says.value, "rule": self.rule, "text": self.text}
        return found | {"section": RULES[self.rule].section}


MOST = 1000  # of one kind that are kept; the rest is counted


class Verdicts:
    """Collects what is found, at most MOST of each kind, so that a long log needs no more memory than a short one."""

    def __init__(self) -> None:
        self.found: dict[Verdict, None] = {}  # in the order they were made, each once
        self.counted: Counter[tuple[Says, str]] = Counter()

    def add(self, line: int, says: Says, rule: str, text: str) -> None:
        """Keep a finding, or only count it if there are very many of its kind."""
        verdict = Verdict(line, says, rule, text)
        if verdict in self.found:
            return
        self.counted[says, rule] += 1
        if self.counted[says, rule] <= MOST:
            self.found[verdict] = None

    def contradicts(self, line: int, rule: str, text: str, other: int = 0) -> None:
        """This line cannot be right, given the other lines.

        ``other``: one single line says otherwise, so that line may be the wrong one; it is named, too.
        """
        self.add(line, Says.CONTRADICTS, rule, text)
        if other:
            self.add(other, Says.CONTRADICTS, rule, f"line {line} says otherwise: {text}")

    def agrees(self, line: int, rule: str, text: str) -> None:
        """This line is as the rule says."""
        self.add(line, Says.AGREES, rule, text)

    def take(self, other: Verdicts) -> None:
        """Add what another one has collected."""
        again = Counter((verdict.says, verdict.rule) for verdict in other.found if verdict in self.found)
        self.found |= other.found
        self.counted += other.counted
        self.counted -= again

    def of(self, says: Says) -> int:
        """The number of verdicts of one answer, with those that were not kept."""
        return sum(n for (kind, _), n in self.counted.items() if kind is says)

    def in_order(self) -> list[Verdict]:
        """By line; of one line the contradictions first."""
        rank = {Says.CONTRADICTS: 0, Says.SLIP: 1, Says.UNDECIDABLE: 2, Says.AGREES: 3}
        return sorted(self.found, key=lambda verdict: (verdict.line, rank[verdict.says]))
