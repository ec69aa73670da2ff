"""``hugelab doctor``: what this machine allows, what a killed run left behind, and putting it back."""

import argparse
import json
import sys

from ..live import probe
from ..live.probe import Finding
from .common import DONE, AddCommand, say


def add(command: AddCommand) -> None:
    """The arguments of ``hugelab doctor``."""
    sub = command(
        "doctor",
        run,
        "say what this machine allows, and what would allow more",
        "  hugelab doctor\n  hugelab doctor --json\n  sudo hugelab doctor --restore",
    )
    sub.add_argument("--restore", action="store_true", help="put the huge page pool back after a run that was killed")
    sub.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Report, or restore; returns the exit code."""
    if args.restore:
        return _restore(args.json)
    findings = [*probe.probe(), *_left()]
    if args.json:
        say(json.dumps(probe.to_json(findings)))
        return DONE
    for finding in findings:
        say(f"{'ok     ' if finding.ok else 'missing'} {finding.name:<11} {finding.found}")
        if not finding.ok:
            say(f"        needed for {finding.needed_for}")
        if finding.fix:
            say(f"        {finding.fix}")
    return DONE


def _left() -> list[Finding]:
    """The leftovers of a killed run: one finding, or none."""
    if sys.platform != "linux":
        return []
    from ..live.pool import left_behind

    left = left_behind()
    return [Finding("left over", False, left.what, "the pool as it was before", left.command)] if left else []


def _restore(as_json: bool) -> int:
    said = []
    if sys.platform == "linux":
        from ..live.pool import restore

        said = restore()
    if as_json:
        say(json.dumps({"restored": said}))
    else:
        say(*said or ["there is nothing to put back"])
    return DONE
