"""The page of a recording that needs no kernel and no network, opened from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hugelab import LESSON, X86_64, lesson, run
from hugelab.record.recording import Recording
from hugelab.record.timeline import of_two, shown_of_one
from hugelab.views.film import Film
from hugelab.views.page import _plotly
from hugelab.views.page import page as made
from tests.hostile import TEXT, scenario

from .axe import violations
from .conftest import watch
from .lab import EXPLORER, OnPage

pytestmark = pytest.mark.browser

MANY = 1_000_000


def opened(page: Any, folder: Path, recordings: Sequence[Recording], names: tuple[str, ...] = ()) -> OnPage:
    """The page of one or two recordings, written and opened."""
    file = folder / "recording.html"
    file.write_text(made(tuple(recordings), "The lesson", names), encoding="utf-8")
    timeline = of_two(*recordings) if len(recordings) == 2 else shown_of_one(recordings[0])
    page.goto(file.as_uri())
    root = page.locator(f"{EXPLORER}[data-shown]")
    root.wait_for()
    return OnPage(page, root, film=Film(timeline, names))


def worked(lab: OnPage) -> None:
    """By keys through some of it, each place compared with the model."""
    timeline = lab.film.timeline
    lab.check(timeline.marks[0].position)  # where the program begins
    lab.scrubber.press("Home")
    lab.check(0)
    for at in range(1, 13):
        lab.page.keyboard.press("ArrowRight")
        lab.check(at)
    for mark in timeline.marks:
        if mark.position > 12:
            lab.page.keyboard.press("PageDown")
            lab.check(mark.position)
            lab.page.keyboard.press("ArrowRight")
            lab.check(min(mark.position + 1, len(timeline) - 1))
            lab.page.keyboard.press("ArrowLeft")
    lab.page.keyboard.press("End")
    lab.check(len(timeline) - 1)


def test_one_recording(browser: Any, tmp_path: Path) -> None:
    """The lesson: keys, clicks, following and the files it saves; nothing is asked of any network."""
    with watch(browser, "file://", permissions=["clipboard-read", "clipboard-write"]) as found:
        lab = opened(found.page, tmp_path, [run(lesson(), LESSON)])
        assert found.page.title() == "The lesson"
        worked(lab)
        lab.open("steps")
        lab.view("usages").locator("tr[data-step='2'] button").click()
        at = lab.film.timeline.position(lab.film.timeline.recordings[0].steps[2].last)
        lab.check(at)
        lab.open("owners")
        lab.view("owners").locator("[data-p='2M:B']").first.click()
        there = lab.film.follow(0, "2M:B", at)
        assert there is not None
        lab.check(there)
        with found.page.expect_download() as waiting:
            lab.take("Save PNG").click()
        assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")
        assert violations(found.page, ["body"]) == []
    found.check()


def test_names_that_are_no_text(browser: Any, tmp_path: Path) -> None:
    """Controls, markup, a space that HTML calls &nbsp; and XML does not: seen escaped, and saved as a picture."""
    with watch(browser, "file://") as found:
        lab = opened(found.page, tmp_path, [run(scenario())], (TEXT,))
        lab.check()
        lab.open("steps")
        lab.root.locator("tr[data-step='3'] button").click()
        at = lab.film.timeline.position(lab.film.timeline.recordings[0].steps[3].last)
        lab.check(at)
        lab.open("owners")
        assert r"\x1b[31m" in lab.view("owners").inner_text()
        assert found.page.locator("script").count() == 3
        for name, begin in (("Save PNG", b"\x89PNG"), ("Save SVG", b"<svg ")):
            with found.page.expect_download() as waiting:
                lab.take(name).click()
            saved = Path(waiting.value.path()).read_bytes()
            assert saved.startswith(begin)
        ElementTree.fromstring(saved)
    found.check()


def test_two_recordings(browser: Any, tmp_path: Path) -> None:
    """The lesson under two sets of rules: both sides at every place, and the way to the first difference."""
    names = ("Linux 3.10", "Linux 6.18")
    with watch(browser, "file://") as found:
        lab = opened(found.page, tmp_path, [run(lesson(), LESSON), run(lesson(), X86_64)], names)
        worked(lab)
        lab.root.get_by_role("button", name="Go to it").click()
        lab.wait("!root.dataset.shown.endsWith(':' + arg)", len(lab.film.timeline) - 1)
        lab.check()
        assert violations(found.page, ["body"]) == []
    found.check()


def test_a_million_pages(browser: Any, tmp_path: Path) -> None:
    """Of a million equal faults the first and the last are there; the page says so, and stays small."""
    recording = run(lesson(MANY, MANY), X86_64)
    with watch(browser, "file://") as found:
        lab = opened(found.page, tmp_path, [recording])
        worked(lab)
        note = found.page.locator("p").inner_text()
        assert note.startswith(f"{len(lab.film.timeline):,} of {len(recording):,} events")
        plotly = len(_plotly())
        assert (tmp_path / "recording.html").stat().st_size - plotly < 2_000_000
        assert found.page.locator("*").count() < 3000
    found.check()


def test_dark_where_the_reader_prefers_it(browser: Any, tmp_path: Path) -> None:
    """The colours are those of the reader's system, and follow it."""
    with watch(browser, "file://", color_scheme="dark") as found:
        lab = opened(found.page, tmp_path, [run(lesson(), LESSON)])

        def fill() -> str:
            colour: str = lab.root.evaluate("(root) => getComputedStyle(root.querySelector('svg .hl-h')).fill")
            return colour

        assert fill() == "rgb(236, 236, 236)"
        lab.wait("getComputedStyle(root.querySelector('.main-svg') ?? root).backgroundColor === 'rgb(17, 17, 17)'")
        assert found.page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(17, 17, 17)"
        assert violations(found.page, ["body"]) == []
        found.page.emulate_media(color_scheme="light")
        lab.wait("getComputedStyle(root.querySelector('svg .hl-h')).fill === 'rgb(26, 26, 26)'")
        lab.wait("getComputedStyle(root.querySelector('.main-svg')).backgroundColor === 'rgb(255, 255, 255)'")
        lab.check()
    found.check()
