"""A recording as one HTML file that needs nothing else: no kernel, no network."""

import base64
import json
from pathlib import Path

from ..core.text import markup
from ..record.recording import Recording
from ..record.timeline import of_two, shown_of_one
from .film import Film
from .plots.library import compressed
from .theme import DARK, LIGHT, TEMPLATES, stylesheet, stylesheets

_WEB = Path(__file__).parent / "web"
_DATA = (
    f"const TEMPLATES = {json.dumps(TEMPLATES)};\nconst STYLES = {json.dumps([stylesheet(LIGHT), stylesheet(DARK)])};\n"
)
# What a lab and a page have in common: both kinds of views, and what they need.
VIEWS = _DATA + "".join(
    (_WEB / f"{name}.js").read_text(encoding="utf-8") for name in ("along", "plot", "viewer", "sheet")
)
UNPACK = (_WEB / "unpack.js").read_text(encoding="utf-8")
STYLE = (_WEB / "viewer.css").read_text(encoding="utf-8") + stylesheets()

PAGE_STYLE = (
    "body{margin:0;padding:16px;min-height:100vh;box-sizing:border-box;background:var(--hl-paper);"
    "font-family:system-ui,sans-serif}h1{font-size:18px;margin:0 0 12px}"
)

# The page has no JupyterLab around it that knows light from dark: it asks the reader's system.
THEME = """
const darkness = matchMedia("(prefers-color-scheme: dark)");
const paint = () => { document.documentElement.dataset.hlTheme = darkness.matches ? "dark" : "light"; };
darkness.addEventListener("change", paint);
paint();
"""
# plotly.js lies in the page in gzip: two megabytes. Without it (plotly is not installed) the numbers are there.
PLOTLY = """
(async () => {
  const shared = (globalThis[PLOTLY] ??= {}), packed = document.getElementById("plotly").textContent;
  shared.promise ??= new Promise((resolve) => { shared.resolve = resolve; });
  try {
    if (!packed) throw "the package plotly was not installed when the page was made";
    const bytes = await (await fetch(`data:application/octet-stream;base64,${packed}`)).arrayBuffer();
    shared.resolve({ plotly: await unpack(bytes) });
  } catch (error) { shared.resolve({ why: String(error) }); }
})();
"""
START = """
const film = JSON.parse(document.getElementById("film").textContent);
const view = viewer(document.getElementById("view"), {
  moved() {},
  fault(error) { view.say(`This page has a fault: ${error}`); console.error(error); },
});
view.load(film.head, film.window, film.position);
"""


MOST_FRAMES = 3000  # a frame is some kilobytes


class TooLong(ValueError):
    """A recording with more to show than a page can hold, or with nothing."""


def page(recordings: tuple[Recording, ...], title: str, names: tuple[str, ...] = (), below: str = "") -> str:
    """The file's text: one recording, or two beside each other; ``below`` is HTML that stands after them.

    Of long stretches of equal events it has the first ones and the last, so it stays small. Raises TooLong for one that
    still has more than MOST_FRAMES, or no event at all (that of a live kernel has none), and ValueError for any other
    number of recordings.
    """
    if len(recordings) not in (1, 2):
        raise ValueError(f"a page shows one recording or two, not {len(recordings)}")
    if not all(len(recording) for recording in recordings):
        raise TooLong("there is no event to show")
    timeline = of_two(*recordings) if len(recordings) == 2 else shown_of_one(recordings[0])
    if len(timeline) > MOST_FRAMES:
        raise TooLong(f"{len(timeline):,} events to show, and a page holds {MOST_FRAMES:,}: take a shorter program")
    film = Film(timeline, names)
    head = film.head()
    content = {"head": head, "window": {**film.whole(), "run": 0}, "position": _first(film)}
    data = json.dumps(content, separators=(",", ":")).replace("</", "<\\/").replace("<!--", "<\\u0021--")
    note = "" if len(timeline) == len(recordings[0]) or len(recordings) == 2 else _note(recordings[0], len(timeline))
    shown = f'<script type="application/json" id="film">{data}</script>'
    shown += f'<script type="text/plain" id="plotly">{_plotly()}</script>'
    return _html(title, f'{note}<main id="view"></main>{below}', shown, f"{VIEWS}{UNPACK}{THEME}{PLOTLY}{START}")


def plain_page(title: str, body: str) -> str:
    """A page of the same kind without a recording: ``body`` is HTML."""
    return _html(title, body, "", THEME)


def _html(title: str, body: str, data: str, script: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{markup(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}{PAGE_STYLE}</style></head>'
        f'<body class="hugelab"><h1>{markup(title)}</h1>{body}{data}'
        f'<script type="module">{script}</script></body></html>\n'
    )


def _first(film: Film) -> int:
    """Where the page opens: at what was refused, else at the first event of the program's first step."""
    if refused := next(filter(None, film.refusals), None):
        return refused.position
    return film.timeline.marks[0].position if film.timeline.marks else 0


def _plotly() -> str:
    """plotly.js for the page, or "" where there is none."""
    try:
        return base64.b64encode(compressed()).decode("ascii")
    except FileNotFoundError:
        return ""


def _note(recording: Recording, shown: int) -> str:
    return f"<p>{shown:,} of {len(recording):,} events: of long stretches of equal ones the first and the last.</p>"
