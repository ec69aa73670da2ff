"""CI has all that the engines are, and are compared with: there nothing of tests/tlb is skipped."""

from __future__ import annotations

import os
from importlib.util import find_spec


def test_ci_has_the_engines() -> None:
    """Elsewhere a skip prints its reason; in CI a missing numpy, numba or pycachesim is a failure."""
    missing = [name for name in ("numpy", "numba", "cachesim") if not find_spec(name)]
    assert not (os.environ.get("CI") and missing), f"CI lacks {', '.join(missing)}"
