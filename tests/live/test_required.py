"""CI runs as root with huge pages: there the live tests are not skipped."""

from __future__ import annotations

import os

from tests.live.why import why_not_live


def test_ci_can_run_the_live_tests() -> None:
    """Elsewhere a skip prints its reason; in CI a machine that cannot run them is a failure."""
    assert not (os.environ.get("CI") and why_not_live()), why_not_live()
