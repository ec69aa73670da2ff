"""Which boxes of a chain an event lights."""

from __future__ import annotations

from hugelab import lesson, run
from hugelab.record.flow import chain, passed


def test_a_fault_that_begins_has_reached_nothing_else() -> None:
    """The first event of a fault lights the way down to hugetlb_fault; the last one of it the allocation, too."""
    recording = run(lesson())
    first, last = (next(e for e in recording if e.name == name) for name in ("hugetlb_fault", "hugetlb_no_page"))
    names = [call.name for call in chain(recording, first)]
    for event, reached in ((first, False), (last, True)):
        lit = {name for name, was in zip(names, passed(recording, event), strict=True) if was}
        assert "hugetlb_fault" in lit
        assert ("alloc_huge_page" in lit) is reached
