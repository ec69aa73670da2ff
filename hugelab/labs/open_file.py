"""Lab of notebook 01: what exists after open()."""

from ..course.mapping import WAYS, opened
from .widget.controls import choice, slider
from .widget.film_lab import FilmLab


def open_file(files: int = 1, pool: int = 10, again: str = "open an existing file", pages: int = 5) -> FilmLab:
    """Open ``files`` new files, then the first name once more in the way ``again``; make the first one ``pages`` long
    (ftruncate): a length is no page."""
    return FilmLab(
        "open: a file with no pages",
        {
            "files": slider("new files", files, most=4),
            "pages": slider("then its length, pages", pages),
            "pool": slider("pool", pool),
            "again": choice("then file1 again", tuple(WAYS), again),
        },
        opened,
        focus=lambda **values: "open",
    )
