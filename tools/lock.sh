#!/bin/sh
# make lock: the lock files from pyproject.toml, for Python 3.11 to 3.13, with hashes and without any registry's host.
set -eu
cd "$(dirname "$0")/.."
compile() { .venv/bin/python -m uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes "$@"; }
compile --extra lab --extra fast --extra test -o requirements/all.lock pyproject.toml
compile --extra oracle -o requirements/oracle.lock pyproject.toml
echo uv | compile -o requirements/uv.lock -
