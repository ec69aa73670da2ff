"""The log's descriptors, addresses and paths against the model's: words become operations, and back.

A program gets other addresses in the model than on the machine that was recorded, and its descriptors have other names.
"""

from __future__ import annotations

from ...linux.errors import ScenarioError
from ...linux.machines import SIZE_2M
from ...linux.scenario import Op
from ...model.kernel import Kernel
from ...model.vma import areas
from ..verdict import Verdicts
from . import words


class Translator:
    """Knows what the program of one log has opened and mapped so far."""

    def __init__(self, kernel: Kernel, verdicts: Verdicts):
        self.kernel = kernel
        self.verdicts = verdicts
        self._base: dict[str, tuple[int, int, int]] = {}  # map -> address in the log, in the model; bytes
        self._fds: dict[int, tuple[str, int]] = {}  # the program's descriptor -> ours, line
        self._odd_fd: tuple[int, int] | None = None  # a descriptor that was not opened, and its line
        self._last_fd = ""
        self._maps = self.files = self._mounts = 0
        self._mount = "m"
        self.late = False  # the log begins after the program did

    def op(self, said: words.Said, proc: str, line: int, answers: list[str]) -> Op | None:
        """The operation in the model's own names; None (and a verdict) if the words cannot be about this program.

        Raises ScenarioError for words about a process that has ended, or about what the log does not show.
        """
        name, args = said.op, dict(said.args)
        if "path" in args:
            args["path"] = args["path"].replace("m/", f"{self._mount}/", 1)
        if name == "open":
            self.files += 1
            args["fd"] = self._last_fd = f"f{self.files}"
        elif name == "mount":
            self._mounts += 1
            self._mount = args["mount"] = f"m{self._mounts}"
            args["options"] = words.mounted_with(answers) or args["options"]
        elif name == "umount":
            args["mount"], self._mount = self._mount, "m"
        elif name in ("ftruncate", "fallocate"):
            args["fd"] = self._last_fd
        elif name == "mmap":
            self._maps += 1
            args["map"] = f"map{self._maps}"
        if said.fd is not None:
            args["fd"] = self._descriptor(said.fd, line)
        if said.newest or said.addr is not None:
            where = self._place(said, proc)
            if where is None and self.late:
                raise ScenarioError("the log begins after the program did")
            if where is None:
                text = f"{said.addr:#x} is in no mapping of the program" if said.addr else "nothing is mapped"
                self.verdicts.contradicts(line, "mapping", text)
                return None
            args = self._in_map(said, args, where, line)
        return Op(name, args, proc)

    def _in_map(
        self, said: words.Said, args: dict[str, object], where: tuple[str, int, int], line: int
    ) -> dict[str, object]:
        (name, page, length), pages = where, args.get("pages", 0)
        if isinstance(pages, int) and page + pages > length:
            self.verdicts.contradicts(line, "mapping", f"{pages} pages, and the mapping ends after {length - page}")
        args = {"map": name, **({"page": page} if said.addr is not None else {}), **args}
        if said.op == "touch" and said.newest and "count" not in args:
            args["count"] = length
        return args

    def _place(self, said: words.Said, proc: str) -> tuple[str, int, int] | None:
        """Mapping, page in it, its length in pages."""
        mapped = areas(self.kernel.mm(proc))
        if said.addr is None:
            vma = max(mapped, key=lambda vma: vma._made, default=None)
            return (vma.name, 0, vma.pages) if vma else None
        ours = self.ours(said.addr)
        found = next((vma for vma in mapped if ours is not None and vma.vm_start <= ours < vma.vm_end), None)
        if found is None or ours is None:
            return None
        return found.name, (ours - self.kernel.maps[proc, found.name].addr) // SIZE_2M, found.pages

    # -- descriptors -------------------------------------------------------------------------------------------
    def opened(self, number: int, ours: str, line: int) -> None:
        """open gave the program this number."""
        self._fds[number] = (ours, line)
        self._odd_fd = None

    def closed(self, ours: str) -> None:
        """The descriptor is gone; its number may be another file's next."""
        self._fds = {number: known for number, known in self._fds.items() if known[0] != ours}

    def _descriptor(self, number: int, line: int) -> str:
        known = self._fds.get(number)
        if known:
            return known[0]
        if self.late:
            raise ScenarioError("the log begins after the program did")
        latest = max(self._fds.items(), key=lambda item: item[1][1], default=None)
        if self._odd_fd and self._odd_fd[0] == number and latest:
            text = f"open = {latest[0]}, and lines {self._odd_fd[1]} and {line} use fd {number}"
            self.verdicts.contradicts(latest[1][1], "file", text)
        elif latest:
            text = f"fd {number} was never opened; line {latest[1][1]} opened {latest[0]}"
            self.verdicts.contradicts(line, "file", text)
        self._odd_fd = (number, line)
        return latest[1][0] if latest else self._last_fd

    # -- addresses ---------------------------------------------------------------------------------------------
    def mapped(self, name: str, start: int, mine: int, length: int) -> None:
        """A mapping is at ``start`` in the log and at ``mine`` in the model."""
        self._base[name] = (start, mine, length)

    def place(self, name: str) -> int | None:
        """The address in the log at which a mapping of the model begins."""
        return self._base[name][0] if name in self._base else None

    def ours(self, address: int) -> int | None:
        """An address of the log as one of the model's; None outside every mapping."""
        for theirs, mine, length in reversed(self._base.values()):
            if theirs <= address < theirs + length:
                return address - theirs + mine
        return None

    def theirs(self, address: int) -> int:
        """An address of the model, or the end of a mapping, as one of the log's; itself outside every mapping."""
        for beyond in (0, 1):
            for theirs, mine, length in reversed(self._base.values()):
                if mine <= address < mine + length + beyond:
                    return address - mine + theirs
        return address
