"""The input in hand, in a file that outlives the process that crashed over it."""

import mmap
import struct
from pathlib import Path

FOUND = "found.json"
_HEAD = struct.Struct("<QI")
"""How many inputs so far, length of this one"""
_SIZE = 2**20


class Window:
    """Written for each input by the child, read by the parent."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            file.truncate(_SIZE)
            self._map = mmap.mmap(file.fileno(), _SIZE)
        self._count = 0

    def show(self, data: bytes) -> None:
        """This one is next."""
        self._count += 1
        self._map[_HEAD.size : _HEAD.size + len(data)] = data
        _HEAD.pack_into(self._map, 0, self._count, len(data))

    def seen(self) -> tuple[int, bytes]:
        """(how many inputs so far, the one in hand)"""
        count, size = _HEAD.unpack_from(self._map)
        return count, self._map[_HEAD.size : _HEAD.size + size]

    def close(self) -> None:
        """Release the file."""
        self._map.close()
