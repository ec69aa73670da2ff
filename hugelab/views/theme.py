"""Colours and fonts, in one place, for the pictures, the plot and the player; light and dark.

The hues are Okabe and Ito's (Color Universal Design, jfly.uni-koeln.de/color), which colour-blind readers can tell
apart; a colour is never the only carrier: pages have letters, states have words or patterns.
"""

from typing import Any

SANS = "DejaVu Sans, system-ui, sans-serif"
MONO = "DejaVu Sans Mono, ui-monospace, monospace"

# Fill colours of pages, by letter; black text reads on all of them.
_PAGES = "#56b4e9 #e69f00 #5fc9a5 #f0e442 #cc9fbf #f2a07a #8fb4d8 #c9c9c9 #b9d36c #f5b8c4"
PAGE_COLOURS = tuple(_PAGES.split(" "))

_COLOURS = {  # light, dark
    "paper": ("#ffffff", "#111111"),
    "text": ("#1a1a1a", "#ececec"),
    "soft": ("#595959", "#b4b4b4"),
    "line": ("#8a8a8a", "#8a8a8a"),
    "grid": ("#d9d9d9", "#3a3a3a"),
    "empty": ("#f2f2f2", "#2a2a2a"),
    "lit": ("#fff2b3", "#4d3d00"),
    "lit-line": ("#8a5a00", "#ffcf5c"),
    "free": ("#009e73", "#2cc295"),
    "rsvd": ("#e69f00", "#f0b03a"),
    "rsvd-line": ("#8a5a00", "#ffcf5c"),
    "used": ("#0072b2", "#5cabdd"),
    "surp": ("#cc79a7", "#dd99bf"),
    "bad": ("#b00020", "#ff8a80"),
}
_ORANGE = ("#c27400", "#f0b03a")  # of a line: "rsvd" is an area's, and too light for one on white
LIGHT, DARK = ({name: pair[dark] for name, pair in _COLOURS.items()} for dark in (0, 1))

# Where the page is dark: in JupyterLab, and in a page of its own whose reader prefers it.
DARK_SCOPES = ("[data-jp-theme-light='false'] .hugelab", ":root[data-hl-theme='dark'] .hugelab")
SCOPE = ".hugelab"


def rules(colours: dict[str, str]) -> dict[str, str]:
    """Selector -> declarations for every class the pictures use, in concrete colours."""
    c = colours
    return {
        ".hl-t": f"fill:{c['text']};font-family:{SANS};font-size:12px",
        ".hl-s": f"fill:{c['soft']};font-family:{SANS};font-size:12px",
        ".hl-m": f"fill:{c['text']};font-family:{MONO};font-size:12px",
        ".hl-h": f"fill:{c['text']};font-family:{SANS};font-size:13px;font-weight:bold",
        ".hl-b": "font-weight:bold",
        ".hl-u": f"fill:{c['text']};text-decoration:underline",
        ".hl-c": f"fill:#000;font-family:{SANS};font-size:12px;font-weight:bold;text-anchor:middle",
        ".hl-end": "text-anchor:end",
        ".hl-mid": f"text-anchor:middle;fill:{c['text']}",
        ".hl-box": f"fill:{c['paper']};stroke:{c['line']};stroke-width:1",
        ".hl-lit": f"fill:{c['lit']};stroke:{c['lit-line']};stroke-width:2",
        ".hl-bad": f"fill:{c['paper']};stroke:{c['bad']};stroke-width:3",
        ".hl-no": f"fill:{c['bad']};font-weight:bold",
        ".hl-empty": f"fill:{c['empty']};stroke:{c['line']};stroke-width:1;stroke-dasharray:3 2",
        ".hl-line": f"stroke:{c['line']};stroke-width:1;fill:none",
        ".hl-resv": f"fill:{c['rsvd']};stroke:{c['text']};stroke-width:1",
        ".hl-frame": f"fill:none;stroke:{c['text']};stroke-width:3",
        ".hl-marker": f"stroke:{c['text']};stroke-width:2;fill:none",
        **{f".hl-a-{name}": f"fill:{c[name]};fill-opacity:.75" for name in ("free", "rsvd", "used")},
        ".hl-l-0": f"stroke:{c['used']};stroke-width:2;fill:none",
        ".hl-l-1": f"stroke:{c['rsvd-line']};stroke-width:2;stroke-dasharray:8 3;fill:none",
        ".hl-l-2": f"stroke:{c['free']};stroke-width:2;stroke-dasharray:2 2;fill:none",
        **{f".hl-p{i}": f"fill:{colour};stroke:{c['text']};stroke-width:1" for i, colour in enumerate(PAGE_COLOURS)},
        ".hl-cow": "fill:none;stroke:#000;stroke-width:1;stroke-dasharray:2 2",
        ".hl-lost": f"stroke:{c['text']};stroke-width:2;fill:none",
        ".hl-new": f"stroke:{c['text']};stroke-width:3;stroke-dasharray:none",
    }


def stylesheet(colours: dict[str, str], scope: str = "") -> str:
    """The rules as CSS; ``scope`` goes before each selector."""
    return "".join(f"{scope}{name}{{{style}}}" for name, style in rules(colours).items())


def _variables(colours: dict[str, str]) -> str:
    """The colours for the style sheet of the page, as custom properties."""
    return "".join(f"--hl-{name}:{value};" for name, value in colours.items())


def stylesheets() -> str:
    """Light and dark for everything below an element of class ``hugelab``."""
    sheets = [f"{SCOPE}{{{_variables(LIGHT)}color-scheme:light}}", stylesheet(LIGHT, f"{SCOPE} ")]
    for scope in DARK_SCOPES:
        sheets += [f"{scope}{{{_variables(DARK)}color-scheme:dark}}", stylesheet(DARK, f"{scope} ")]
    return "".join(sheets)


# -- plotly ------------------------------------------------------------------------------------------
def template(colours: dict[str, str], orange: str) -> dict[str, Any]:
    """A template of plotly: it has every colour of a figure. The figures themselves have none."""
    c = colours
    axis = {
        "gridcolor": c["grid"],
        "linecolor": c["line"],
        "zerolinecolor": c["line"],
        "tickcolor": c["line"],
        "showline": False,
        "title": {"font": {"size": 12}},
        "automargin": False,
    }
    return {
        "layout": {
            "colorway": [c["free"], orange, c["used"], c["text"], c["rsvd-line"], c["surp"]],
            "paper_bgcolor": c["paper"],
            "plot_bgcolor": c["paper"],
            "font": {"family": SANS, "size": 12, "color": c["text"]},
            "xaxis": {**axis, "showgrid": False, "zeroline": False},
            "yaxis": axis,
            "hoverlabel": {"bgcolor": c["paper"], "bordercolor": c["line"], "font": {"color": c["text"]}},
            "legend": {"font": {"size": 12}},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": c["soft"], "activecolor": c["text"]},
            "shapedefaults": {"line": {"color": c["line"]}},
            "annotationdefaults": {"font": {"color": c["soft"], "size": 12}},
            "annotations": [{"name": "refused", "visible": False, "font": {"color": c["bad"], "size": 12}}],
        }
    }


TEMPLATES = {"hugelab": template(LIGHT, _ORANGE[0]), "hugelab_dark": template(DARK, _ORANGE[1])}
