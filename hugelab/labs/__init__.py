"""The labs: controls that make a Scenario, and views of its Recording. Nothing else imports ipywidgets.

``labs.promise()`` at the end of a cell shows a lab; each takes the first values of its controls as arguments.
"""

import nbformat  # noqa: F401  plotly imports it late and slowly from deep in a call; here it costs a third

from .doctor import doctor
from .fault import fault
from .holders import ENDS, holders
from .lab import Lab
from .layout import layout
from .open_file import open_file
from .predict import Prediction, predict
from .promise import promise
from .side_by_side import agreement, side_by_side
from .start import start

# Every lab with a timeline: what the tests sweep.
ALL = {
    "start": start,
    "open_file": open_file,
    "promise": promise,
    "fault": fault,
    "holders": holders,
    "layout": layout,
}

__all__ = ["ALL", "ENDS", "Lab", "Prediction", "agreement", "doctor", "predict", "side_by_side", *ALL]
