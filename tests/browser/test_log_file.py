"""A log of one's own in a real JupyterLab: small, larger than a message of Jupyter may be, given up; by keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hugelab.course import logs

from .axe import violations
from .conftest import Labs
from .jupyter import set_theme
from .lab import OnPage

pytestmark = pytest.mark.browser

LINE = b"         hugelab-484     [000] .....    99.306725: hugetlbfs_create <-path_openat\n"
LARGE = 12_000_000  # bytes
MB = 1_000_000
# Notes how large what the page sends is, from here on.
SENT = """
() => {
  window.sent = [];
  window.send ??= WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    window.sent.push(data.byteLength ?? data.length ?? data.size);
    return window.send.call(this, data);
  };
}
"""


def choose(lab: OnPage, file: Path) -> None:
    """Press the button, choose the file."""
    with lab.page.expect_file_chooser() as choice:
        lab.root.get_by_role("button", name="Examine a log of your own").click()
    choice.value.set_files(str(file))


def sent(lab: OnPage) -> list[int]:
    """How large the messages of more than 100 KB were."""
    return [size for size in lab.page.evaluate("() => window.sent") if size > MB // 10]


def test_small_in_one_message_large_in_slices(watched_labs: Labs, tmp_path: Path) -> None:
    """Up to 8 MB one message; a larger one in parts of a megabyte, and one sees how far it is."""
    small, large = tmp_path / "small.txt", tmp_path / "large.txt"
    begin = logs.text("6.1, kprobes").encode()
    small.write_bytes(begin + LINE * (3 * MB // len(LINE)))
    large.write_bytes(begin + LINE * (LARGE // len(LINE)))
    lab = watched_labs("log_file")
    lab.page.evaluate(SENT)
    choose(lab, small)
    lab.wait("root.querySelector('.hl-message').textContent.startsWith('This is small.txt')")
    assert [size // MB for size in sent(lab)] == [3]
    lab.page.evaluate(SENT)
    lab.root.evaluate(
        """(root) => { root.parts = [];
            new MutationObserver(() => root.parts.push(root.querySelector('.hl-busy').textContent))
              .observe(root.querySelector('.hl-busy'), { childList: true, subtree: true, characterData: true }); }"""
    )
    choose(lab, large)
    lab.wait("root.querySelector('.hl-message').textContent.startsWith('This is large.txt')")
    assert len(sent(lab)) == 12 and max(sent(lab)) < 1.1 * (1 << 20)
    parts = lab.root.evaluate("(root) => root.parts")
    assert any("large.txt: 6 of 12 MB" in part for part in parts), parts


def test_a_transfer_that_is_given_up(watched_labs: Labs, tmp_path: Path) -> None:
    """Cancel: what was shown stays, and no more of the file is sent."""
    file = tmp_path / "endless.txt"
    with file.open("wb") as out:
        out.truncate(400 * MB)
    lab = watched_labs("log_file")
    shown = lab.shown()
    lab.page.evaluate(SENT)
    choose(lab, file)
    lab.wait("/endless.txt: [3-9] of 400 MB/.test(root.querySelector('.hl-busy').textContent)")
    assert 0 < lab.root.locator("progress").evaluate("(bar) => bar.position") < 0.1
    lab.root.get_by_role("button", name="Cancel").click()
    lab.wait("root.querySelector('.hl-message').textContent.startsWith('Cancelled')")
    lab.wait("!root.querySelector('.hl-busy').firstChild")
    number = len(sent(lab))
    lab.page.wait_for_timeout(500)
    assert len(sent(lab)) <= number + 1 < 100
    assert lab.shown() == shown


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
