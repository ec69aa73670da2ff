"""Record what /proc shows of programs on this kernel after each step, and who holds its pages, for notebook 10.

    sudo .venv/bin/python tools/record_seen.py

Needs root, and a pool that nobody uses: it is borrowed, and put back. Writes hugelab/course/data/seen_6.18.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from hugelab.course import seen
from hugelab.linux.scenario import Scenario
from hugelab.live import views
from hugelab.live.calls import ARENA
from hugelab.live.holders import who_holds
from hugelab.live.kernel import LiveKernel, boot_live
from hugelab.live.pool import Pool, borrow
from hugelab.live.version import version


def watch(scenario: Scenario, pool: Pool) -> Iterator[tuple[seen.Moment, LiveKernel]]:
    """Run a program on this kernel and look at every living process after each step. Raises LiveUnavailable."""
    has_node = (views.NODES / "node0").is_dir()
    with boot_live(scenario, pool) as live:
        for op in scenario.steps:
            outcome, _ = live.run(op)
            texts = {name: views.look(one.pid) for name, one in live.crew.members.items() if not one.status}
            node = views.meminfo(0) if has_node else {}
            yield seen.Moment(op, outcome, live.pool.counters()[0], views.meminfo(), node, texts), live


def _said(moment: seen.Moment, folder: str) -> dict[str, Any]:
    """A moment as JSON. The folder of the live kernel's mounts is said as /mnt."""
    texts = {
        name: {
            "smaps": files.smaps.replace(folder, "/mnt"),
            "numa_maps": files.numa_maps.replace(folder, "/mnt"),
            "status": files.status,
            "pagemap": {str(at): seen.pack(data) for at, data in files.pagemap.items()},
            "kpageflags": {str(at): seen.pack(data) for at, data in files.kpageflags.items()},
        }
        for name, files in moment.texts.items()
    }
    lines = {"meminfo": _lines(moment.meminfo), "node": _lines(moment.node)}
    return {"outcome": moment.outcome, "counters": list(moment.counters), **lines, "texts": texts}


def _lines(meminfo: dict[str, int]) -> str:
    """The lines about huge pages, as they were."""
    kb = ("Hugepagesize", "Hugetlb")
    huge = {name: value for name, value in meminfo.items() if name.startswith(("HugePages_", *kb))}
    return "\n".join(f"{name}: {value >> 10} kB" if name in kb else f"{name}: {value}" for name, value in huge.items())


def main() -> None:
    """Record everything into the file of the package."""
    with borrow(yes=True, wait=300) as pool:
        folder = str(pool.folder)
        programs = {name: [_said(one, folder) for one, _ in watch(seen.PROGRAMS[name], pool)] for name in seen.PROGRAMS}
        for _, live in watch(seen.MACHINE, pool):
            found, names = who_holds(), {one.pid: name for name, one in live.crew.members.items()}
    held = [one._replace(command=f"process {names[one.pid]}") for one in found.held]
    files = [one._replace(name=one.name.replace(folder, "/mnt")) for one in found.files]
    inventory = replace(found, held=tuple(held), files=tuple(files), pools={2 << 20: found.pools[2 << 20]})
    said = {
        "about": "what /proc showed after each step of the programs of hugelab/course/seen.py",
        "kernel": version(),
        "top": ARENA[1],
        "programs": programs,
        "inventory": inventory.to_json(),
    }
    seen.FILE.write_text(json.dumps(said, indent=0, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
