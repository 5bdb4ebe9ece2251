"""The quantities that a meter may send: name with unit, range, and the scaled column each is kept in."""

import difflib
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from chowon.domain.readings import QUANTITIES_I32


@dataclass(frozen=True, slots=True)
class Field:
    """One quantity as meters name it, and as readings keep it."""

    name: str
    """With its unit, e.g. "power_w"."""
    column: str
    """A name of readings.QUANTITIES, e.g. "power_dw"."""
    scale: int
    """column = name × scale, rounded to the nearest whole number"""
    low: int
    """Smallest value allowed, in the unit of `name`."""
    high: int
    """Largest value allowed, in the unit of `name`."""
    unit: str

    @property
    def is_i32(self) -> bool:
        """Whether the column is int32; int64 otherwise."""
        return self.column in QUANTITIES_I32

    @property
    def expected(self) -> str:
        """What a right value looks like, for a message."""
        return f"a number of {self.unit}, {grouped(self.low)} … {grouped(self.high)}"


FIELDS: Final = (
    Field("power_w", "power_dw", 10, -200_000_000, 200_000_000, "W"),
    Field("reactive_var", "reactive_dvar", 10, -200_000_000, 200_000_000, "var"),
    Field("voltage_v", "voltage_dv", 10, 0, 1_000_000, "V"),
    Field("current_a", "current_ma", 1000, -2_000_000, 2_000_000, "A"),
    Field("frequency_hz", "frequency_mhz", 1000, 0, 1000, "Hz"),
    Field("import_wh", "import_milliwh", 1000, 0, 9_000_000_000_000, "Wh"),
    Field("export_wh", "export_milliwh", 1000, 0, 9_000_000_000_000, "Wh"),
)
"""Counters end at 9 TWh: up to there a float64 holds every milliwatt-hour."""

BY_NAME: Final = {field.name: field for field in FIELDS}
BY_COLUMN: Final = {field.column: field for field in FIELDS}

KEY_RULE: Final = "1–64 characters of a–z, 0–9, '_', '.', '-' (lower case)"
_LONGEST_KEY: Final = 64
_KEY: Final = re.compile(r"[a-z0-9_.-]{1,64}", re.ASCII)


def is_key(name: str) -> bool:
    """Whether this may be the name of a site, meter or channel."""
    return _KEY.fullmatch(name) is not None


def key_from(text: str) -> str:
    """A device's name as a key: what doesn't fit becomes "_"; a long one is cut and told apart by a hash."""
    plain = re.sub(r"[^a-z0-9_.-]", "_", text.lower())
    if plain and len(plain) <= _LONGEST_KEY:
        return plain
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[: _LONGEST_KEY - len(mark) - 1]}-{mark}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ " — did you mean 'x'?" when one of the known names is close, else nothing."""
    close = difflib.get_close_matches(name[:64], list(known), 1)
    return f" — did you mean '{close[0]}'?" if close else ""


def grouped(number: int) -> str:
    """1234567 as "1 234 567": the same in every language."""
    return f"{number:,}".replace(",", " ").replace("-", "−")
