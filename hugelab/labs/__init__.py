"""The labs: controls that make a Scenario, and views of its Recording. Nothing else imports widgets.

``labs.promise()`` at the end of a cell shows a lab; each takes the first values of its controls as arguments.
"""

from .can_trace import can_trace, tracing_obstacles
from .compare import RULES, compare
from .doctor import doctor
from .entries import entries
from .explore import explore
from .family import family
from .fault import fault
from .holders import ENDS, holders
from .lab import Lab
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
from .promise import KINDS, promise
from .reach import reach
from .refusal import refusal
from .resize import resize
from .shortage import shortage
from .shown import shown, views_agree
from .side_by_side import agreement, side_by_side
from .slips import not_seen, slips
from .start import start
from .tlb_size import tlb_size
from .who import who

# Every lab with a timeline: what the tests sweep.
ALL = {
    "start": start,
    "open_file": open_file,
    "promise": promise,
    "fault": fault,
    "holders": holders,
    "layout": layout,
    "explore": explore,
    "compare": compare,
    "side_by_side": side_by_side,
    "refusal": refusal,
    "resize": resize,
    "family": family,
    "nodes": nodes,
    "on_kernel": on_kernel,
    "log_program": log_program,
}

# Every lab without one.
SHEETS = {
    "entries": entries,
    "reach": reach,
    "tlb_size": tlb_size,
    "measured": measured,
    "shortage": shortage,
    "pools": pools,
    "page_cost": page_cost,
    "shown": shown,
    "who": who,
    "can_trace": can_trace,
    "slips": slips,
    "log_file": log_file,
}

__all__ = ["ALL", "ENDS", "KINDS", "RULES", "Lab", "Prediction", "agreement", "doctor", "formats", "kernels"]
__all__ += ["not_seen", "predict", "tracing_obstacles", "views_agree"]
__all__ += [*ALL, *SHEETS]
