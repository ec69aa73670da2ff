"""The results as text: a table of all numbers, and a sentence for each result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from ..core.text import showable
from ..core.units import format_size
from .noise import AGAIN, LEAST, Spread
from .result import NAMES, Fracture, Load, Measured, Touch

BOTH = "2 MB pages (hugetlb or transparent)"
ITEM = TypeVar("ITEM", Touch, Load)


# -- the table ---------------------------------------------------------------------------------------
def table(measured: Measured) -> str:
    """All numbers as text."""
    return "\n".join([_title(measured), "", *_touch_table(measured), "", *_load_table(measured), *_other(measured)])


def _title(measured: Measured) -> str:
    machine = measured.machine
    name = f"{measured.name}: " if measured.name else ""
    where = ", in a virtual machine" if machine.hypervisor else ""
    gigabytes = f"{machine.memory / (1 << 30):.1f} GB"
    return showable(f"{name}{machine.cpu}, Linux {machine.kernel}{where}; {gigabytes} of memory; THP: {machine.thp}")


def _touch_table(measured: Measured) -> list[str]:
    few = {(found.size, found.kind): found.faults for found in measured.faults}
    lines = [f"{'first touch of':<15} {'pages':<9} {'faults':>8} {'ms':>9}  times faster (quartiles)"]
    for found in measured.touch:
        faults = f"{few.get((found.size, found.kind), 0):,}"
        ms = f"{found.seconds.median * 1000:.2f}"
        gain = "" if found.kind == "4K" else f"{found.gain.median:.2f} {_range(found.gain)}"
        lines.append(f"{format_size(found.size):<15} {found.kind:<9} {faults:>8} {ms:>9}  {gain}".rstrip())
    return lines


def _load_table(measured: Measured) -> list[str]:
    misses = any(found.misses is not None for found in measured.loads)
    head = f"{'random loads in':<15} {'pages':<9} {'ns a load':>9}"
    lines = [f"{head}  {'misses a load  ' if misses else ''}{'times faster (quartiles)':<26} verdict"]
    for found in measured.loads:
        counted = "" if not misses else f"{'?' if found.misses is None else f'{found.misses:.3f}':>13}  "
        gain = "" if found.kind == "4K" else f"{found.gain.median:.2f} {_range(found.gain)}"
        said = {"4K": "", AGAIN: "the noise"}.get(found.kind, found.verdict)
        start = f"{format_size(found.size):<15} {found.kind:<9} {found.ns.median:>9.2f}"
        lines.append(f"{start}  {counted}{gain:<26} {said}".rstrip())
    return lines


def _other(measured: Measured) -> Iterator[str]:
    if measured.fracture:
        yield f"\n{'one huge page':<15} {'pages':<9} loads 4 KB apart are slower than side by side (quartiles)"
    for found in measured.fracture:
        yield f"{'':<15} {found.kind:<9} {found.ratio.median:.2f} times {_range(found.ratio)}"


def _range(spread: Spread) -> str:
    return f"({_bounds(spread)})"


# -- the sentences -------------------------------------------------------------------------------------
def sentences(measured: Measured) -> list[str]:
    """One sentence for each result, then the notes."""
    return [
        *_about_faults(measured),
        *_about_touch(measured),
        *_about_loads(measured),
        *_about_fracture(measured.fracture),
        *_about_counters(measured),
        *(f"Note: {note}." for note in measured.notes),
        *(["The time was short: some parts had fewer rounds."] if measured.cut else []),
    ]


def _about_faults(measured: Measured) -> Iterator[str]:
    for size in dict.fromkeys(found.size for found in measured.faults):
        few = {found.kind: found.faults for found in measured.faults if found.size == size}
        base = few.pop("4K")
        for number in dict.fromkeys(few.values()):
            kinds = [kind for kind, faults in few.items() if faults == number]
            ratio = base / max(number, 1)
            times = f"{ratio:,.0f}" if ratio == round(ratio) else f"{ratio:,.1f}"
            counted = f"{base:,} with 4 KB pages, {number:,} with {_named(kinds)}"
            yield f"{times} times fewer page faults in {format_size(size)}: {counted}."


def _about_touch(measured: Measured) -> Iterator[str]:
    for size in dict.fromkeys(found.size for found in measured.touch):
        for same in _grouped([found for found in measured.touch if found.size == size and found.kind != "4K"]):
            kinds, gains = _named([found.kind for found in same]), [found.gain.median for found in same]
            what = f"First touch of {format_size(size)} is"
            if gains[0] >= 1:
                yield f"{what} {_each(gains, 1)} times faster with {kinds}."
            else:
                yield f"{what} {_each([1 / gain for gain in gains], 1)} times slower with {kinds}."


def _about_loads(measured: Measured) -> Iterator[str]:
    for size in dict.fromkeys(found.size for found in measured.loads):
        control = measured.find_load(size, AGAIN)
        around = control.gain if control else Spread(1, 1, 1)
        huge = [found for found in measured.loads if found.size == size and found.kind not in ("4K", AGAIN)]
        if huge and all(found.verdict == "none" for found in huge):
            most = max(huge, key=lambda found: found.gain.median)
            yield f"Random loads in {format_size(size)}: {_none(most.gain, around)}."
            continue
        for same in _grouped(huge):
            gains, said = [found.gain.median for found in same], same[0].verdict
            start = f"Random loads in {format_size(size)}, {_named([found.kind for found in same])}:"
            if said == "none":
                yield f"{start} {_none(same[0].gain, around)}."
            elif said == "gain":
                yield f"{start} {_each(gains, 2)} times faster; the noise is {_bounds(around)}."
            else:
                yield f"{start} {_each([1 / gain for gain in gains], 2)} times slower; the noise is {_bounds(around)}."


def _each(values: list[float], digits: int) -> str:
    """The numbers with so many digits, each once."""
    return " and ".join(dict.fromkeys(f"{value:.{digits}f}" for value in values))


def _none(gain: Spread, around: Spread) -> str:
    """The words for "none", with the reason of noise.verdict."""
    if round(around.low, 2) <= round(gain.median, 2) <= round(around.high, 2):
        return f"no gain; {gain.median:.2f} is within the noise of {_bounds(around)}"
    if gain.overlaps(around):
        return f"no gain; {gain.median:.2f} {_range(gain)} is not clear of the noise of {_bounds(around)}"
    return (
        f"no gain to count on; {gain.median:.2f} {_range(gain)} is not clear of {LEAST}, and a smaller gain may come "
        "from where the pages lie"
    )


def _bounds(spread: Spread) -> str:
    return f"{spread.low:.2f} to {spread.high:.2f}"


def _grouped(found: list[ITEM]) -> Iterator[list[ITEM]]:
    """Groups for one sentence each: THP and hugetlb of 2 MB together if both gain or both lose, others alone."""
    both = [item for item in found if item.kind in ("THP", "2M")]
    verdicts = {getattr(item, "verdict", "") for item in both}
    faster = {item.gain.median >= 1 for item in both}
    if len(both) == 2 and len(verdicts) == len(faster) == 1 and verdicts != {"none"}:
        yield sorted(both, key=lambda item: item.gain.median)
        found = [item for item in found if item not in both]
    yield from ([item] for item in found)


def _named(kinds: list[str]) -> str:
    if set(kinds) == {"THP", "2M"}:
        return BOTH
    return " and ".join(NAMES[kind] for kind in kinds)


def _about_fracture(found: tuple[Fracture, ...]) -> Iterator[str]:
    broken = [probe.kind for probe in found if probe.fractured]
    whole = [probe.kind for probe in found if not probe.fractured]
    mixed = bool(broken and whole)
    if broken:
        who = f"Huge pages are fractured here{f' ({_named(broken)})' if mixed else ''}"
        yield (
            f"{who}: your host backs them with 4 KB pages, so each 2 MB page needs up to 512 TLB entries; "
            "what you still gain is a shorter page walk and fewer faults."
        )
    if whole:
        who = f"Huge pages are whole here{f' ({_named(whole)})' if mixed else ''}"
        yield f"{who}: one TLB entry covers 2 MB."


def _about_counters(measured: Measured) -> Iterator[str]:
    counters = measured.counters
    if not counters.available:
        yield f"TLB misses were not counted: {counters.why}."
        return
    yield f"{counters.meaning}."
    largest = max((found.size for found in measured.loads), default=0)
    counted = [found for found in measured.loads if found.size == largest and found.misses is not None]
    parts = [f"{found.misses:.3f} with {NAMES[found.kind]}" for found in counted if found.kind in NAMES]
    if parts:
        yield f"TLB misses a load in {format_size(largest)}: {', '.join(parts)}."
