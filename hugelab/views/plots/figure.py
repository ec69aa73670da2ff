"""From the dict of a figure to ``plotly.graph_objects.Figure``, with the course's templates."""

from typing import Any

from ..theme import TEMPLATES


def figure(made: dict[str, Any]) -> Any:
    """A new Figure, in light colours: ``figure.layout.template = "hugelab_dark"`` changes it. Raises ImportError
    where plotly is not installed."""
    import plotly.graph_objects as go
    import plotly.io as pio

    for name, template in TEMPLATES.items():
        if name not in pio.templates:
            pio.templates[name] = go.layout.Template(template)
    found = go.Figure(made)
    found.layout.template = "hugelab"
    return found
