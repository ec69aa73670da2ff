"""Two recordings side by side."""

from __future__ import annotations

from hugelab import Scenario, compare, run
from hugelab.record.recording import Difference


def test_values_differ_where_counters_do_not() -> None:
    """Another byte is read; every outcome and counter is the same."""
    written = Scenario("byte", 1).mmap(map="A", pages=1, flags=["MAP_SHARED", "MAP_ANONYMOUS", "MAP_HUGETLB"])
    one, two = (run(written.touch(map="A", byte=byte).touch(map="A", mode="r")) for byte in (1, 2))
    assert compare(one, two) == Difference(2, "value", {"done": 1, "bytes": [1]}, {"done": 1, "bytes": [2]})
