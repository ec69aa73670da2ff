"""Logs of any program, played by the model: the marks of truth_logs with the lines of two recorders between them.

What the model prints on 3.10 is word for word a kernel's (test_lesson), so a log played this way is a true one of a
program that nobody recorded in that format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from hugelab.record.flow import log_text
from hugelab.record.recording import Event, Recording
from hugelab.trace.detective import Detective
from hugelab.trace.judge import words

from . import truth_logs

MEM_MAP = 0xF6689000
PID = 2385  # of every process of the model; the step's own is put in its place
_STEP = re.compile(r"STEP \d+ (.*)")
_TIME = re.compile(r"\d+\.\d{6}")


def printk(event: Event, recording: Recording, theirs: Callable[[int], int]) -> str | None:
    """The lesson's line of an event, at the addresses of the log."""
    machine = replace(recording.machine, mem_map=MEM_MAP, struct_page=32)
    detail = {key: theirs(value) if key in ("start", "end") else value for key, value in event.detail.items()}
    detail["pid"] = PID
    there = event._replace(addr=theirs(event.addr) if event.addr is not None else None, detail=detail)
    return log_text(there, machine, extra=True)


def kprobe(event: Event, recording: Recording, theirs: Callable[[int], int]) -> str | None:
    """A probe's line of an event, with the counters as they are then. No probe stands on hugetlb_acct_memory."""
    told, (nr, free, resv, surp) = event.detail, event.counters
    addr = event.addr if event.addr is not None else (event.page or 0) * event.size
    addr = theirs(addr) if event.addr is not None else addr
    page = f"page={0xFFFFEA0000000000 + 64 * event.pfn:#x}" if event.pfn is not None else ""
    text = {
        ("hugetlbfs_get_inode", "start"): "get_inode: (hugetlbfs_get_inode+0x0/0x1a0) mode={mode:#x}",
        ("hugetlb_reserve_pages", "start"): "reserve: (hugetlb_reserve_pages+0x0/0x550) from={f} to={t}",
        ("hugetlb_fault", "start"): "fault: (hugetlb_fault+0x0/0xca0) addr={addr:#x} flags={flags:#x}",
        ("alloc_huge_page", "start"): "alloc: (alloc_huge_page+0x0/0x710) addr={addr:#x} avoid_reserve={avoid_reserve}",
        ("dequeue_huge_page_node", ""): "dequeue: (alloc_huge_page+0x3ce/0x710 <- dequeue_huge_page_nodemask) {page}",
        ("alloc_huge_page", "success"): "alloc_ret: (hugetlb_fault+0x9d0/0xca0 <- alloc_huge_page) {page}",
        ("free_huge_page", "start"): "free: (free_huge_page+0x0/0x230) {page}",
        ("hugetlb_vm_op_close", "vma"): "vma_close: (hugetlb_vm_op_close+0x0/0x180) start={at:#x} end={to:#x}",
        ("hugetlbfs_evict_inode", ""): "evict: (hugetlbfs_evict_inode+0x0/0x40)",
    }.get((event.name, event.moment))
    if text is None:
        return None
    at, to = (theirs(told.get(key, 0)) for key in ("start", "end"))
    line = text.format(**told | {"addr": addr, "page": page, "at": at, "to": to})
    return f"{line} nr={nr} free={free} resv={resv} surp={surp}"


Writes = Callable[[Event, Recording, Callable[[int], int]], str | None]
FORMATS: dict[str, Writes] = {"printk": printk, "kprobe": kprobe}


def log(kernel: str, name: str, form: str) -> list[str]:
    """A program's log. kprobe lines have PIDs, printk lines have not."""
    pids = form == "kprobe"
    # PAGE says where the machine's frames lay; the model's lie elsewhere
    marks = [line for line in truth_logs.log(kernel, name, pids) if "PAGE" not in line]
    detective = Detective()
    for number, line in enumerate(marks, 1):
        detective.feed(line, number)
    recording = detective.report().recording
    assert recording is not None
    played = _steps(recording, FORMATS[form], detective.walk.names.theirs)
    steps = [line for line in truth_logs.log(kernel, name, True) if "PAGE" not in line]
    children = {at for at, line in enumerate(steps) if "hugelab-701" in line}
    lines = []
    for at, line in enumerate(marks):
        lines.append(re.sub(r" ino=\d+", "", line) if form == "printk" else line)
        step = _STEP.search(line)
        said = words.read(step[1]) if step and not words.NOTHING.match(step[1]) else None
        time = _TIME.search(line)
        if said is None or time is None:
            continue
        for proc, text in next((texts for op, texts in played if op == said.op), []):
            pid = 701 if proc == "C" or at in children else 700
            text = text.replace(f"PID {PID}", f"PID {pid}")
            front = f"         hugelab-{pid}     [000] .....  {time[0]}: " if pids else f"[{time[0]}] "
            lines.append(front + text)
    return lines


def _steps(
    recording: Recording,
    text: Callable[[Event, Recording, Callable[[int], int]], str | None],
    theirs: Callable[[int], int],
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The lines of each step, in order: (operation, [(process, line)])."""
    for step in recording.steps:
        events = (recording.event(index) for index in range(step.first, step.last + 1))
        shown = ((event.proc, text(event, recording, theirs)) for event in events)
        yield step.op.op, [(proc, line) for proc, line in shown if line is not None]
