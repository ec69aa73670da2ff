"""What many rounds say, and when a ratio is a gain. Ratios are times: 4K over the other, so more is faster."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

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

    ``control`` is the ratio of one buffer of 4 KB pages to another one in the same rounds: the noise. A ratio is none
    unless its range, from quartile to quartile, lies outside that of the noise and beyond ``LEAST``. (A quarter of the
    rounds inside it is what another run could show as the median. Both ratios have the same buffer above the line: if
    that one is slow by chance, the noise shows it, too.)

    ``LEAST``, since one run does not see all of the noise. Buffers of 4 KB pages in another place of the memory differ
    by 10 % and more: pages that lie side by side may share an entry of the TLB. And 10 MB, about what the second level
    of the TLB reaches (a neighbour may share it, who can be another guest of the host), gained 1.03 at one time and
    1.15 at another.
    """
    if gain.low > max(control.high, LEAST):
        return "gain"
    return "loss" if gain.high < min(control.low, 1 / LEAST) else "none"


def is_fractured(ratio: float) -> bool:
    """Lines spread over a huge page against lines side by side in it: does the spread cost TLB entries?"""
    return ratio > FRACTURED
