"""What many rounds say, and when a ratio is a gain. Ratios are times: 4K over the other, so more is faster."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

AGAIN = "4K again"  # the control: what 4 KB pages measure beside themselves
LEAST = 1.2  # a smaller ratio is never called a gain
FRACTURED = 1.5  # between 1.0 (one TLB entry is enough) and about 2.0 (each 4 KiB needs its own)


@dataclass(frozen=True)
class Spread:
    """The median of many rounds, and the quartiles around it; four digits are kept."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of at least one value."""
        all_of = list(values)
        low, median, high = statistics.quantiles(all_of, n=4, method="inclusive") if all_of[1:] else all_of * 3
        return cls(*(float(f"{value:.4g}") for value in (median, low, high)))

    def overlaps(self, other: Spread) -> bool:
        """Do the two ranges have a value in common?"""
        return self.low <= other.high and other.low <= self.high


def verdict(gain: Spread, control: Spread) -> str:
    """ "gain", "loss", or "none" for a ratio that nobody can count on.

    ``gain`` is against the faster one of two buffers of 4 KB pages; ``control`` is the ratio of these two in the same
    rounds: the noise. A ratio is none unless its range, from quartile to quartile, lies outside that of the noise and
    beyond ``LEAST``. (A quarter of the rounds inside it is what another run could show as the median.)

    ``LEAST`` is chosen, since one run does not see all of the noise. Where 4 KB pages lie makes a difference of its
    own: 32 MB of them took 24 ns a load side by side, and 29 to 34 ns scattered (AMD Zen 4 class, Linux 6.18). And 10
    MB, about what the second level of the TLB reaches there, gained 1.03 in one session, and 1.09 to 1.18 in another.
    """
    if gain.low > max(control.high, LEAST):
        return "gain"
    return "loss" if gain.high < min(control.low, 1 / LEAST) else "none"


def is_fractured(ratio: float) -> bool:
    """Lines spread over a huge page against lines side by side in it: does the spread cost TLB entries?"""
    return ratio > FRACTURED
