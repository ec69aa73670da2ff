"""A real JupyterLab and a real Chromium, each with empty settings of their own: for tests and for benchmarks."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
HOW = "no Chromium on this machine; 'apt-get install chromium' (as root) brings one"
IDLE = "() => window.jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'"


@dataclass
class Server:
    """A running JupyterLab: its address with the token, and the folder it serves."""

    url: str
    token: str
    folder: Path
    settings: Path


@contextmanager
def serve(folder: Path, home: Path) -> Iterator[Server]:
    """JupyterLab on ``folder``; ``home`` takes its settings and its log. Raises RuntimeError if it does not start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = "course"
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME")
    env = {**os.environ, **{name: str(home / name.lower()) for name in names}}
    for name in names:
        Path(env[name]).mkdir(parents=True, exist_ok=True)
    settings = Path(env["JUPYTER_CONFIG_DIR"]) / "lab/user-settings/@jupyterlab"
    for file, text in (
        ("apputils-extension/notification", '{"fetchNews": "false", "checkForUpdates": false}'),
        ("docmanager-extension/plugin", '{"autosave": false}'),  # who opens a notebook has it as it was
        # Every cell stays in the page, so that what is not in view can be looked at, too.
        ("notebook-extension/tracker", '{"windowingMode": "none"}'),
    ):
        (settings / file).parent.mkdir(parents=True, exist_ok=True)
        (settings / f"{file}.jupyterlab-settings").write_text(text)
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}"]
    command += ["--LabApp.expose_app_in_browser=True", "--ServerApp.log_level=ERROR"]
    log = home / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, env=env, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                if process.poll() is not None:
                    raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-2000:]}")
                try:
                    urllib.request.urlopen(f"{url}/api/status?token={token}", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.2)
            else:
                raise RuntimeError(f"JupyterLab did not answer within a minute: {log.read_text()[-2000:]}")
            yield Server(url, token, folder, Path(env["JUPYTER_CONFIG_DIR"]))
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def kernels(server: Server) -> Iterator[None]:
    """Ends the kernels that came up inside: who opens a notebook again gets a new one, without old widgets."""

    def ask(path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(f"{server.url}/api/{path}?token={server.token}", method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            content: bytes = answer.read()
        return content

    before = {session["id"] for session in json.loads(ask("sessions"))}
    try:
        yield
    finally:
        for session in json.loads(ask("sessions")):
            if session["id"] not in before:
                ask(f"sessions/{session['id']}", "DELETE")


@contextmanager
def browse(chromium: str) -> Iterator[Browser]:
    """A Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def open_notebook(page: Page, server: Server, name: str) -> None:
    """Open a notebook, wait until its kernel is idle; all its cells are in the page."""
    page.goto(f"{server.url}/lab/tree/{name}?token={server.token}&reset")
    _opened(page)


def another_notebook(page: Page, name: str) -> None:
    """As ``open_notebook``, in place of the one that is open: JupyterLab itself stays, which saves seconds."""
    page.evaluate(
        """async (name) => {
            const { shell, commands } = window.jupyterapp;
            shell.currentWidget.context.model.dirty = false; // nobody is asked whether to save it
            shell.currentWidget.dispose();
            await commands.execute('docmanager:open', { path: name, factory: 'Notebook' });
        }""",
        name,
    )
    _opened(page)


def _opened(page: Page) -> None:
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    page.wait_for_selector("#jupyterlab-splash", state="detached")
    page.wait_for_function(IDLE, timeout=60_000)


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """A notebook that is not run, with a code cell for each text."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells], metadata={"kernelspec": KERNEL})
    nbformat.write(notebook, path)


def run_all(page: Page) -> None:
    """Run all cells of the open notebook, wait until the kernel is idle."""
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(IDLE, timeout=120_000)


def run_cell(page: Page, number: int, code: str | None = None) -> None:
    """Run one cell of the open notebook (from 0), with ``code`` in place of what is in it."""
    page.evaluate(
        """async ([number, code]) => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            if (code !== null) notebook.widgets[number].model.sharedModel.setSource(code);
            notebook.activeCellIndex = number;
            await window.jupyterapp.commands.execute('notebook:run-cell');
        }""",
        [number, code],
    )


def clear_outputs(page: Page) -> None:
    """Take the outputs of all cells of the open notebook off the page."""
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")


def outputs(page: Page) -> list[list[dict[str, Any]]]:
    """The outputs of each code cell of the open notebook, as in a notebook's JSON."""
    return list(
        page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.widgets
                .filter((cell) => cell.model.type === 'code').map((cell) => cell.model.outputs.toJSON())"""
        )
    )


def cell_errors(page: Page) -> list[str]:
    """What the cells of the open notebook say went wrong."""
    errors = [one for cell in outputs(page) for one in cell if one["output_type"] == "error"]
    return [f"{one['ename']}: {one['evalue']}" for one in errors]


def set_theme(page: Page, name: str) -> None:
    """Change JupyterLab to ``Light`` or ``Dark``, and wait until the page has it."""
    page.evaluate(
        "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", f"JupyterLab {name}"
    )
    # Its style sheet comes on its own. The splash screen of a change that follows too soon is taken away twice, an
    # error in JupyterLab itself.
    page.wait_for_function(
        """(light) => (getComputedStyle(document.body).getPropertyValue('--jp-layout-color0').trim() === 'white')
            === light && document.body.dataset.jpThemeLight === String(light)
            && !document.getElementById('jupyterlab-splash')""",
        arg=name == "Light",
    )
