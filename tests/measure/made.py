"""Results that were made up, for tests that need no Linux."""

from __future__ import annotations

from hugelab.measure.noise import AGAIN, Spread, is_fractured, verdict
from hugelab.measure.result import Counters, Faults, Fracture, Load, Machine, Measured, Touch

ONE = Spread(1.0, 1.0, 1.0)
MB10, GB1 = 10 << 20, 1 << 30


def near(ratio: float, width: float = 0.01) -> Spread:
    """A ratio with quartiles this far from it."""
    return Spread(ratio, ratio - width, ratio + width)


def loads(size: int, control: Spread, **gains: Spread) -> tuple[Load, ...]:
    """Loads of one size; THP=..., and so on."""
    kinds = {"4K": ONE, AGAIN: control, **{kind.lstrip("_"): gain for kind, gain in gains.items()}}
    said = {kind: "none" if kind in ("4K", AGAIN) else verdict(gain, control) for kind, gain in kinds.items()}
    return tuple(Load(size, kind, near(100 / g.median), g, said[kind], None, 15) for kind, g in kinds.items())


def measured(fracture: float = 2.0, notes: tuple[str, ...] = (), counted: bool = False) -> Measured:
    """A machine like the one of the recipe."""
    return Measured(
        machine=Machine("A Processor", "6.18.44", True, "madvise", 24 << 30),
        faults=(
            *(Faults(MB10, kind, faults) for kind, faults in (("4K", 2560), ("THP", 5), ("2M", 5))),
            *(Faults(GB1, kind, faults) for kind, faults in (("4K", 262144), ("2M", 512), ("1G", 1))),
        ),
        touch=(
            Touch(MB10, "4K", near(0.005, 0.0001), ONE, 15),
            Touch(MB10, "THP", near(0.001, 0.0001), near(4.4, 0.1), 15),
            Touch(MB10, "2M", near(0.001, 0.0001), near(4.5, 0.1), 15),
            Touch(GB1, "4K", near(0.5), ONE, 7),
            Touch(GB1, "THP", near(1.0), near(0.5), 7),
            Touch(GB1, "2M", near(0.1), near(5.14, 0.1), 7),
        ),
        loads=(
            *loads(MB10, Spread(1.0, 0.97, 1.04), THP=near(1.03), _2M=near(1.02)),
            *loads(GB1, near(1.0), THP=near(1.5), _2M=near(1.51), _1G=near(1.1)),
        ),
        fracture=(Fracture("2M", near(fracture), is_fractured(fracture)),),
        counters=Counters("dTLB-load-misses", counted, "" if counted else "no hardware counters here", "It means"),
        notes=notes,
        cut=False,
        seconds=40.5,
    )
