"""Two recordings beside each other: what is equal, what is not, and how a reader sees that."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from hugelab import LESSON, Recording, lesson, run
from hugelab.record.beside import NONE
from hugelab.views.beside import Beside, beside
from hugelab.views.page import STYLE

NAMES = ("the model", "a <kernel>")


@pytest.fixture
def model() -> Recording:
    return run(lesson(), LESSON)


def changed(recording: Recording, step: int, **fields: Any) -> Recording:
    """The recording with other fields of one step; counters are given by name."""
    steps = list(recording.steps)
    counters = {name: fields.pop(name) for name in ("total", "free", "rsvd", "surp") if name in fields}
    size, now = next(iter(steps[step].counters.items()))
    steps[step] = replace(steps[step], counters={size: now._replace(**counters)}, **fields)
    return replace(recording, steps=steps)


def test_equal(model: Recording) -> None:
    """Every row says so; there is no difference, and nothing is marked."""
    table = beside(model, model, NAMES)
    assert table.difference is None
    assert table.verdict == "equal in all 6 steps"
    html = table._repr_html_()
    assert html.count(">equal</td>") == 6
    assert "hl-different" not in html and "hl-other" not in html
    assert repr(table).count("  equal") == 6


@pytest.mark.parametrize("counter", ["total", "free", "rsvd", "surp"])
def test_a_counter_differs(model: Recording, counter: str) -> None:
    """The row says which, with both numbers, in words; the cells of both sides are marked, in bold, too."""
    table = Beside(model, changed(model, 3, **{counter: 77}), NAMES)
    now = getattr(model.steps[3].counters["2M"], counter)
    assert table.verdict == f"the first difference is at step 4: {counter} is {now} in the model, 77 in the kernel"
    html = table._repr_html_()
    assert html.count("hl-different") == 1
    assert html.count("hl-other") == 2
    assert "<b>77</b>" in html and f"<b>{now}</b>" in html
    assert f"<b>first difference: {counter}</b>" in html
    assert f"{counter} is {now} in the model, 77 in the kernel" in html, "the caption says it in full"
    assert repr(table).splitlines()[5].endswith(f"first difference: {counter}")


def test_only_the_first_difference_is_called_first(model: Recording) -> None:
    """A later one differs, too, and says so."""
    table = Beside(model, changed(changed(model, 2, outcome="SIGBUS"), 4, free=0), NAMES)
    marks = table.marks()
    assert [mark.partition(":")[0] for mark in marks] == [
        "equal",
        "equal",
        "first difference",
        "equal",
        "differs",
        "equal",
    ]
    assert marks[2] == "first difference: outcome"
    assert marks[4] == "differs: free"


def test_a_value_differs(model: Recording) -> None:
    """What a step returned counts, though the table has no column for it."""
    table = Beside(model, changed(model, 2, value={"done": 3}), NAMES)
    assert "value is {'done': 5} in the model, {'done': 3} in the kernel" in table.verdict
    assert table.marks()[2].endswith("value is {'done': 5} in the model, {'done': 3} in the kernel")


def test_a_side_that_ended_early(model: Recording) -> None:
    """Its cells are empty, and that is a difference: at the first step it does not have."""
    table = Beside(model, replace(model, steps=model.steps[:4]), NAMES)
    assert [row.theirs for row in table.rows[4:]] == [(NONE,) * 5] * 2
    assert table.verdict == "the first difference is at step 5: step is ok in the model, nothing in the kernel"
    assert Beside(replace(model, steps=[]), model, NAMES).rows[0].ours == (NONE,) * 5
    assert Beside(replace(model, steps=[]), replace(model, steps=[]), NAMES).rows == []


def test_pages_of_another_size_are_compared(model: Recording) -> None:
    """A machine whose huge pages are not 2 MB still has pages: the default size counts."""
    steps = [replace(step, counters={"32M": step.counters["2M"]}) for step in model.steps]
    assert Beside(model, replace(model, steps=steps), NAMES).difference is None
    other = changed(replace(model, steps=steps), 1, free=1)
    assert Beside(model, other, NAMES).difference is not None


def test_names_are_escaped(model: Recording) -> None:
    """A name is text, and head cells say what they head."""
    html = Beside(model, model, NAMES)._repr_html_()
    assert "a &lt;kernel&gt;" in html and "<kernel>" not in html
    assert html.count('scope="colgroup"') == 2
    assert html.count('scope="row"') == 6


def test_other_words_for_the_sides(model: Recording) -> None:
    """What is compared need not be the model: the words are the caller's."""
    table = beside(model, changed(model, 1, rsvd=9), NAMES, short=("lesson", "kernel"))
    assert table.verdict.endswith("rsvd is 5 in the lesson, 9 in the kernel")
    assert repr(table).startswith("lesson: the model; kernel: a <kernel>\n")


def test_default_names(model: Recording) -> None:
    """The titles of the machines."""
    assert beside(model, model).names == (LESSON.title, LESSON.title)


def test_steps_are_buttons_where_there_is_a_timeline(model: Recording) -> None:
    """A button a row, to its position; without positions there is none, and with too few the rest has none."""
    table = Beside(model, model, NAMES)
    html = table.html([10, 20, 30, 40, 50, 60])
    assert re.findall(r'<button type="button" data-go="(\d+)">(\w+)', html) == [
        (str(10 * (step.index + 1)), step.op.op) for step in model.steps
    ]
    assert re.findall(r'<tr data-step="(\d+)" data-go="(\d+)"', html) == [(str(i), str(10 * i + 10)) for i in range(6)]
    assert "<button" not in table.html() and table.html() == table._repr_html_()
    assert table.html([10]).count("<button") == 1


@pytest.mark.parametrize("mark", ["hl-different", "hl-other", "hl-edge", "hl-mark"])
def test_what_differs_has_a_style(model: Recording, mark: str) -> None:
    """Every class that the table uses is in the style sheet of the views, also that of the caption."""
    html = Beside(model, changed(model, 3, free=77), NAMES)._repr_html_()
    assert mark in html
    assert re.search(rf"table\.hl-beside [^{{]*\.{mark}\b", STYLE)
