"""The labs: controls that make a Scenario, and views of its Recording. Nothing else imports widgets.

``labs.reservation()`` at the end of a cell shows a lab; each takes the first values of its controls as arguments.
"""

from typing import Any

from .can_trace import can_trace, tracing_obstacles
from .compare import RULES, compare
from .doctor import doctor
from .entries import entries
from .explore import explore
from .family import family
from .fault import fault
from .holders import ENDS, holders
from .layout import layout
from .log_file import log_file
from .log_program import log_program
from .logs import formats
from .measured import measured
from .nodes import nodes
from .on_kernel import kernels, on_kernel
from .open_file import open_file
from .page_cost import page_cost
from .pools import pools
from .predict import Prediction, predict
from .reach import reach
from .refusal import refusal
from .reservation import KINDS, promise, reservation
from .resize import resize
from .shortage import shortage
from .shown import shown, views_agree
from .side_by_side import agreement, side_by_side
from .slips import not_seen, slips
from .start import start
from .tlb_size import tlb_size
from .who import who
from .widget.lab import Lab
from .widget.own import lab

# Every lab with a timeline: what the tests sweep; and every lab without one.
_FILMS: Any = (start, open_file, reservation, fault, holders, layout, explore, compare, side_by_side, refusal)
ALL = {made.__name__: made for made in (*_FILMS, resize, family, nodes, on_kernel, log_program)}
_SHEETS: Any = (entries, reach, tlb_size, measured, shortage, pools, page_cost, shown, who, can_trace, slips, log_file)
SHEETS = {made.__name__: made for made in _SHEETS}

__all__ = ["ALL", "ENDS", "KINDS", "RULES", "Lab", "Prediction", "agreement", "doctor", "formats", "kernels", "lab"]
__all__ += ["not_seen", "predict", "promise", "tracing_obstacles", "views_agree"]
__all__ += [*ALL, *SHEETS]
