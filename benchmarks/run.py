"""Run every benchmark of this folder: ``python benchmarks/run.py``. Exit 1 if a bound is missed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Print each number beside its bound."""
    sys.path.insert(0, str(HERE.parent))
    missed = 0
    for path in sorted(HERE.glob("*.py")):
        if path.stem in ("__init__", "run", "result"):
            continue
        module = importlib.import_module(f"benchmarks.{path.stem}")
        print((module.__doc__ or path.stem).splitlines()[0], flush=True)
        for result in module.measure():
            print(result)
            missed += not result.kept
    print("every bound is kept" if not missed else f"{missed} bounds missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
