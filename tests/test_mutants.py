"""Rules changed one at a time are caught: one here, all of them by ``make proof``."""

from __future__ import annotations

import pytest

from .mutants import MUTANTS, ROOT, Mutant, caught_by, changed


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.belief for mutant in MUTANTS])
def test_its_passage_is_there_once(mutant: Mutant) -> None:
    """A mutant that changes nothing would survive for no reason."""
    source = (ROOT / "hugelab" / mutant.path).read_text()
    assert changed(mutant, source) != source


def test_there_are_enough() -> None:
    """At least 40 beliefs, each once, and some of every room."""
    assert len({mutant.belief for mutant in MUTANTS}) == len(MUTANTS) >= 40
    assert {mutant.path.split("/")[0] for mutant in MUTANTS} == {"core", "linux", "record", "model", "views", "labs"}


def test_one_is_caught() -> None:
    """By the recorded kernels, in a process of its own."""
    caught = caught_by(MUTANTS[0])
    assert caught is not None and "lesson_shared_file_no_unlink" in caught
