#!/bin/sh
# make lab: JupyterLab on notebook 00, on this machine alone. Without a screen it prints the address to open.
set -eu
cd "$(dirname "$0")/.."
# Kernels talk over sockets of files: over TCP each would print a warning that it is not encrypted.
set -- --ServerApp.ip=127.0.0.1 --ConnectionFileMixin.transport=ipc --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb "$@"
if [ "$(id -u)" = 0 ]; then set -- --allow-root "$@"; fi
if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && [ "$(uname)" = Linux ]; then set -- --no-browser "$@"; fi
if [ ! -w "${HOME:-/nonexistent}" ]; then # nowhere to keep settings: keep them here
  for name in JUPYTER_RUNTIME_DIR JUPYTER_DATA_DIR JUPYTER_CONFIG_DIR IPYTHONDIR; do
    export "$name=$PWD/.venv/home/$name"
  done
fi
exec .venv/bin/python -m jupyter lab "$@"
