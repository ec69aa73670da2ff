"""Rules changed one at a time are caught: a few here, all of them by ``make proof``."""

from __future__ import annotations

import pytest

from .mutants import MUTANTS, ROOT, Mutant, caught_by, changed


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.belief for mutant in MUTANTS])
def test_its_passage_is_there_once(mutant: Mutant) -> None:
    """A mutant that changes nothing would survive for no reason."""
    source = (ROOT / "hugelab" / mutant.path).read_text()
    assert changed(mutant, source) != source


def test_there_are_enough() -> None:
    """At least 12 rules, each believed once."""
    assert len({mutant.belief for mutant in MUTANTS}) == len(MUTANTS) >= 12


def test_one_is_caught_and_the_model_itself_is_not() -> None:
    """The judges condemn a wrong rule, and acquit the right ones."""
    caught = caught_by(MUTANTS[0])
    assert caught is not None and "lesson_shared_file_no_unlink" in caught
    innocent = Mutant("the model as it is", "vma", "def remove_vma(", "def remove_vma(")
    assert caught_by(innocent) is None
