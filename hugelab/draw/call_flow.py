"""The picture of the call flow: the chain of functions of an event's phase, and the one the kernel is in."""

from __future__ import annotations

from ..core.text import markup
from ..record import flow
from ..record.recording import Event, Recording
from .svg import Picture, box, item, text

WIDTH, TOP, ROW = 390, 26, 34  # pixels


def height(recording: Recording, event: Event) -> float:
    """Pixels of the picture."""
    phase = flow.phase_of(recording, event)
    return 24 if phase is None else TOP + ROW * len(flow.CHAINS[phase])


def lit(recording: Recording, event: Event) -> str:
    """The 3.10 name of the box that an event lights; "" where no huge page code runs."""
    return flow.box_of(event) if flow.phase_of(recording, event) else ""


def call_flow(recording: Recording, event: Event) -> Picture:
    """The function of the event is marked, those not reached so far are dashed."""
    version = recording.machine.version
    phase = flow.phase_of(recording, event)
    if phase is None:
        step = recording.steps[event.step].op.op if event.step >= 0 else "boot"
        words = f"{step}: no huge page code runs here"
        return Picture(text(0, 14, words, "hl-s"), WIDTH, 24, words)
    here_name = flow.box_of(event)
    parts = [text(0, 14, flow.PHASE_TITLES[phase], "hl-h")]
    y = float(TOP)
    chain = flow.CHAINS[phase]
    for call, passed in zip(chain, flow.passed(recording, event, chain), strict=True):
        here = call.name == here_name
        x = 14.0 * call.depth
        name = flow.function_name(call.name, version)
        style = "hl-lit" if here else "hl-box" if passed else "hl-empty"
        shape = box(x, y, WIDTH - 2 - x, 30, style)
        if here:
            shape += text(x + 5, y + 19, "▶", "hl-t")
        first = f"{'hl-t' if passed else 'hl-s'}{' hl-b' if here else ''}"
        shape += f'<text x="{x + 20:g}" y="{y + 12:g}" class="{first}">{markup(name)}</text>'
        shape += text(x + 20, y + 25, f"{call.layer}: {call.what}", "hl-s")
        parts.append(item(f"fn:{call.name}", "", "", shape))
        y += ROW
    where = flow.function_name(event.name, version)
    return Picture("".join(parts), WIDTH, y, f"{flow.PHASE_TITLES[phase]}; now in {where}")
