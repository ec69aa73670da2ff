"""A log of one's own in a real JupyterLab: larger than a message of Jupyter may be, by keyboard, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hugelab.labs import logs

from .axe import violations
from .conftest import Labs
from .jupyter import set_theme

pytestmark = pytest.mark.browser

LINE = b"         hugelab-484     [000] .....    99.306725: hugetlbfs_create <-path_openat\n"
LARGE = 12_000_000  # bytes


def test_a_log_of_your_own(watched_labs: Labs, tmp_path: Path) -> None:
    """Enter opens the choice; the file is examined; the next one is no log, so what was shown stays."""
    large, binary = tmp_path / "large.txt", tmp_path / "some.bin"
    large.write_bytes(logs.text("6.1, kprobes").encode() + LINE * (LARGE // len(LINE)))
    binary.write_bytes(bytes(5000))
    lab, page = watched_labs("log_file"), watched_labs.page
    chosen: list[Any] = []
    # Before the key: otherwise the browser's own window may come first.
    page.on("filechooser", lambda choice: chosen.append(choice))
    button = lab.root.get_by_role("button", name="Examine a log of your own")
    for file, message in ((large, "This is large.txt"), (binary, "some.bin is binary")):
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_timeout(200)
        chosen.pop().set_files(str(file))
        lab.wait(f"root.querySelector('.hl-message').textContent.includes('{message}')")
        caption = lab.root.locator(".hl-caption").inner_text()
        assert caption.startswith("large.txt: ftrace function, kprobe events; Linux 6.1.0")
        assert button.evaluate("(node) => document.activeElement === node")
    for theme in ("Dark", "Light"):
        set_theme(page, theme)
        assert violations(page, [".hugelab"]) == [], theme
