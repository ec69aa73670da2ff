"""The picture of the call flow: the chain of functions of an event's phase, and the one the kernel is in."""

from functools import lru_cache

from ...linux.chains import TITLES, Call
from ...linux.names import function_name
from ...record import flow
from ...record.recording import Event, Recording
from .svg import Picture, box, item, text

WIDTH, TOP, ROW, NOTE, DEEPER = 398, 24, 32, 16, 12  # pixels


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
    return _boxes(TITLES[phase], boxes, event.name, recording.machine.version, "rule" in event.detail)


@lru_cache(1 << 10)  # many events are in the same place
def _boxes(title: str, boxes: tuple[tuple[Call, bool], ...], function: str, version: str, refuses: bool) -> Picture:
    parts = [text(0, 14, title, "hl-h")]
    y = float(TOP)
    for call, passed in boxes:
        here = call.name == function
        x = float(DEEPER * call.depth)
        name = function_name(call.name, version)
        style = ("hl-bad" if refuses else "hl-lit") if here else "hl-box" if passed else "hl-empty"
        shape = box(x, y, WIDTH - 2 - x, 29, style)
        if here:
            shape += text(x + 5, y + 19, "✗" if refuses else "▶", "hl-no" if refuses else "hl-t")
        shape += text(x + 18, y + 12, name, f"{'hl-t' if passed else 'hl-s'}{' hl-b' if here else ''}")
        shape += text(x + 18, y + 25, f"{call.layer}: {call.what}", "hl-s")
        parts.append(item(f"fn:{call.name}", "", "", shape))
        y += ROW
    parts.append(text(0, y + 11, "solid: reached by this page or step so far; dashed: not", "hl-s"))
    return Picture("".join(parts), WIDTH, y + NOTE, f"{title}; now in {function_name(function, version)}")
