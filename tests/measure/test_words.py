"""Verdicts, JSON, the table and the sentences, on numbers that were made up."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from hugelab.measure import Measured, sentences, table
from hugelab.measure.noise import LEAST, Spread, is_fractured, verdict
from tests.measure.made import measured, near


# -- verdicts ----------------------------------------------------------------------------------------
def test_spread_is_the_median_and_the_quartiles() -> None:
    """Of one value as of many; four digits are kept."""
    assert Spread.of([1, 2, 3, 4, 100]) == Spread(3, 2, 4)
    assert Spread.of([1.23456]) == Spread(1.235, 1.235, 1.235)
    assert near(1.0, 0.1).overlaps(near(1.2, 0.1))
    assert not near(1.0, 0.1).overlaps(near(1.3, 0.1))


@pytest.mark.parametrize(
    ("gain", "control", "said"),
    [
        (near(1.03), Spread(1.0, 0.97, 1.04), "none"),  # as measured at 10 MB
        (near(1.03), near(1.0, 0), "none"),  # however quiet the machine
        (near(LEAST), near(1.0), "none"),  # the lower quartile is not beyond
        (near(1.5), near(1.0), "gain"),
        (Spread(1.5, 1.1, 1.9), near(1.0), "none"),  # a quarter of the rounds saw nothing
        (near(1.5), Spread(1.2, 0.9, 1.6), "none"),  # nor is the control quieter
        (near(1.5), Spread(0.9, 0.5, 1.1), "gain"),  # the other buffer was slow, which 4K is not to blame for
        (near(0.95), near(1.0), "none"),
        (near(0.7), near(1.0), "loss"),
        (near(0.7), Spread(0.9, 0.6, 1.1), "none"),
    ],
)
def test_a_gain_is_clear_of_the_noise(gain: Spread, control: Spread, said: str) -> None:
    """All of it, from quartile to quartile, and beyond what one run cannot see."""
    assert verdict(gain, control) == said


def test_fractured_is_about_two() -> None:
    """1.0 is whole; 2.0 and 2.7 were measured on fractured pages."""
    assert [is_fractured(ratio) for ratio in (0.98, 1.0, 1.1, 1.9, 2.0, 2.7)] == [False] * 3 + [True] * 3


# -- JSON --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("made", [measured(), measured(1.0, ("a note",), True)])
def test_json_and_back_is_the_same(made: Measured) -> None:
    """Through text; also with a name, and with misses."""
    load = dataclasses.replace(made.loads[0], misses=0.125)
    for one in (made, dataclasses.replace(made, name="a machine", loads=(load,))):
        assert Measured.from_json(json.loads(json.dumps(one.to_json()))) == one


def broken(**changes: Any) -> dict[str, Any]:
    """A result with other values in some fields; None takes the field away."""
    data = measured().to_json() | changes
    return {name: value for name, value in data.items() if value is not None}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ([], "not a result of hugelab measure"),
        ({}, "not a result of hugelab measure"),
        (broken(format=2), "has format 2"),
        (broken(cut=None), "no field 'cut'"),
        (broken(more=1), "unknown field 'more'"),
        (broken(cut=1), "cut is 1, which is not a bool"),
        (broken(loads={}), "loads is not a list"),
        (broken(machine=3), "machine is not an object"),
        (broken(notes=[1]), "notes is 1, which is not a str"),
    ],
)
def test_what_is_no_result_is_said_in_one_line(data: object, why: str) -> None:
    """What is wrong, and where."""
    with pytest.raises(ValueError, match=why) as caught:
        Measured.from_json(data)
    assert "\n" not in str(caught.value)


# -- words -------------------------------------------------------------------------------------------
def test_a_sentence_for_each_result() -> None:
    """Hugetlb and THP together where they agree, alone where they do not."""
    said = sentences(measured(notes=("something was left out",)))
    both = "2 MB pages (hugetlb or transparent)"
    assert said == [
        f"512 times fewer page faults in 10 MB: 2,560 with 4 KB pages, 5 with {both}.",
        "512 times fewer page faults in 1 GB: 262,144 with 4 KB pages, 512 with 2 MB pages of hugetlb.",
        "262,144 times fewer page faults in 1 GB: 262,144 with 4 KB pages, 1 with 1 GB pages.",
        f"First touch of 10 MB is 4.4 and 4.5 times faster with {both}.",
        "First touch of 1 GB is 2.0 times slower with transparent huge pages.",
        "First touch of 1 GB is 5.1 times faster with 2 MB pages of hugetlb.",
        "Random loads in 10 MB: no gain; 1.03 is within the noise of 0.97 to 1.04.",
        f"Random loads in 1 GB, {both}: 1.50 and 1.51 times faster; the noise is 0.99 to 1.01.",
        "Random loads in 1 GB, 1 GB pages: no gain to count on; 1.10 (1.09 to 1.11) is not clear "
        "of 1.2, and a smaller gain may come from where the pages lie.",
        "Huge pages are fractured here: your host backs them with 4 KB pages, so each 2 MB page needs up to 512 TLB "
        "entries; what you still gain is a shorter page walk and fewer faults.",
        "TLB misses were not counted: no hardware counters here.",
        "Note: something was left out.",
    ]


def test_whole_pages_and_counted_misses() -> None:
    """The other machine: pages are whole, misses are counted and explained."""
    made = measured(1.0, counted=True)
    counted = tuple(dataclasses.replace(load, misses=0.5) for load in made.loads)
    made = dataclasses.replace(made, loads=counted, cut=True)
    said = sentences(made)
    assert "Huge pages are whole here: one TLB entry covers 2 MB." in said
    assert "It means." in said
    assert any(line.startswith("TLB misses a load in 1 GB: 0.500 with 4 KB pages, ") for line in said)
    assert said[-1] == "The time was short: some parts had fewer rounds."
    assert "misses a load" in table(made)


def test_the_table_has_every_number() -> None:
    """A line for each measurement, no line too wide for a terminal."""
    made = dataclasses.replace(measured(), name="a name")
    lines = table(made).splitlines()
    assert lines[0] == "a name: A Processor, Linux 6.18.44, in a virtual machine; 24.0 GB of memory; THP: madvise"
    assert sum(line.startswith(("10 MB", "1 GB")) for line in lines) == len(made.touch) + len(made.loads)
    assert any("4K again" in line and line.endswith("the noise") for line in lines)
    assert max(map(len, lines)) <= 100
