"""The JupyterLab and the Chromium that the tests of this folder share, and what is watched on every page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hugelab import labs

from .jupyter import (
    CHROMIUM,
    HOW,
    Server,
    browse,
    clear_outputs,
    kernels,
    open_notebook,
    outputs,
    run_cell,
    serve,
    write_notebook,
)
from .lab import OnPage, show

ROOT = Path(__file__).parents[2]
VIEWPORT = {"width": 1440, "height": 900}
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
LABS = "labs.ipynb"  # a cell for each lab of EVERY, in that order, and two more
CLIPBOARD = ["clipboard-read", "clipboard-write"]
EVERY = {**labs.ALL, **labs.SHEETS}


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium. Without one the test is skipped, but not in CI."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail(HOW)
        pytest.skip(HOW)
    return CHROMIUM


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Server]:
    """JupyterLab on a copy of the notebooks, and one with cells for the labs of the tests."""
    home = tmp_path_factory.mktemp("jupyter")
    folder = home / "course"
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__"))
    write_notebook(folder / LABS, ["" for _ in EVERY] + ["", ""])
    with serve(folder, home) as server:
        yield server


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Any]:
    """A Chromium for the tests of this folder. (Its event loop must not outlive them: other tests have their own.)"""
    with browse(chromium) as browser:
        yield browser


@dataclass
class Watched:
    """A page, and what went wrong on it: console errors, and requests that left the host."""

    page: Any
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Nothing went wrong since the last time."""
        errors, outside = [*self.errors], [*self.outside]
        self.errors.clear()
        self.outside.clear()
        assert errors == []
        assert outside == []


@contextmanager
def watch(browser: Any, *own: str, **options: Any) -> Iterator[Watched]:
    """A page in a new browser profile; ``own`` are the beginnings of the addresses that it may ask."""
    context = browser.new_context(**{"viewport": VIEWPORT, **options})
    try:
        page = context.new_page()
        found = Watched(page)
        allowed = (*own, "data:", "blob:")
        page.on("console", lambda message: found.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: found.errors.append(error.stack or str(error)))
        page.on(
            "request", lambda request: None if request.url.startswith(allowed) else found.outside.append(request.url)
        )
        yield found
        errors, outside = [*found.errors], [*found.outside]  # closing is no part of the test
    finally:
        context.close()
    found.errors[:], found.outside[:] = errors, outside


@contextmanager
def watch_jupyter(browser: Any, server: Server, **options: Any) -> Iterator[Watched]:
    """As ``watch``, with the server as the only one to ask; and what a test has set there is unset at the end."""
    try:
        with kernels(server), watch(browser, server.url, server.url.replace("http", "ws"), **options) as found:
            yield found
    finally:
        for folder in (server.settings / "lab/user-settings").glob("**/themes.jupyterlab-settings"):
            folder.unlink()  # a test that changed the theme changed it for itself


@pytest.fixture(scope="package")
def every_lab(browser: Any, server: Server) -> Iterator[Watched]:
    """One page with a cell for every lab, not run; it may use the clipboard. Take ``watched_labs``."""
    with watch_jupyter(browser, server, permissions=CLIPBOARD) as found:
        open_notebook(found.page, server, LABS)
        yield found


class Labs:
    """A notebook with a cell for each lab, and what went wrong on its page."""

    def __init__(self, watched: Watched):
        self.watched, self.page = watched, watched.page

    def __call__(self, name: str, **arguments: Any) -> OnPage:
        """A lab as it is when its cell has just been run; the notebook calls it ``lab``. (One without a timeline has
        less on its page: see test_sheets.py.)"""
        given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        code = f"from hugelab import labs\n\nlab = labs.{name}({given})\nlab"
        shown: OnPage = show(self.page, list(EVERY).index(name), code, EVERY[name](**arguments))
        return shown

    def run(self, code: str) -> None:
        """Run code in one more cell, below the labs."""
        run_cell(self.page, len(EVERY), code)

    def said(self, code: str) -> str:
        """What an expression is in the kernel."""
        self.run(f"print({code})")
        text: str = outputs(self.page)[len(EVERY)][0]["text"]
        return text.strip()

    def own(self, code: str, *labs: Any) -> Any:
        """The lab that code shows in the last cell, or the labs; ``labs`` are the same in this Python."""
        return show(self.page, len(EVERY) + 1, code, *labs)


@contextmanager
def all_is_well(every_lab: Watched) -> Iterator[Labs]:
    """At the end nothing went wrong on the page, and it is empty: what is on it costs time when anything moves."""
    yield Labs(every_lab)
    clear_outputs(every_lab.page)
    every_lab.check()


@pytest.fixture
def watched_labs(every_lab: Watched) -> Iterator[Labs]:
    """One page for all labs: ``watched_labs(name)`` runs a cell that shows one."""
    with all_is_well(every_lab) as labs:
        yield labs
