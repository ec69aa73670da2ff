"""Predict before you run: a question with choices, answered by the model."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from ..core.text import markup
from .widget.lab import show


class Prediction:
    """A question; choosing an option shows whether the model agrees, and why.

    ``answer`` is computed by the caller from a Recording. Raises ValueError if it is not among the options: then
    the question is out of date.
    """

    def __init__(self, question: str, options: Sequence[Any], answer: Any, why: str):
        if answer not in options:
            raise ValueError(f"the model's answer {answer!r} is not among {list(options)}: {question}")
        self.question, self.options, self.answer, self.why = question, list(options), answer, why
        self.choice = widgets.RadioButtons(
            options=[str(option) for option in options],
            value=None,
            tooltip=question,
            layout={"width": "max-content"},
        )
        self.feedback = widgets.HTML()
        self.choice.observe(self._chosen, "value")

    def _chosen(self, change: Any) -> None:
        if self.choice.value is None:
            self.feedback.value = ""
            return
        right = self.choice.value == str(self.answer)
        verdict = "Yes" if right else f"No: the model gives {self.answer}"
        self.feedback.value = f"<b>{markup(verdict)}.</b> {markup(self.why)}"

    def __repr__(self) -> str:
        return f"{self.question}\n" + "\n".join(f"( ) {option}" for option in self.options)

    def _ipython_display_(self) -> None:
        question = widgets.HTML(f"<b>{markup(self.question)}</b>")
        show(widgets.VBox([question, self.choice, self.feedback]), repr(self))


def predict(question: str, options: Sequence[Any], answer: Any, why: str) -> Prediction:
    """A prediction to show at the end of a cell."""
    return Prediction(question, options, answer, why)
