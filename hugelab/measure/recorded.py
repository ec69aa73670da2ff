"""Results of named machines, for a machine that cannot measure."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from .result import Measured

_HERE = Path(__file__).parent / "recorded"


@lru_cache(maxsize=1)
def recorded() -> dict[str, Measured]:
    """Name of the machine -> its results, made by ``hugelab measure --json --name NAME``."""
    found = [Measured.from_json(json.loads(file.read_text(encoding="utf-8"))) for file in sorted(_HERE.glob("*.json"))]
    return {one.name: one for one in found}
