"""Why this machine cannot run the live tests, in one line."""

from __future__ import annotations

import sys


def why_not_live() -> str:
    """ "" if it can."""
    if sys.platform != "linux":
        return "the live kernel is Linux"
    from hugelab.live.native import access
    from hugelab.live.pool import PoolError, need_root

    try:
        need_root()
    except PoolError as error:
        return str(error)
    return access.unavailable()
