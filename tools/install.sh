#!/bin/sh
# make install: .venv with exactly what requirements/*.lock say, and this checkout in it. Safe to run again.
set -eu
cd "$(dirname "$0")/.."
base=$(tools/python.sh)
if ! "$base" -c 'import ensurepip, venv' >/dev/null 2>&1; then
  echo "$base has no venv module; install it (apt-get install python3-venv) and run make again" >&2
  exit 1
fi
python=.venv/bin/python
if ! "$python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
  "$base" -m venv --clear .venv
fi
begin=$(date +%s)
say() { echo "hugelab: $1 ($(($(date +%s) - begin)) s so far)"; }
packages=$(grep -c '^[a-z0-9]' requirements/all.lock)
echo "hugelab: installing into .venv, once: 10 seconds near a registry, a minute or two at home"
say "1 of 3: the installer"
"$python" -m pip install -q --disable-pip-version-check --no-input --require-hashes -r requirements/uv.lock
say "2 of 3: $packages packages"
export UV_SYSTEM_CERTS=1 # the certificates that pip uses, too
if ! "$python" -m uv pip install -q --python "$python" --require-hashes -r requirements/all.lock; then
  echo "hugelab: uv did not get through (it reads no pip.conf); once more with pip, which takes longer" >&2
  "$python" -m pip install -q --disable-pip-version-check --no-input --require-hashes -r requirements/all.lock
fi
if ! "$python" -m uv pip install -q --python "$python" --require-hashes -r requirements/oracle.lock 2>/dev/null &&
  ! "$python" -m pip install -q --disable-pip-version-check --no-input --require-hashes -r requirements/oracle.lock 2>/dev/null; then
  echo "hugelab: pycachesim could not be built (it needs a C compiler); its test will be skipped" >&2
fi
say "3 of 3: hugelab itself"
"$python" -m uv pip install -q --python "$python" --no-deps --no-build-isolation --offline -e .
settings=.venv/share/jupyter/lab/settings
mkdir -p "$settings"
echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}' > "$settings/overrides.json"
touch .venv/installed
say "done"
