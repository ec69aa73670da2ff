"""The self-contained page: complete, small, safe whatever names are in it; and the scripts and styles it shares."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from hugelab import LESSON, X86_64, Recording, Scenario, lesson, run
from hugelab.core.text import showable
from hugelab.course.recorded import answer
from hugelab.labs.widget.lab import Lab
from hugelab.record.refusal import first_refusal
from hugelab.record.timeline import shown_events
from hugelab.views import page as pages
from hugelab.views.page import STYLE, VIEWS, TooLong, page
from hugelab.views.plots.library import compressed
from hugelab.views.theme import DARK, LIGHT, TEMPLATES, rules
from tests.views.read import CASE

NODE = shutil.which("node") or shutil.which("nodejs")
NAMESPACE = "http://www.w3.org/2000/svg"
EVIL = ["</script><b>evil", "<!--<script>", "</SCRIPT ", "]]>&<script>alert(1)</script>", "\u2028'\"\\"]


class Reader(HTMLParser):
    """What a browser makes of a page: tags with their attributes, and the text of each script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.titles: list[str] = []
        self._in = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            self.scripts[-1] += data
        elif self._in in ("title", "h1"):
            self.titles.append(data)


def content(html: str) -> Any:
    """The film in a page."""
    return json.loads(Reader(html).scripts[0])


@pytest.fixture(scope="module")
def html() -> str:
    return page((run(lesson(), LESSON),), "the <lesson>")


def test_the_page_needs_nothing_else(html: str) -> None:
    """No address but the name of SVG; nothing that a browser would fetch but what lies in the page itself."""
    assert set(re.findall(r"https?://[\w./]+", html)) == {NAMESPACE}
    for tag, attributes in Reader(html).tags:
        assert not {"src", "href", "srcset", "action", "data"} & attributes.keys(), tag
        assert tag not in ("link", "iframe", "img", "object", "base"), tag
    ours = html
    for own in ("import(/* webpackIgnore: true */ address)", "fetch(`data:"):  # plotly, out of the page's own gzip
        assert html.count(own) == 1
        ours = ours.replace(own, "")
    assert not re.search(r"@import|url\(|\bimport\b[^a-z]*[\"'(]|(?<!function )\bfetch\([\"'`]", ours)


def test_the_page_has_the_whole_film(html: str) -> None:
    """Every event with its pictures, the plot, the steps, and what can be taken along; it starts with the program."""
    recording, film = run(lesson(), LESSON), content(html)
    assert film["position"] == recording.steps[0].first > 0
    assert [trace["name"] for trace in film["head"]["sides"][0]["figure"]["data"]].count("available") == 1
    assert len(film["window"]["frames"]) == film["head"]["length"] == len(recording)
    assert film["window"]["run"] == 0 and film["window"]["first"] == 0
    numbers = {number for frame in film["window"]["frames"] for side in frame for number in side[1:4]}
    assert numbers == set(range(len(film["window"]["pictures"])))
    assert "recording = run(program" in film["head"]["python"]
    assert Reader(html).titles == ["the <lesson>", "the <lesson>"]


@pytest.mark.parametrize("name", EVIL)
def test_names_do_no_harm(name: str) -> None:
    """A scenario, a file and a title that look like markup: three scripts as ever, and the names as they are shown."""
    program = Scenario(name).then("open", fd=name, path=f"m/{name.replace('/', '')}")
    text = page((run(program),), name, (name,))
    assert text.lower().count("</script") == 3
    assert "<!--" not in text
    reader = Reader(text)
    assert [tag for tag, _ in reader.tags].count("script") == 3
    assert [tag for tag, _ in reader.tags if tag in ("b", "img")] == []
    film = content(text)
    assert json.loads(film["head"]["json"])["scenarios"][0]["name"] == name
    assert film["head"]["sides"][0]["title"] == showable(name)
    assert reader.titles == [showable(name)] * 2


def test_two_recordings_are_beside_each_other() -> None:
    """Both sides in every frame, with their names and the first difference."""
    film = content(page((run(lesson(), LESSON), run(lesson(), X86_64)), "both", ("3.10", "6.18")))
    assert [side["title"] for side in film["head"]["sides"]] == ["3.10", "6.18"]
    assert film["head"]["difference"][1] == "step 3, dequeue_huge_page_vma: reserved 4 | 5"
    assert all(len(frame) == 2 for frame in film["window"]["frames"])


@pytest.mark.parametrize("name", ["shared_reserved_by_two_files", "map_populate_noreserve_short", "cgroup2_limits"])
def test_it_opens_at_what_was_refused(name: str) -> None:
    """At the event that decided; and the sentence is in it."""
    recording = run(CASE[name])
    film, refused = content(page((recording,), name)), first_refusal(recording)
    assert refused is not None and film["position"] == refused.event
    assert film["head"]["sides"][0]["refusal"] == [refused.step, refused.event, refused.text]


def test_of_two_it_opens_where_either_was_refused() -> None:
    """The side that got everything has no sentence."""
    fine, short = run(lesson(5, 9), X86_64), run(lesson(5, 3), X86_64)
    for pair in ((fine, short), (short, fine)):
        film = content(page(pair, "both"))
        told = [side["refusal"] for side in film["head"]["sides"]]
        assert [refusal is None for refusal in told] == [recording is fine for recording in pair]
        (refusal,) = filter(None, told)
        assert refusal[2].startswith("mmap refused: ENOMEM. 5 pages wanted, 3 available")
        side = pair.index(short)
        refused = first_refusal(short)
        assert refused is not None and film["window"]["frames"][film["position"]][side][0] == refused.event


def test_plotly_lies_in_the_page(html: str) -> None:
    """The whole of it, in gzip, and plain letters; it is the one of the installed package."""
    packed = base64.b64decode(Reader(html).scripts[1])
    assert packed == compressed()
    assert b"plotly.js v" in gzip.decompress(packed)[:300]


def test_without_plotly_there_are_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is made all the same, and its script can say why there is no plot."""

    def missing() -> bytes:
        raise FileNotFoundError

    monkeypatch.setattr(pages, "compressed", missing)
    text = page((run(lesson(), LESSON),), "no plotly")
    film, reader = content(text), Reader(text)
    assert reader.scripts[1] == "" and "plotly was not installed" in reader.scripts[2]
    assert film["window"]["frames"][0][0][6] == ["10", "0", "10", "0", "10", "0"]


@pytest.mark.parametrize("number", [0, 3])
def test_only_one_or_two(number: int) -> None:
    """Any other number is a mistake of the caller."""
    with pytest.raises(ValueError, match=f"one recording or two, not {number}"):
        page((run(lesson()),) * number, "many")


def test_a_recording_without_events_is_refused() -> None:
    """A kernel's answers have no events: there is nothing to show."""
    recorded = answer(5, 10, 5, "shared file", "munmap, close, unlink")
    assert recorded is not None
    for given in ((recorded,), (run(lesson()), recorded)):
        with pytest.raises(ValueError, match="no event to show"):
            page(given, "nothing")


def test_a_million_pages_are_a_small_page() -> None:
    """Below 3 MB beside plotly, with a note that says what it leaves out; the last event is in it."""
    recording = run(lesson(1_000_000, 1_000_000), X86_64)
    text = page((recording,), "many")
    film = content(text)
    assert len(text) - len(Reader(text).scripts[1]) < 3_000_000
    assert film["window"]["frames"][-1][0][0] == len(recording) - 1
    shown = len(shown_events(recording))
    assert f"<p>{shown:,} of {len(recording):,} events: of long stretches" in text
    assert film["head"]["length"] == shown < 2000


def test_a_short_page_has_no_note(html: str) -> None:
    """Nothing is left out of the lesson's program, also beside another one."""
    assert "<p>" not in html
    assert "<p>" not in page((run(lesson(1)), run(lesson(2))), "two")


def test_too_many_events_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is said in one line, not written."""
    monkeypatch.setattr(pages, "MOST_FRAMES", 90)
    with pytest.raises(TooLong, match=r"^99 events to show, and a page holds 90: take a shorter program$"):
        page((run(lesson(), LESSON),), "long")
    monkeypatch.setattr(pages, "MOST_FRAMES", 99)
    assert page((run(lesson(), LESSON),), "fits")


@pytest.mark.parametrize("name", ["gigantic_demote", "two_forked_children_share_then_die"])
def test_the_same_page_every_time(name: str) -> None:
    """So that it can be compared."""
    assert page((run(CASE[name]),), name) == page((run(CASE[name]),), name)


# -- scripts and styles ------------------------------------------------------------------------------
def scripts() -> dict[str, str]:
    recording: Recording = run(lesson(2), LESSON)
    return {
        "viewer": VIEWS,
        "lab": str(Lab._esm),
        "page": Reader(page((recording,), "x")).scripts[2],
    }


@pytest.mark.skipif(NODE is None, reason="node is not installed: the scripts are checked in the browser tests alone")
@pytest.mark.parametrize("name", ["viewer", "lab", "page"])
def test_scripts_are_javascript(name: str, tmp_path: Path) -> None:
    """Node reads them as modules; and it would notice."""
    assert NODE is not None
    for text, fine in ((scripts()[name], True), (scripts()[name] + "\n}", False)):
        file = tmp_path / "script.mjs"
        file.write_text(text, encoding="utf-8")
        done = subprocess.run([NODE, "--check", str(file)], capture_output=True, text=True)
        assert (done.returncode == 0) == fine, done.stderr


def test_every_colour_of_the_style_sheet_exists() -> None:
    """In both themes, or a script sets it; and braces are in pairs."""
    given = set(re.findall(r'setProperty\("--hl-([\w-]+)"', VIEWS))
    used = set(re.findall(r"var\(--hl-([\w-]+)", STYLE + VIEWS + pages.PAGE_STYLE))
    assert used and used - given <= LIGHT.keys() == DARK.keys()
    assert STYLE.count("{") == STYLE.count("}")


@pytest.mark.parametrize("name", ["two_forked_children_share_then_die", "mount_min_size_takes_surplus"])
def test_every_class_of_a_picture_has_a_style(name: str) -> None:
    """What is drawn has a colour, in the page and in a picture that is saved; in a table, the page's style sheet."""
    film = content(page((run(CASE[name]),), name))

    def classes(drawn: str) -> set[str]:
        return {one for given in re.findall(r'class="([^"]+)"', drawn) for one in given.split()}

    pictures, steps = classes("".join(film["window"]["pictures"])), classes(film["head"]["sides"][0]["steps"])
    assert pictures and {f".{name}" for name in pictures} <= rules(LIGHT).keys()
    styles = json.loads(re.findall(r"^const STYLES = (.*);$", VIEWS, re.M)[0])
    assert len(styles) == 2 and all(f".{name}{{" in style for style in styles for name in pictures)
    assert steps and all(re.search(rf"\.{name}\b", STYLE) for name in steps)


def test_templates_of_plots_are_in_the_scripts() -> None:
    """Those of the package: light and dark, for the page and the labs."""
    assert json.loads(re.findall(r"^const TEMPLATES = (.*);$", VIEWS, re.M)[0]) == TEMPLATES
