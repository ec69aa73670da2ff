"""plotly.js of the installed plotly package, found without importing it."""

import gzip
from importlib.util import find_spec
from pathlib import Path


def compressed() -> bytes:
    """The file in gzip. Raises FileNotFoundError where there is no plotly."""
    found = find_spec("plotly")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("the package plotly is not installed: python -m pip install plotly")
    file = Path(found.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
    return gzip.compress(file.read_bytes(), 6, mtime=0)
