"""A counter of the processor or the kernel (perf_event_open), for this thread in user mode."""

from __future__ import annotations

import errno
import os
import struct

from ..live.native import syscalls

PERF_TYPE_HW_CACHE = 3
DTLB_LOAD_MISSES = 0x10003  # PERF_COUNT_HW_CACHE_DTLB, _OP_READ << 8, _RESULT_MISS << 16
EVENT = "dTLB-load-misses"
MEANING = (
    "dTLB-load-misses counts page walks on Intel, misses of the second-level TLB on AMD Zen, "
    "and refills of the first-level TLB, which need no walk, on Arm"
)

PERF_FORMAT_TIMES = 1 | 2  # TOTAL_TIME_ENABLED, TOTAL_TIME_RUNNING
EXCLUDE_KERNEL, EXCLUDE_HV = 1 << 5, 1 << 6
PERF_FLAG_FD_CLOEXEC = 8
# struct perf_event_attr, its first version: type, size, config, sample_period, sample_type, read_format, flags,
# wakeup_events, bp_type, config1
ATTR = struct.Struct("IIQQQQQIIQ")
READING = struct.Struct("QQQ")  # value, time enabled, time running


class NoCounter(Exception):
    """The event cannot be counted here; the message is one line with the reason."""


class Counter:
    """One event, counted from now on until ``close``. Raises NoCounter."""

    def __init__(self, kind: int = PERF_TYPE_HW_CACHE, config: int = DTLB_LOAD_MISSES):
        flags = EXCLUDE_KERNEL | EXCLUDE_HV  # allowed without root up to perf_event_paranoid = 2
        attr = ATTR.pack(kind, ATTR.size, config, 0, 0, PERF_FORMAT_TIMES, flags, 0, 0, 0)
        try:
            self._file = syscalls.perf_event_open(attr, PERF_FLAG_FD_CLOEXEC)
        except OSError as error:
            raise NoCounter(why_not(error.errno or 0)) from None

    def read(self) -> tuple[int, int, int]:
        """Events so far, nanoseconds enabled, nanoseconds counted."""
        value, enabled, running = READING.unpack(os.read(self._file, READING.size))
        return value, enabled, running

    def close(self) -> None:
        """Stop counting, unless that was done."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def between(before: tuple[int, int, int], after: tuple[int, int, int]) -> float | None:
    """Events between two readings, scaled up if the counter was shared with others; None if it never ran."""
    value, enabled, running = (late - early for early, late in zip(before, after, strict=True))
    return value * enabled / running if running else None


def why_not(number: int) -> str:
    """The reason why perf_event_open failed, by its errno."""
    if number in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
        return "no hardware counters here, which is usual in a virtual machine"
    if number in (errno.EACCES, errno.EPERM):
        return "kernel.perf_event_paranoid forbids it: sudo sysctl -w kernel.perf_event_paranoid=2"
    if number == errno.ENOSYS:
        return "this kernel was built without perf_event_open"
    return f"perf_event_open: {os.strerror(number)}"
