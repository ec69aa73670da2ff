"""The kernel of this machine, for whoever must stay alive: what would change, the run, every refusal as one line.

A program runs in a process of its own (``hugelab run --on live``), and so does a measurement, so that the notebook
stays alive, can show what is going on, and can stop it: that process puts the huge page pool back on every way out.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..core.state import Counters, State
from ..linux.machines import X86_64
from ..linux.scenario import Scenario
from ..record.recording import Recording, Step
from ..record.source import Progress, Work
from .errors import LiveUnavailable
from .probe import pools
from .version import other_version as other_version
from .version import version as version

LOOK = 0.05  # seconds between two looks at the process
PATIENCE = 60.0  # seconds for a process that was told to stop


def obstacle() -> str:
    """Why no program can run on the kernel of this machine; "" when nothing is known to be in the way."""
    if sys.platform == "linux" and not pools():
        return "the kernel of this machine has no huge page pools"
    return no_machine_code()


def no_machine_code() -> str:
    """Why this machine cannot run what touches memory and measures; "" if it can."""
    if sys.platform != "linux":
        return f"that needs Linux, and this is {platform.system()}"
    from .native import access

    return access.unavailable().removesuffix(": --on model runs anywhere")


def plan() -> str:
    """The changes that a run will make to this machine, in a few lines. Raises LiveUnavailable if it cannot run."""
    if why := obstacle():
        raise LiveUnavailable(why)
    from .pool import describe, need_root

    if os.geteuid() == 0:
        need_root()
        return describe()
    return (
        "You are not root, so the huge page pool stays as it is, and the program runs only if the pool happens to\n"
        "fit: exactly its pages, all free, and a hugetlbfs that is yours. If something is missing, the command is said."
    )


def command(file: str) -> list[str]:
    """The command that runs the program in a file. The learner was asked before."""
    return [sys.executable, "-m", "hugelab", "run", file, "--on", "live", "--yes", "--json"]


def run_here(scenario: Scenario) -> Work[Recording]:
    """Run a program on this kernel; closing the generator stops it. The pool is put back on every way out.

    Raises LiveUnavailable: one line that says what is missing.
    """
    if why := obstacle():
        raise LiveUnavailable(why)
    with tempfile.TemporaryDirectory(prefix="hugelab-") as folder:
        file = Path(folder) / "program.json"
        file.write_text(json.dumps(scenario.to_json()), encoding="utf-8")
        out = yield from child(command(str(file)), "Running on this kernel")
    return _recording(scenario, json.loads(out))


def child(arguments: list[str], begin: str) -> Work[str]:
    """Run a command; its progress is the last line that it says on stderr. Returns its stdout.

    Closing the generator stops it. Raises LiveUnavailable with its last line when it fails.
    """
    with tempfile.TemporaryDirectory(prefix="hugelab-") as folder:
        out, errors = (Path(folder) / name for name in ("out", "errors"))
        yield Progress(f"{begin} ...", None)
        with out.open("w") as to, errors.open("w") as said:
            process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=to, stderr=said, start_new_session=True
            )
        try:
            while process.poll() is None:
                try:
                    process.wait(LOOK)
                except subprocess.TimeoutExpired:
                    yield _progress(_last(errors) or begin)
        finally:
            if process.poll() is None:
                process.terminate()  # a notebook's kernel ignores SIGINT at times, and then so does what it starts
                process.wait(PATIENCE)
        if process.returncode != 0:
            raise LiveUnavailable(_last(errors) or f"the run ended with exit code {process.returncode}")
        return out.read_text(encoding="utf-8")


def _progress(line: str) -> Progress:
    """A line, and the part that is done if it begins with it, as in ``40% random loads in 1 GB``."""
    match = re.fullmatch(r"(\d+)% (.*)", line)
    return Progress(f"{match[2]} ...", int(match[1]) / 100) if match else Progress(f"{line} ...", None)


def _last(errors: Path) -> str:
    """The last line that was said."""
    lines = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].removeprefix("hugelab: ") if lines else ""


def _recording(scenario: Scenario, answer: dict[str, Any]) -> Recording:
    steps = []
    for index, (op, step) in enumerate(zip(scenario.steps, answer["steps"], strict=False)):
        now = Counters(*(step[name] for name in ("total", "free", "rsvd", "surp")))
        steps.append(Step(index, op, step["outcome"], step.get("value"), {"2M": now}, 0, -1))
    return Recording(scenario, X86_64, State(), "live", steps)
