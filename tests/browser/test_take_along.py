"""What a learner takes along from a lab: the program, the pictures, the table; and the way back to the beginning."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hugelab import Scenario
from hugelab.record import export
from hugelab.record.recording import compare
from hugelab.views.plots.pool import pool
from tests.labs.views import offered

from .conftest import CLIPBOARD, Labs
from .lab import OnPage

pytestmark = pytest.mark.browser

SVG = "{http://www.w3.org/2000/svg}"


def pasted(lab: OnPage) -> str:
    """What is in the clipboard: a text field into which it is pasted by keyboard."""
    lab.page.evaluate(
        """() => { const area = document.body.appendChild(document.createElement('textarea'));
            area.id = 'pasted'; area.focus(); }"""
    )
    lab.page.keyboard.press("Control+v")
    text: str = lab.page.evaluate(
        """() => { const area = document.getElementById('pasted'); area.remove(); return area.value; }"""
    )
    return text


def download(lab: OnPage, label: str) -> tuple[str, bytes]:
    """Name and content of the file that a button saves."""
    with lab.page.expect_download() as waiting:
        lab.take(label).click()
    name = waiting.value.suggested_filename
    assert lab.root.locator(".hl-said").inner_text() == f"Saved {name}."
    return name, Path(waiting.value.path()).read_bytes()


def check_program(lab: OnPage) -> None:
    """The program in the clipboard, as JSON and as Python, is that of the lab."""
    assert lab.lab is not None
    said = lab.root.locator(".hl-said")
    lab.take("Copy as JSON").press("Enter")
    lab.wait("root.querySelector('.hl-said').textContent === 'Copied as JSON.'")
    assert lab.take("Copy as JSON").evaluate("(button) => button === document.activeElement")
    scenarios = [Scenario.from_json(case) for case in json.loads(pasted(lab))["scenarios"]]
    assert scenarios == [recording.scenario for recording in lab.film.timeline.recordings]

    lab.take("Copy as Python").click()
    lab.wait("root.querySelector('.hl-said').textContent === 'Copied as Python.'")
    assert said.get_attribute("role") == "status"
    made: dict[str, Any] = {}
    exec(pasted(lab), made)
    original = lab.film.timeline.recordings[-1]
    assert made["recording"].steps == original.steps and compare(made["recording"], original) is None
    assert len(made["recording"]) == len(original)


def program_and_table(lab: OnPage) -> None:
    """JSON, Python and CSV, after a control has moved, are those of the recordings."""
    assert lab.lab is not None
    key, control = next(iter(lab.lab.controls.items()))
    lab.move(key, offered(control)[3])
    check_program(lab)
    saved, content = download(lab, "Save table (CSV)")
    parts = [export.csv_of(recording) for recording in lab.film.timeline.recordings]
    if len(parts) > 1:
        parts = [f"{title}\n{part}" for title, part in zip(lab.film.titles, parts, strict=True)]
    assert (saved, content.decode()) == ("hugelab-steps.csv", "\n".join(parts))


def test_without_permission(watched_labs: Labs) -> None:
    """A browser that keeps its clipboard from pages: the buttons still do what they say."""
    lab, page = watched_labs("holders"), watched_labs.page
    page.context.clear_permissions()
    page.context.grant_permissions([])
    try:
        refused = page.evaluate("() => navigator.clipboard.writeText('x').then(() => '', (error) => error.name)")
        assert refused == "NotAllowedError"
        check_program(lab)
    finally:
        page.context.clear_permissions()
        page.context.grant_permissions(CLIPBOARD)


@pytest.mark.parametrize("name", ["holders", "compare"])
def test_pictures(watched_labs: Labs, name: str) -> None:
    """The saved SVG has every text of the views and needs nothing else; the PNG is as large, twice as fine."""
    lab = watched_labs(name)
    event = lab.film.timeline.events[0][lab.position()]
    saved, content = download(lab, "Save SVG")
    assert saved == f"hugelab-event-{event}.svg"
    root = ElementTree.fromstring(content)
    assert root.tag == f"{SVG}svg"
    text = "".join(root.itertext())
    found = lab.read()
    for side in found["sides"]:
        for view in ("flow", "owners", "layout"):
            assert side[view]["text"] in text
    assert all(line in text for line in found["caption"])
    names = re.sub(r'xmlns(:xlink)?="http://www.w3.org/[0-9a-z/]+"', "", content.decode())
    assert "var(" not in names and "http" not in names
    plots = [svg for svg in root.iter(f"{SVG}svg") if "main-svg" in (svg.get("class") or "")]
    assert len([svg for svg in plots if len(svg) > 1]) >= len(found["sides"])
    assert all(trace["name"] in text for trace in pool(lab.film.timeline)["data"])
    sizes = [float(root.get(key) or 0) for key in ("width", "height")]

    saved, content = download(lab, "Save PNG")
    assert saved == f"hugelab-event-{event}.png"
    assert content[:8] == b"\x89PNG\r\n\x1a\n" and len(content) > 20_000
    assert list(struct.unpack(">II", content[16:24])) == [2 * int(size) for size in sizes]


def reset(lab: OnPage) -> None:
    """All controls as they were at first, and what comes of them. Fails if none has moved."""
    assert lab.lab is not None
    first = lab.lab._first
    assert lab.lab.values != first
    run = lab.shown().split(":")[0]
    lab.take("Reset").click()
    lab.keep(first)
    lab.wait_for_values(run)
    lab.check()
    assert {key: lab.reads(key) for key in first} == first
