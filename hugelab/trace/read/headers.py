"""Lines about the recording itself: comments, column heads, what a tool says before the first event."""

from __future__ import annotations

import re
from typing import Any

from .entry import Entry, Kind, pairs

_KERNEL = re.compile(r"#\s*kernel:\s*(?:Linux )?(?P<kernel>\d\S*.*)|Linux(?: version)? (?P<uname>\d+\.\d+\S* .*)")
_POOL = re.compile(r"# pool hugepages-(?P<kb>\d{1,9})kB: (?P<rest>.*)")
_SAID = re.compile(r"#\s*(?P<what>tracer|cmdline|command):\s*(?P<value>.*)")
_EVENT = re.compile(r"\|  +(?:[\w.]+\(|\}|/\*)|\[\d{3}\] .*\d\.\d+: |\d ms\): ")  # an event whose first letter went
_TOOL = re.compile(
    # trace-cmd record and report
    r"cpus=\d+|version = \d+|CPU \d+ is empty|Buffer \S+ contains \d+ .*|plugin '?\w+'?|Hit Ctrl\^C to stop recording|"
    r"CPU\s?\d+ data recorded at offset=0x[0-9a-f]+|\d+ bytes in size.*|CPU:? ?\d+|Kernel buffer statistics:|"
    r"(?:entries|overrun|commit overrun|bytes|oldest event ts|now ts|dropped events|read events): [\d.]+|"
    # the column heads of function_graph, and hugelab itself
    r"hugelab: .*|(?:\|\s*)+|-{3,}|[A-Z][\w ]{0,40}: \d+ (?:bytes|events)\b.{0,80}"
)


def read(text: str, line: int) -> Entry | None:
    """A comment, a blank line, or what a tool says about itself; None for anything else."""
    bare = text.strip()
    if not bare:
        return Entry(line, Kind.NOTE)
    if bare[0] == "#":
        if _EVENT.search(bare):
            return None
        fields: dict[str, Any] = {}
        kernel, pool, said = _KERNEL.match(bare), _POOL.match(bare), _SAID.match(bare)
        if kernel:
            fields["kernel"] = kernel["kernel"]
        elif pool:
            fields = {"pool": pairs(pool["rest"]), "size": int(pool["kb"]) << 10}
        elif said:
            fields[said["what"]] = said["value"]
        return Entry(line, Kind.NOTE, fields=fields)
    uname = _KERNEL.match(bare) if bare.startswith("Linux") else None
    if uname:
        return Entry(line, Kind.NOTE, fields={"kernel": uname["uname"]})
    return Entry(line, Kind.NOTE) if _TOOL.fullmatch(bare) else None
