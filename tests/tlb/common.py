"""What the tests of the TLB share: the engines that are here, the fastest of them, and all presets."""

from __future__ import annotations

import pytest

from hugelab.tlb import ENGINES, GEOMETRIES
from hugelab.tlb.simulate import engines
from tests.conftest import some

INSTALLED = engines()
FASTEST = INSTALLED[-1]
REASON = "not installed: pip install 'hugelab[fast]'"

every_engine = pytest.mark.parametrize(
    "engine",
    [
        pytest.param(name, marks=pytest.mark.skipif(name not in INSTALLED, reason=f"{name} is {REASON}"))
        for name in ENGINES
    ],
)
PRESETS = [(name, size) for name, geometry in GEOMETRIES.items() for size in geometry.sizes]
some_presets = pytest.mark.parametrize(  # in `make proof` all of them
    ("name", "size"), some(PRESETS), ids=lambda value: str(value).replace(" ", "-")
)
every_preset = pytest.mark.parametrize(("name", "size"), PRESETS, ids=lambda value: str(value).replace(" ", "-"))
