"""Colours and fonts, in one place, for the pictures, the plot and the player; light and dark.

The hues are Okabe and Ito's (Color Universal Design, jfly.uni-koeln.de/color), which colour-blind readers can tell
apart; a colour is never the only carrier: pages have letters, states have words or patterns.
"""

from __future__ import annotations

SANS = "DejaVu Sans, system-ui, sans-serif"
MONO = "DejaVu Sans Mono, ui-monospace, monospace"

# Fill colours of pages, by letter; black text reads on all of them.
PAGE_COLOURS = (
    "#56b4e9",
    "#e69f00",
    "#5fc9a5",
    "#f0e442",
    "#cc9fbf",
    "#f2a07a",
    "#8fb4d8",
    "#c9c9c9",
    "#b9d36c",
    "#f5b8c4",
)

LIGHT = {
    "paper": "#ffffff",
    "text": "#1a1a1a",
    "soft": "#595959",
    "line": "#8a8a8a",
    "empty": "#f2f2f2",
    "lit": "#fff2b3",
    "lit-line": "#8a5a00",
    "free": "#009e73",
    "rsvd": "#e69f00",
    "used": "#0072b2",
    "surp": "#cc79a7",
}
DARK = {
    "paper": "#111111",
    "text": "#ececec",
    "soft": "#b4b4b4",
    "line": "#8a8a8a",
    "empty": "#2a2a2a",
    "lit": "#4d3d00",
    "lit-line": "#ffcf5c",
    "free": "#2cc295",
    "rsvd": "#f0b03a",
    "used": "#5cabdd",
    "surp": "#dd99bf",
}


def stylesheet(colours: dict[str, str], scope: str = "") -> str:
    """The rules for every class the pictures use, in concrete colours; ``scope`` goes before each selector."""
    c = colours
    rules = {
        ".hl-t": f"fill:{c['text']};font-family:{SANS};font-size:12px",
        ".hl-s": f"fill:{c['soft']};font-family:{SANS};font-size:11px",
        ".hl-m": f"fill:{c['text']};font-family:{MONO};font-size:11px",
        ".hl-h": f"fill:{c['text']};font-family:{SANS};font-size:13px;font-weight:bold",
        ".hl-b": "font-weight:bold",
        ".hl-c": f"fill:#000;font-family:{SANS};font-size:11px;font-weight:bold;text-anchor:middle",
        ".hl-box": f"fill:{c['paper']};stroke:{c['line']};stroke-width:1",
        ".hl-lit": f"fill:{c['lit']};stroke:{c['lit-line']};stroke-width:2",
        ".hl-empty": f"fill:{c['empty']};stroke:{c['line']};stroke-width:1;stroke-dasharray:3 2",
        ".hl-line": f"stroke:{c['line']};stroke-width:1;fill:none",
        ".hl-resv": f"fill:{c['rsvd']};stroke:{c['text']};stroke-width:1",
    }
    pages = {f".hl-p{i}": f"fill:{colour};stroke:{c['text']};stroke-width:1" for i, colour in enumerate(PAGE_COLOURS)}
    return "".join(f"{scope}{name}{{{style}}}" for name, style in (rules | pages).items())
