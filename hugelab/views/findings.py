"""The detective's findings in a log, as a part of an HTML page: the words of the text, with no script."""

from collections.abc import Sequence
from typing import Any

from .tables import Table

STYLE = """<style>
.hl-findings{max-width:72em;margin:16px 0;color:var(--hl-text)}
.hl-findings table{border-collapse:collapse;width:100%;font-size:14px}
.hl-findings caption{text-align:left;padding:8px 0}
.hl-findings th,.hl-findings td{text-align:left;vertical-align:top;padding:4px 8px}
.hl-findings th,.hl-findings td{border-bottom:1px solid var(--hl-grid)}
.hl-findings tbody th{text-align:right;font-weight:400;font-variant-numeric:tabular-nums}
.hl-findings td:nth-child(3){overflow-wrap:anywhere}
.hl-findings td:nth-child(2),.hl-findings td:nth-child(4){white-space:nowrap}
.hl-findings [data-says=contradicts] td:nth-child(2),.hl-findings [data-says=slip] td:nth-child(2){font-weight:700}
</style>"""
MOST = 500  # rows; the text has all


def findings(summary: str, verdicts: Sequence[dict[str, Any]], unread: Sequence[tuple[int, str]] = ()) -> str:
    """HTML of one log: ``summary`` in one line, verdicts as ``Verdict.to_json`` gives them, lines not understood."""
    worst = sorted(range(len(verdicts)), key=lambda at: verdicts[at]["verdict"] == "agrees")[:MOST]
    shown = [verdicts[at] for at in sorted(worst)]
    rows = [(one["line"] or "all", one["verdict"], one["text"], one["section"].replace("#", ", ")) for one in shown]
    odd = [(line, "not read", text[:200], "") for line, text in unread]
    table = Table(("Line", "Verdict", "Why", "Notebook"), [*rows, *odd])
    html = table.html(summary, says=[*(one["verdict"] for one in shown), *[""] * len(odd)])
    more = f"<p>{len(verdicts) - MOST:,} more: hugelab trace --all shows them.</p>" if len(verdicts) > MOST else ""
    return f'{STYLE}<section class="hl-findings" aria-label="Verdicts">{html}{more}</section>'
