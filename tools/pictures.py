"""Run every notebook in JupyterLab and take a picture of each cell with a lab: light and dark, wide and narrow.

    python -m tools.pictures [NOTEBOOK ...]

The pictures go to tests/artefacts/, such as 04_who_holds-2-dark-800.png. Prints what overlaps, is cut off or is empty
in any of them; exit 1 if something is.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tests.browser.jupyter import CHROMIUM, HOW, browse, open_notebook, run_all, serve, set_theme

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "artefacts"
WIDTHS = (1280, 800)
THEMES = ("Light", "Dark")
LABS = ".jp-Cell:has([data-hl=explorer])"
WRONG = (ROOT / "tests" / "browser" / "layout.js").read_text(encoding="utf-8")
READY = "() => [...document.querySelectorAll('[data-hl=explorer]')].every((lab) => lab.dataset.shown)"
DRAWN = """
(lab) => new Promise((done) => { // plotly has come, and has drawn what is shown, as wide as there is room
  const run = () => lab.dataset.shown.split(":")[0];
  const wide = (plot) => plot.querySelector(".js-plotly-plot").layout.width;
  const drawn = (plot) => plot.dataset.drawn === run() && wide(plot) === plot.clientWidth;
  const look = (tries) => {
    const whole = (lab.dataset.whole ?? lab.dataset.shown) === lab.dataset.shown; // what is hidden comes a little later
    const plots = [...lab.querySelectorAll(".hl-plot")].filter((plot) => plot.clientWidth);
    if (!tries || (whole && plots.every(drawn))) done();
    else requestAnimationFrame(() => look(tries - 1));
  };
  look(600);
})
"""
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def wrong(lab: Any) -> list[str]:
    """What overlaps, is cut off or is empty in a lab (the locator of its explorer)."""
    lab.evaluate(DRAWN)
    found: list[str] = lab.evaluate(WRONG)
    return found


def views(page: Page) -> Iterator[tuple[str, int]]:
    """Bring the page into every theme and width, with room for the highest cell; at the end it is as it was."""
    before = page.viewport_size
    for theme in THEMES:
        set_theme(page, theme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 1000})
            page.evaluate(PAINTED)
            highest = max(cell.bounding_box()["height"] for cell in page.locator(LABS).all())  # type: ignore[index]
            page.set_viewport_size({"width": width, "height": int(highest) + 200})
            page.evaluate(PAINTED)
            yield theme, width
    set_theme(page, THEMES[0])
    if before:
        page.set_viewport_size(before)


def take(page: Page, name: str, folder: Path | None = FOLDER) -> list[str]:
    """Pictures of every lab of the open notebook (none without a folder); what is wrong with them."""
    page.wait_for_function(READY, timeout=60_000)
    found = []
    for theme, width in views(page):
        for number, cell in enumerate(page.locator(LABS).all(), 1):
            file = f"{name}-{number}-{theme.lower()}-{width}"
            for lab in cell.locator("[data-hl=explorer]").all():
                found += [f"{file}: {line}" for line in wrong(lab)]
            if folder:
                folder.mkdir(exist_ok=True)
                cell.scroll_into_view_if_needed()
                cell.screenshot(path=str(folder / f"{file}.png"))
    return found


def main(names: list[str]) -> int:
    if CHROMIUM is None:
        print(HOW)
        return 2
    chosen = [Path(name) for name in names] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    found = []
    with TemporaryDirectory(prefix="hugelab-pictures-", ignore_cleanup_errors=True) as home:
        course = Path(home) / "course"
        shutil.copytree(ROOT / "notebooks", course, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__"))
        with serve(course, Path(home)) as server, browse(CHROMIUM) as browser:
            for path in chosen:
                page = browser.new_page()
                open_notebook(page, server, path.name)
                run_all(page)
                found += take(page, path.stem)
                page.close()
                print(f"{path.stem}: done")
    print("\n".join(found) or f"nothing overlaps, nothing is cut off, nothing is empty; the pictures are in {FOLDER}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
