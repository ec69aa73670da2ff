"""The lab for everything: any number of pages up to a million, or a program of one's own."""

from dataclasses import replace
from typing import Any

from ..course.mapping import ENDS, KINDS
from ..course.mapping import let_go as program
from ..linux.machines import LESSON, MACHINES, Machine
from ..linux.scenario import Scenario
from .widget.controls import choice, stops
from .widget.film_lab import FilmLab, need_steps

STOPS = (*range(17), 20, 24, 32, 48, 64, 100, 128, 256, 512, 1024, 2048, 4096, 16384, 65536, 262144, 1048576)
OWN_MOST = 4096  # pages in the pool of a program of one's own, or what it has itself
# The lesson's machine has 2 GB; and pages that are dealt out node by node are no runs: a million would take a minute.
LARGE = tuple(name for name, machine in MACHINES.items() if machine is not LESSON and machine.nodes == 1)


def explore(
    scenario: Scenario | None = None,
    pages: int = 64,
    pool: int | None = None,
    touched: int = 64,
    kind: str = "shared file",
    end: str = "munmap, close, unlink",
    machine: str = "x86-64",
) -> FilmLab:
    """Map, touch, let go, with up to a million pages; or, with ``scenario``, a program of your own.

    Of your own program ``pool`` (if you leave it out, the program's) and ``machine`` can be changed. Raises
    ScenarioError if it has no step.
    """
    if scenario is not None:
        return _own(scenario, scenario.nr if pool is None else pool, machine)
    pool = 100 if pool is None else pool
    return FilmLab(
        "Explore",
        {
            "pages": stops("pages", pages, STOPS, also=True),
            "pool": stops("pool", pool, STOPS, also=True),
            "touched": stops("touched", touched, STOPS, also=True),
            "kind": choice("mapping", tuple(KINDS), kind),
            "end": choice("the end", tuple(ENDS), end),
            "machine": choice("machine", LARGE, machine),
        },
        lambda pages, pool, touched, kind, end, machine: program(pages, pool, touched, kind, end),
        machine=lambda machine, **values: MACHINES[machine],
    )


def _own(scenario: Scenario, first_pool: Any, machine: str) -> FilmLab:
    need_steps(scenario)
    offered = {*(stop for stop in STOPS if stop <= OWN_MOST), scenario.nr}
    controls: dict[str, Any] = {
        "pool": stops("pool", first_pool, offered, also=True),
        "machine": choice("machine", tuple(MACHINES), machine),
    }

    def made(pool: int, machine: str) -> Scenario:
        return replace(scenario, nr=pool)

    def where(machine: str, **values: Any) -> Machine:
        return MACHINES[machine]

    ops = [op.op for op in scenario.steps]
    focus = "touch" if "touch" in ops else ops[-1]
    return FilmLab(scenario.name, controls, made, focus=lambda **values: focus, machine=where)
