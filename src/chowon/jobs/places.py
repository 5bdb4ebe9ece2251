"""Where a time zone's principal city lies, from the time zone database's own table."""

import re
import zoneinfo
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from chowon.domain.sun import ORDINARY_SUNSHINE, SUNSHINE, Place

_TABLE: Final = "zone.tab"
_COORDINATES: Final = re.compile(r"([+-]\d{4,6})([+-]\d{5,7})")


@cache
def place_of(timezone: str) -> Place | None:
    """The principal city of an IANA time zone (zone.tab of the tz database); None for one without a city."""
    for text in _tables():
        for row in text.splitlines():
            cells = row.split("\t")
            at = _COORDINATES.fullmatch(cells[1]) if len(cells) > 2 and cells[2] == timezone else None
            if at is not None:
                sunshine = SUNSHINE.get(timezone, ORDINARY_SUNSHINE)
                return Place(_degrees(at[1], 2), _degrees(at[2], 3), sunshine)
    return None


def _tables() -> Iterator[str]:
    """The table as the system has it, then as the package tzdata brings it."""
    for folder in zoneinfo.TZPATH:
        if (file := Path(folder) / _TABLE).is_file():
            yield file.read_text(encoding="utf-8")
    try:
        yield (resources.files("tzdata") / "zoneinfo" / _TABLE).read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        return


def _degrees(text: str, digits: int) -> float:
    """±DDMM, ±DDDMM or with seconds (ISO 6709)."""
    whole, rest = text[1 : digits + 1], text[digits + 1 :]
    value = int(whole) + int(rest[:2]) / 60 + int(rest[2:] or 0) / 3600
    return -value if text[0] == "-" else value
