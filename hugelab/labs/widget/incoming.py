"""A large file that comes from the browser slice by slice: see upload() in lab.js."""

from typing import Any


class Incoming:
    """The slices of a file that have come. A slice of another file begins anew."""

    def __init__(self) -> None:
        self.name, self.size = "", 0
        self._parts = bytearray()

    def __len__(self) -> int:
        return len(self._parts)

    def take(self, message: dict[str, Any], buffers: Any) -> bool:
        """Put a slice to the others. False if it does not belong there: its file was given up, or replaced."""
        name, start = str(message["file"]), int(message["from"])
        if start == 0:
            self.name, self.size, self._parts = name, int(message["size"]), bytearray()
        elif name != self.name or start != len(self._parts):
            return False
        part = buffers[0] if buffers else b""
        self._parts += part
        if not part:  # it became shorter since it was chosen
            self.size = len(self._parts)
        return True

    @property
    def complete(self) -> bool:
        """Nothing is missing."""
        return len(self._parts) >= self.size

    def give(self) -> bytes:
        """All of it; nothing is kept."""
        data = bytes(self._parts)
        self.drop()
        return data

    def drop(self) -> None:
        """No more of it is wanted."""
        self.name, self.size, self._parts = "", 0, bytearray()
