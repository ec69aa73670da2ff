"""The picture of the call flow: the chain of functions of an event's phase, and the one the kernel is in."""

from functools import lru_cache

from ..core.text import markup
from ..linux.chains import TITLES, Call
from ..linux.names import function_name
from ..record import flow
from ..record.recording import Event, Recording
from .svg import Picture, box, item, text

WIDTH, TOP, ROW, NOTE = 390, 26, 34, 16  # pixels


def height(recording: Recording, event: Event) -> float:
    """Pixels of the picture."""
    chain = flow.chain(recording, event)
    return TOP + ROW * len(chain) + NOTE if chain else 24


def lit(recording: Recording, event: Event) -> str:
    """The 3.10 name of the box that an event lights; "" where no huge page code runs."""
    return event.name if flow.phase_of(recording, event) else ""


def call_flow(recording: Recording, event: Event) -> Picture:
    """The function of the event is marked, those not reached so far are dashed."""
    phase = flow.phase_of(recording, event)
    if phase is None:
        step = recording.steps[event.step].op.op if event.step >= 0 else "boot"
        words = f"{step}: no huge page code runs here"
        return Picture(text(0, 14, words, "hl-s"), WIDTH, 24, words)
    boxes = tuple(zip(flow.chain(recording, event), flow.passed(recording, event), strict=True))
    return _boxes(TITLES[phase], boxes, event.name, recording.machine.version)


@lru_cache(1 << 10)  # many events are in the same place
def _boxes(title: str, boxes: tuple[tuple[Call, bool], ...], function: str, version: str) -> Picture:
    parts = [text(0, 14, title, "hl-h")]
    y = float(TOP)
    for call, passed in boxes:
        here = call.name == function
        x = 14.0 * call.depth
        name = function_name(call.name, version)
        style = "hl-lit" if here else "hl-box" if passed else "hl-empty"
        shape = box(x, y, WIDTH - 2 - x, 30, style)
        if here:
            shape += text(x + 5, y + 19, "▶", "hl-t")
        first = f"{'hl-t' if passed else 'hl-s'}{' hl-b' if here else ''}"
        shape += f'<text x="{x + 20:g}" y="{y + 12:g}" class="{first}">{markup(name)}</text>'
        shape += text(x + 20, y + 25, f"{call.layer}: {call.what}", "hl-s")
        parts.append(item(f"fn:{call.name}", "", "", shape))
        y += ROW
    parts.append(text(0, y + 11, "dashed: not reached, by this page or so far", "hl-s"))
    return Picture("".join(parts), WIDTH, y + NOTE, f"{title}; now in {function_name(function, version)}")
