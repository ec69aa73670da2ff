"""The real processes of a scenario: the keeper, which only waits, and the processes that it forks.

A process is a loop: receive an operation on its socket, do it, answer. ``fork`` is a real fork of that process; the
runner gets the other end of the new process's socket. The processes share no memory but the scenario's, which lies far
away from Python's own (calls.ARENA).

No process outlives the runner: when it dies, the kernel closes its ends of the sockets. A process that reads the end of
its socket exits, and the keeper kills the whole session, with processes that hang in an endless fault.
"""

from __future__ import annotations

import marshal
import os
import resource
import signal
import socket
import sys
from typing import Any

from .calls import Program, call
from .native import syscalls

HEAD = 8  # bytes of the length before a message

# The keeper's program. It avoids hugelab/__init__.py, whose imports take longer than a scenario.
BOOT = """
import sys, types
package = types.ModuleType("hugelab")
package.__path__ = [sys.argv[1]]
sys.modules["hugelab"] = package
from hugelab.live.child import main
main(int(sys.argv[2]), int(sys.argv[3]))
"""


# -- messages ----------------------------------------------------------------------------------------
def send(link: socket.socket, message: Any, descriptors: list[int] | None = None) -> None:
    """Send plain data (marshal: both ends are the same Python), with open files if there are any."""
    data = marshal.dumps(message)
    data = len(data).to_bytes(HEAD, "little") + data
    if descriptors:
        socket.send_fds(link, [data], descriptors)  # such messages are short and sent in one piece
    else:
        link.sendall(data)


def receive(link: socket.socket) -> tuple[Any, list[int]]:
    """The next message and its open files; (None, []) when the other side has ended."""
    try:
        data, descriptors, _, _ = socket.recv_fds(link, 1 << 16, 1)
        buffer = bytearray(data)
        while data and (len(buffer) < HEAD or len(buffer) < HEAD + int.from_bytes(buffer[:HEAD], "little")):
            data = link.recv(1 << 20)
            buffer += data
    except (ConnectionResetError, BrokenPipeError):
        return None, []
    return (marshal.loads(buffer[HEAD:]), list(descriptors)) if data else (None, [])


# -- a process ---------------------------------------------------------------------------------------
def serve(link: socket.socket, program: Program) -> None:
    """Do operations until the runner ends. A forked process continues here, with its own socket."""
    while True:
        message, descriptors = receive(link)
        if message is None:
            return
        name, args = message
        if descriptors:
            args["descriptor"] = descriptors[0]
        if name == "fork":
            link = fork(link)
        elif name == "wait":
            send(link, ("ok", status_of(os.waitpid(args["pid"], 0)[1]), None))
        elif name == "exit":
            os._exit(args.get("code", 0))  # the runner reads the end of the socket, then asks for the status
        else:
            send(link, call(program, name, args), program.sent)
            program.sent = []


def fork(link: socket.socket) -> socket.socket:
    """Fork; the parent answers with the pid and the runner's end of the child's socket. Returns the own socket."""
    try:
        ours, theirs = socket.socketpair()
    except OSError as error:
        send(link, (syscalls.errno_name(error.errno or 0), None, None))
        return link
    with ours, theirs:
        try:
            pid = os.fork()
        except OSError as error:
            send(link, (syscalls.errno_name(error.errno or 0), None, None))
            return link
        if pid:
            send(link, ("ok", None, pid), [theirs.fileno()])
            return link
        keeper.clear()
        link.close()
        return socket.socket(fileno=ours.detach())


keeper: list[int] = []  # the keeper's pid, in the keeper


def status_of(status: int) -> str:
    """A wait status as text: ``exit 0`` or ``SIGKILL``."""
    code = os.waitstatus_to_exitcode(status)
    return f"exit {code}" if code >= 0 else signal.Signals(-code).name


def main(descriptor: int, size: int) -> None:
    """The keeper. ``descriptor`` is its socket, ``size`` the default huge page size in bytes."""
    keeper.append(os.getpid())
    os.umask(0o022)
    os.chdir("/")  # our working directory must keep no file system busy
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would fault in the mappings
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)  # Python's own handlers would change a scenario's kill
    syscalls.become_subreaper()
    program = Program(size)
    serve(socket.socket(fileno=descriptor), program)
    if keeper:
        os.killpg(0, signal.SIGKILL)  # the session is ours alone (start_new_session)
    os._exit(0)


def command(package: str, descriptor: int, size: int) -> list[str]:
    """The command line of a keeper: isolated (-I) from the learner's environment, without site-packages (-S)."""
    return [sys.executable, "-I", "-S", "-c", BOOT, package, str(descriptor), str(size)]
