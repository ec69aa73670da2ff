"""The runner's side of a scenario's processes: start the keeper, send operations, collect results and exit statuses."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..linux.errors import ScenarioError, Unsupported
from .calls import SCENARIO, UNSUPPORTED
from .child import command, receive, send
from .errors import LiveUnavailable
from .native import access

PATIENCE = 120.0  # seconds for one operation; then the process is killed


@dataclass
class Member:
    """One process. ``status``: its end, such as ``exit 0`` or ``SIGBUS``; "" while it lives."""

    name: str
    pid: int
    link: socket.socket
    parent: Member | None
    status: str = ""


class Gone(Exception):
    """The process ended instead of answering; the text is its status."""


class Crew:
    """A keeper and the processes of one scenario, in their own session; calls ``started`` with the pid of each.

    Raises LiveUnavailable if the keeper cannot be started.
    """

    def __init__(self, size: int, started: Callable[[int], None]):
        if why := access.unavailable():
            raise LiveUnavailable(why)
        self.members: dict[str, Member] = {}
        self._started = started
        ours, theirs = socket.socketpair()
        package = str(Path(__file__).parents[1])
        # Not the user's environment, as LD_PRELOAD, MALLOC_ or GLIBC_TUNABLES could take huge pages.
        kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "PATH") if name in os.environ}
        try:
            with theirs:
                self._keeper = subprocess.Popen(
                    command(package, theirs.fileno(), size),
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=kept,
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            raise LiveUnavailable(f"no process for the scenario can be started: {error}") from None
        self._root = Member("", self._keeper.pid, ours, None)
        ours.settimeout(PATIENCE)
        started(self._keeper.pid)

    # -- members -----------------------------------------------------------------------------------
    def living(self, name: str) -> Member | None:
        """The process of a name, if it lives."""
        found = self.members.get(name)
        return found if found and not found.status else None

    def member(self, name: str) -> Member:
        """The process of a name; the first process starts when it is first used. Raises ScenarioError."""
        if found := self.members.get(name):
            if found.status:
                raise ScenarioError(f"process {name} has exited")
            return found
        if self.members:
            raise ScenarioError(f"there is no process {name}")
        outcome = self._fork(self._root, name, None)
        if outcome != "ok":
            raise LiveUnavailable(f"the scenario's process cannot be started: {outcome}")
        return self.members[name]

    # -- operations --------------------------------------------------------------------------------
    def call(self, member: Member | None, name: str, args: dict[str, Any]) -> tuple[str, Any, Any]:
        """Let a process (None: the keeper) do an operation; returns (outcome, value, note).

        If the process dies of it, the outcome is KILLED. Raises ScenarioError and Unsupported.
        """
        try:
            outcome, value, note = self._ask(member or self._root, name, args)[0]
        except Gone as gone:
            return "KILLED", {"status": str(gone)}, None
        if outcome == SCENARIO:
            raise ScenarioError(value)
        if outcome == UNSUPPORTED:
            raise Unsupported(value)
        return outcome, value, note

    def fork(self, parent: Member, name: str) -> str:
        """fork(2) in a process; returns the outcome. Raises ScenarioError if the name is taken."""
        if name in self.members:
            raise ScenarioError(f"there is a process {name} already")
        return self._fork(parent, name, parent)

    def spawn(self, name: str) -> str:
        """Start an unrelated process; returns the outcome. Raises ScenarioError if the name is taken."""
        if name in self.members:
            raise ScenarioError(f"there is a process {name} already")
        return self._fork(self._root, name, None)

    def send(self, sender: Member, receiver: Member, name: str, new: str) -> str:
        """Pass a descriptor of one process to another, under a new name; returns the outcome."""
        try:
            (outcome, _, _), descriptors = self._ask(sender, "sendfd", {"fd": name})
            for descriptor in descriptors:
                try:
                    self._ask(receiver, "recvfd", {"fd": new}, [descriptor])
                finally:
                    os.close(descriptor)
        except Gone as gone:
            return str(gone)
        return str(outcome)

    def _fork(self, asked: Member, name: str, parent: Member | None) -> str:
        try:
            (outcome, _, pid), descriptors = self._ask(asked, "fork", {})
        except Gone as gone:
            return str(gone)
        if outcome == "ok":
            link = socket.socket(fileno=descriptors[0])
            link.settimeout(PATIENCE)
            self.members[name] = Member(name, pid, link, parent)
            self._started(pid)
        return str(outcome)

    def exit(self, member: Member, code: int) -> str:
        """_exit(code) in a process, for which its parent waits; returns its status."""
        try:
            self._ask(member, "exit", {"code": code})
        except Gone as gone:
            return str(gone)
        raise LiveUnavailable(f"process {member.name} did not exit")

    def kill(self, member: Member, number: int) -> str:
        """Send a deadly signal to a process, for which its parent waits; returns its status."""
        os.kill(member.pid, number)
        return self._reap(member)

    def kill_all(self) -> None:
        """SIGKILL for every process but the keeper."""
        living = [member for member in self.members.values() if not member.status]
        for member in living:
            os.kill(member.pid, signal.SIGKILL)
        for member in living:  # parents first: their orphans become the keeper's
            self._reap(member)

    def close(self) -> None:
        """End all processes."""
        if self._keeper.returncode is not None:
            return
        # First one after another: a process that was waited for has freed its pages.
        with contextlib.suppress(LiveUnavailable, OSError):
            self.kill_all()
        with contextlib.suppress(OSError):
            os.killpg(self._keeper.pid, signal.SIGKILL)
        self._keeper.wait()
        for member in (self._root, *self.members.values()):
            member.link.close()
            member.status = member.status or "SIGKILL"

    # -- inside ------------------------------------------------------------------------------------
    def _ask(
        self, member: Member, name: str, args: dict[str, Any], passed: list[int] | None = None
    ) -> tuple[Any, list[int]]:
        """Send an operation (with open files); returns the answer with its open files. Raises Gone for a dead process,
        after waiting for it."""
        try:
            send(member.link, (name, args), passed)
            answer, descriptors = receive(member.link)
        except TimeoutError:
            os.kill(member.pid, signal.SIGKILL)
            self._reap(member)
            text = f"process {member.name} was killed: {name} did not end in {PATIENCE:.0f} s"
            raise LiveUnavailable(text) from None
        except BrokenPipeError:
            answer = None
        except ValueError:
            raise ScenarioError(f"{name}: an argument is no plain number, text or list") from None
        if answer is None:
            raise Gone(self._reap(member))
        return answer, descriptors

    def _reap(self, member: Member) -> str:
        """Let the parent, or for an orphan the keeper, wait for a dying process; returns its status."""
        if member is self._root:
            raise LiveUnavailable("the process that holds the scenario's processes was killed")
        member.link.close()
        asked = member.parent if member.parent and not member.parent.status else self._root
        member.status = "gone"  # in case the parent is dead, too
        try:
            member.status = self._ask(asked, "wait", {"pid": member.pid})[0][1]
        except Gone:
            member.status = self._ask(self._root, "wait", {"pid": member.pid})[0][1]
        return member.status
