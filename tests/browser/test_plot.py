"""The plot of the pool: what it says where one points, lines to show or hide, zoom, what is saved; in either theme."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hugelab.linux.names import function_name
from hugelab.views.plots.pool import numbers
from hugelab.views.theme import TEMPLATES
from tests.conftest import in_proof

from .conftest import Labs, watch_jupyter
from .jupyter import Server, open_notebook, run_all, set_theme, write_notebook
from .lab import NUMBERS, OnPage, all_here
from .test_keyboard import begin, tab_to

pytestmark = pytest.mark.browser

MB = 1_000_000
DOUBLE = 400  # milliseconds: what plotly takes for a double click is over
PAGE = 2  # MB

# What is hidden: of the traces that plotly has, of the lines in the picture, of the buttons.
HIDDEN = """
(root) => {
  const node = root.querySelector(".js-plotly-plot");
  const lines = [...node.querySelectorAll(".legend .traces")].filter((one) => Number(one.style.opacity || 1) < 1);
  return [
    node.data.filter(({ visible }) => visible === "legendonly").map(({ name }) => name),
    lines.map((one) => one.textContent),
    [...root.querySelectorAll("[data-trace][aria-pressed=false]")].map(({ dataset }) => dataset.trace),
  ];
}
"""
ZOOM = "(root) => root.querySelector('.js-plotly-plot').layout.xaxis.range"
# Where in the plot the cursor stands: from 0 (left) to 1; null: it is out of view.
CURSOR = """
(root) => {
  const [area, own] = [".nsewdrag", ".hl-cursor"].map((one) => root.querySelector(one).getBoundingClientRect());
  return own.width ? ((own.left + own.right) / 2 - area.left) / area.width : null;
}
"""


def area(lab: OnPage) -> Any:
    """What lies between the axes."""
    return lab.view("plot").locator(".nsewdrag")


def point(lab: OnPage, place: float) -> tuple[float, float]:
    """Where on the page a place of the plot is: from 0 (left) to 1."""
    area(lab).scroll_into_view_if_needed()
    box = area(lab).bounding_box()
    return box["x"] + place * box["width"], box["y"] + box["height"] / 2


def hidden(lab: OnPage) -> list[str]:
    """The lines that are not drawn; plotly, legend and buttons agree about them."""
    traces, legend, buttons = lab.root.evaluate(HIDDEN)
    assert sorted(traces) == sorted(legend) == sorted(buttons)
    return sorted(traces)


def wait_hidden(lab: OnPage, *names: str) -> None:
    """Until just these lines are not drawn."""
    lab.wait(
        "arg.length === root.querySelectorAll('[data-trace][aria-pressed=false]').length"
        " && root.querySelector('.js-plotly-plot').data.filter((one) => one.visible).length === arg.length",
        names,
    )
    assert hidden(lab) == sorted(names)


def pid_of(labs: Labs) -> int:
    """The process of the notebook's kernel."""
    return int(labs.said("__import__('os').getpid()"))


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Inside, the process does nothing at all."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("name", ["fault", "nodes"])
def test_pointing_says_the_event_and_its_numbers(watched_labs: Labs, name: str) -> None:
    """Event, function and result; and all six counters in pages and MB."""
    lab = watched_labs(name)
    timeline, recording = lab.film.timeline, lab.film.timeline.recordings[0]
    for at in (0, len(timeline) // 3, lab.position(), len(timeline) - 2):
        lab.page.mouse.move(*point(lab, timeline.place(at)))
        event = recording.event(at)
        result = f" = {event.result}" if event.result else ""
        now = zip(NUMBERS, numbers(recording.counters(at)), strict=True)
        lines = [f"{name} {pages:,} = {pages * PAGE:,} MB" for name, pages in now]
        said = [f"event {at}: {function_name(event.name, recording.machine.version)}{result}", *lines]
        lab.wait(
            "[...root.querySelectorAll('.hoverlayer text')].map((one) => one.textContent).join() === arg",
            ",".join(said),
        )


def test_legend_and_buttons_show_and_hide_a_line(watched_labs: Labs) -> None:
    """Both do the same, by mouse and by keyboard; a control that moves leaves it so."""
    lab = watched_labs("holders")
    legend = lab.view("plot").locator(".legend .traces")
    wait_hidden(lab)
    legend.filter(has_text="rsvd").locator(".legendtoggle").click()
    wait_hidden(lab, "rsvd")
    lab.root.locator("[data-trace=total]").click()
    wait_hidden(lab, "rsvd", "total")
    begin(lab)
    tab_to(lab, "line rsvd")
    lab.page.keyboard.press("Space")
    wait_hidden(lab, "total")
    tab_to(lab, "line available")
    lab.page.keyboard.press("Enter")
    wait_hidden(lab, "total", "available")
    lab.move("pages", 7)
    lab.check()
    wait_hidden(lab, "total", "available")
    legend.filter(has_text="total").locator(".legendtoggle").click()
    lab.page.wait_for_timeout(DOUBLE)
    legend.filter(has_text="available").locator(".legendtoggle").click()
    wait_hidden(lab)


def test_zoom(watched_labs: Labs) -> None:
    """Drag, and that part fills the plot; the cursor stands where its event is, or is not to be seen; a control that
    moves leaves the zoom and what is hidden; a double click goes back."""
    lab = watched_labs("holders")
    timeline = lab.film.timeline
    lab.root.locator("[data-trace=free]").click()
    lab.page.mouse.move(*point(lab, 0.2))
    lab.page.mouse.down()
    lab.page.mouse.move(*point(lab, 0.7), steps=4)
    lab.page.mouse.up()
    lab.wait("root.querySelector('.js-plotly-plot').layout.xaxis.range[0] > 0.1")
    left, right = lab.root.evaluate(ZOOM)
    assert (left, right) == pytest.approx((0.2, 0.7), abs=0.02)

    def cursor_is_right() -> None:
        for at in [lab.position(), *range(0, len(timeline), 9)]:  # first where it is, without a move
            if at != lab.position():
                lab.scrubber.fill(str(1000 * timeline.place(at)))
                lab.wait_for(at)
            part, found = (timeline.place(at) - left) / (right - left), lab.root.evaluate(CURSOR)
            assert found == (pytest.approx(part, abs=0.01) if 0 <= part <= 1 else None), at

    cursor_is_right()
    lab.move("touched", 4)
    timeline = lab.film.timeline
    lab.wait("root.querySelector('.hl-plot').dataset.drawn === root.dataset.shown.split(':')[0]")
    assert lab.root.evaluate(ZOOM) == [left, right]
    assert hidden(lab) == ["free"]
    cursor_is_right()
    lab.page.mouse.dblclick(*point(lab, 0.5))
    lab.wait("root.querySelector('.js-plotly-plot').layout.xaxis.range.join() === '0,1'")
    lab.check()
    lab.root.locator("[data-trace=free]").click()
    wait_hidden(lab)


@pytest.mark.parametrize("format", ["PNG", "SVG"])
def test_save_the_plot(watched_labs: Labs, format: str) -> None:
    """The buttons above the plot, by keyboard: a file of the plot, as large as it is seen, with its lines."""
    lab = watched_labs("holders")
    lab.view("plot").scroll_into_view_if_needed()
    begin(lab)
    tab_to(lab, f"plot: Save {format}")
    with lab.page.expect_download() as waiting:
        lab.page.keyboard.press("Enter")
    event = lab.film.timeline.events[0][lab.position()]
    assert waiting.value.suggested_filename == f"hugelab-pool-event-{event}.{format.lower()}"
    saved, box = Path(waiting.value.path()).read_bytes(), lab.view("plot").bounding_box()
    if format == "PNG":
        assert saved.startswith(b"\x89PNG\r\n\x1a\n") and len(saved) > 10_000
        assert struct.unpack(">II", saved[16:24]) == pytest.approx((2 * box["width"], 2 * box["height"]), abs=4)
        return
    root = ElementTree.fromstring(saved)
    assert [float(root.get(key) or 0) for key in ("width", "height")] == pytest.approx(
        [box["width"], box["height"]], abs=2
    )
    text = "".join(root.itertext())
    assert all(name in text for name in NUMBERS)
    assert len([node for node in root.iter() if (node.get("class") or "").startswith("trace scatter")]) == len(NUMBERS)


def test_the_cursor_needs_no_kernel(watched_labs: Labs) -> None:
    """While the kernel does nothing, the timeline moves, and with it all pictures and the plot's cursor."""
    lab = watched_labs("holders")
    all_here(lab)
    with stopped(pid_of(watched_labs)):
        lab.scrubber.press("Home")
        for at in range(8):
            lab.check(at)
            lab.scrubber.press("ArrowRight")
        lab.scrubber.press("End")
        lab.check(len(lab.film.timeline) - 1)


def test_paper_and_ink_are_those_of_the_theme(watched_labs: Labs) -> None:
    """After a change of JupyterLab's theme, and back; zoom, hidden lines and cursor stay."""
    lab, sheet = watched_labs("holders"), watched_labs("entries")
    lab.root.locator("[data-trace=free]").click()

    def colours(name: str) -> None:
        layout = TEMPLATES[name]["layout"]
        wanted = [
            f"rgb({', '.join(str(int(layout[key][i : i + 2], 16)) for i in (1, 3, 5))})" for key in ("paper_bgcolor",)
        ]
        for one in (lab, sheet):
            one.wait("getComputedStyle(root.querySelector('.hl-plot .main-svg')).backgroundColor === arg", wanted[0])
            ink = one.root.evaluate(
                "(root) => root.querySelector('.hl-plot .xtick text, .hl-plot .ytick text').style.fill"
            )
            assert ink == "rgb({}, {}, {})".format(*(int(layout["font"]["color"][i : i + 2], 16) for i in (1, 3, 5)))

    colours("hugelab")
    set_theme(lab.page, "Dark")
    try:
        colours("hugelab_dark")
        lab.check()
        assert hidden(lab) == ["free"]
    finally:
        set_theme(lab.page, "Light")
    colours("hugelab")
    lab.check()


@pytest.mark.full
@in_proof
def test_plotly_travels_once(browser: Any, server: Server) -> None:
    """However many labs a page has, one large message, with the library, comes; each lab has its plot."""
    names = ("holders", "compare", "entries", "reach")
    write_notebook(server.folder / "once.ipynb", [f"from hugelab import labs\n\nlabs.{name}()" for name in names])
    frames: list[int] = []
    with watch_jupyter(browser, server) as found:
        listen = lambda socket: socket.on("framereceived", lambda payload: frames.append(len(payload)))  # noqa: E731
        found.page.on("websocket", listen)
        open_notebook(found.page, server, "once.ipynb")
        run_all(found.page)
        found.page.wait_for_function(
            "(n) => document.querySelectorAll('.hl-plot[data-drawn] .main-svg .legend').length === n", arg=5
        )
        assert len([size for size in frames if size > MB]) == 1
    found.check()
