"""Statistics of rounds, and the decision whether a ratio is a gain. Ratios: time of 4K over that of the other kind."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

AGAIN = "4K again"  # the control: a second buffer of 4 KB pages
LEAST = 1.2  # a smaller ratio is never called a gain
FRACTURED = 1.5  # between 1.0 (one TLB entry is enough) and about 2.0 (each 4 KiB needs its own)


@dataclass(frozen=True)
class Spread:
    """The median of many rounds and its quartiles, with four digits."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """The Spread of at least one value."""
        all_of = list(values)
        low, median, high = statistics.quantiles(all_of, n=4, method="inclusive") if all_of[1:] else all_of * 3
        return cls(*(float(f"{value:.4g}") for value in (median, low, high)))

    def overlaps(self, other: Spread) -> bool:
        """Do the two ranges have a value in common?"""
        return self.low <= other.high and other.low <= self.high


def verdict(gain: Spread, control: Spread) -> str:
    """ "gain", "loss", or "none" for a ratio that is not reliable.

    ``gain`` is against the faster of two buffers of 4 KB pages; ``control``, the noise, is the ratio of these two in
    the same rounds. A ratio is "none" unless its quartile range lies outside that of the noise and beyond ``LEAST``, as
    another run could have any value of that range as its median.

    ``LEAST`` is a choice, since one run does not see all noise. The place of 4 KB pages matters: 32 MB of them took 24
    ns a load side by side, and 29 to 34 ns scattered (AMD Zen 4 class, Linux 6.18). And 10 MB, about the reach of the
    second level of the TLB there, gained 1.03 in one session, and 1.09 to 1.18 in another.
    """
    if gain.low > max(control.high, LEAST):
        return "gain"
    return "loss" if gain.high < min(control.low, 1 / LEAST) else "none"


def is_fractured(ratio: float) -> bool:
    """Does the ratio of loads 4 KiB apart to loads side by side mean that the spread costs TLB entries?"""
    return ratio > FRACTURED
