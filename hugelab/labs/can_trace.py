"""Lab of notebook 10: what a machine needs to record a trace, and what is in the way, here or elsewhere."""

from ..live.tracing import Obstacle, Tracing, here, obstacles
from ..views.diagrams.svg import Picture, box, text
from ..views.sheet import Sheet
from ..views.tables import Table
from .widget.controls import choice
from .widget.sheet_lab import SheetLab

HERE = "this machine"
MACHINES = {
    "a server, root": Tracing(),
    "not root": Tracing(root=False),
    "in a container": Tracing(tracefs=False),
    "no kprobes": Tracing(kprobes=False),
    "locked down": Tracing(lockdown="confidentiality"),
    "locked down, integrity (Secure Boot)": Tracing(lockdown="integrity"),
    "not Linux": Tracing(linux=False),
}
HEADER = ("in the way", "what to do")
COMMAND = "sudo sh recipes/hugetrace.sh -m full -o trace.txt COMMAND"
WIDTH, TOP, ROW = 620, 24, 24  # pixels


def _sheet(machine: str) -> Sheet:
    found = here() if machine == HERE else MACHINES[machine]
    wrong = obstacles(found)
    name = machine[0].upper() + machine[1:]
    words = f"{name}. In the way of a trace: {'; '.join(one.why for one in wrong) or 'nothing that can be seen'}."
    rows = [tuple(one) for one in wrong or [Obstacle("nothing that can be seen", COMMAND)]]
    return Sheet(
        "can_trace",
        words,
        [("wrong", "in the way", f"{len(wrong)}"), ("fix", "first", wrong[0].fix if wrong else "start the recipe")],
        [_picture(found)],
        [("In the way, the first thing to change first", Table(HEADER, rows))],
        "from hugelab.live.tracing import here, obstacles\n\nobstacles(here())",
    )


def _picture(found: Tracing) -> Picture:
    """The things that are needed, a row each: there, or missing."""
    needs = {
        "Linux": found.linux,
        "root": found.root,
        "no lockdown=confidentiality": found.lockdown != "confidentiality",
        "tracefs, mounted and writable (/sys/kernel/tracing)": found.tracefs,
        "probes on kernel functions (kprobe_events)": found.kprobes,
    }
    parts = [text(0, 12, "What a recipe needs", "hl-h")]
    for number, (need, there) in enumerate(needs.items()):
        y = TOP + ROW * number
        parts += [box(0, y, 14, 14, "hl-a-free" if there else "hl-a-rsvd"), text(24, y + 12, need, "hl-t")]
        parts.append(text(400, y + 12, "there" if there else "missing, or not to be seen", "hl-t hl-b"))
    said = "; ".join(f"{need}: {'there' if there else 'missing'}" for need, there in needs.items())
    return Picture("".join(parts), WIDTH, TOP + ROW * len(needs) + 4, f"What a recipe needs: {said}")


def can_trace(machine: str = "in a container") -> SheetLab:
    """The obstacles to recording a trace on a machine, and what to do; records nothing, changes nothing."""
    return SheetLab("Can it record a trace", {"machine": choice("machine", (*MACHINES, HERE), machine)}, _sheet)


def tracing_obstacles() -> Table:
    """Each thing that can be in the way, on a machine that has all the rest."""
    rows = [(name, *(obstacles(found) or [Obstacle("nothing", "")])[0]) for name, found in MACHINES.items()]
    return Table(("machine", *HEADER), rows)
