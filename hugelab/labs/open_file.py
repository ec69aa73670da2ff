"""Lab of notebook 01: what exists after open()."""

from ..linux.scenario import Scenario
from .controls import Choice, Slider
from .lab import Lab

WAYS = {
    "create": ["O_CREAT", "O_RDWR"],
    "open an existing file": ["O_RDWR"],
    "create, but only if new": ["O_CREAT", "O_EXCL", "O_RDWR"],
}


def _program(files: int, pool: int, again: str) -> Scenario:
    scenario = Scenario("open", nr=pool)
    for number in range(1, files + 1):
        scenario = scenario.then("open", fd=f"f{number}", path=f"m/file{number}", mode="0755")
    scenario = scenario.then("open", fd="g", path="m/file1", flags=WAYS[again], mode="0755")
    return scenario.then("stat", path="m/file1")


def open_file(files: int = 1, pool: int = 10, again: str = "open an existing file") -> Lab:
    """Open ``files`` new files, then the first name once more in the way ``again``."""
    return Lab(
        "open: a file with no pages",
        {
            "files": Slider("new files", files, most=4),
            "pool": Slider("pool", pool),
            "again": Choice("then file1 again", tuple(WAYS), again),
        },
        _program,
        focus=lambda **values: "open",
    )
