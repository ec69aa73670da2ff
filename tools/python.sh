#!/bin/sh
# Prints a Python that can run hugelab (3.11 or newer); says in one line what is missing if there is none.
for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    echo "$candidate"
    exit 0
  fi
done
echo "hugelab needs Python 3.11 or newer; python3 here is: $(python3 --version 2>/dev/null || echo missing). Install one (apt-get install python3 python3-venv), or say which: make PYTHON=/path/to/python3.11" >&2
exit 1
