"""axe-core on labs that ask, work or fail, light and dark; and contrast in the pictures, which it skips.

(In both themes as they are at first: test_notebooks.py. After they have moved: test_labs.py, test_sheets.py.)
"""

from __future__ import annotations

from typing import Any

import pytest

from hugelab.views.theme import DARK, LIGHT, PAGE_COLOURS

from .axe import violations
from .conftest import Labs
from .jupyter import set_theme
from .test_faults import BROKEN
from .test_work import SLOW, busy, rest

pytestmark = pytest.mark.browser

THEMES = ("Light", "Dark")


def test_while_it_asks_and_while_it_works(watched_labs: Labs) -> None:
    """The question of the lab that can run on this kernel, a lab that is busy, and one that has a fault to tell."""
    page = watched_labs.page
    asking = watched_labs("side_by_side")
    asking.root.locator("[data-action=go]").click()
    asking.wait(r"/Run it\?|No result/.test(root.querySelector('.hl-message').textContent)")
    working = watched_labs("reservation")
    watched_labs.run(SLOW.replace("sleep(0.05)", "sleep(0.5)"))  # half a minute: longer than any look at the page
    for theme in THEMES:
        set_theme(page, theme)
        working.place("pages", 9)
        busy(working)
        found = violations(page, [".hugelab"])
        assert working.root.get_by_role("progressbar").count() == 1, "it was still busy"
        assert found == [], theme
        working.root.get_by_role("button", name="Cancel").click()
        rest(working)
    watched_labs.run(f"lab._work = quick\n{BROKEN}")
    working.place("pages", 8)
    working.wait("root.querySelector('.hl-message').dataset.kind === 'fault'")
    for theme in THEMES:
        set_theme(page, theme)
        assert violations(page, [".hugelab"]) == [], f"{theme}, with a fault"
    assert len(watched_labs.watched.errors) == 1
    watched_labs.watched.errors.clear()


# -- the pictures: axe does not look into SVG ----------------------------------------------------------
def contrast(one: str, other: str) -> float:
    """WCAG 2's contrast of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=THEMES)
def test_contrast_in_the_pictures(colours: dict[str, Any]) -> None:
    """Text on whatever it stands on: 4.5 to 1; lines and marks beside what is behind them: 3 to 1."""
    for text in ("text", "soft"):
        for ground in ("paper", "empty", "lit"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for page in PAGE_COLOURS:
        assert contrast("#000000", page) >= 4.5, page
    for line in ("text", "line", "lit-line", "free", "rsvd-line", "used", "surp"):
        assert contrast(colours[line], colours["paper"]) >= 3, line
    assert contrast(colours["lit-line"], colours["lit"]) >= 3
