"""Reading URDB's JSON objects: a getter notes what is wrong and goes on, so that all problems come at once.

null, an empty text and an empty list count as absent: URDB uses all three for "not filled in".
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from chowon.errors import Problem

_LARGEST: Final = Decimal(10_000_000)
_MOST_DECIMALS: Final = 20
"""Below ten million with at most 20 decimals, a sum of two numbers is exact in 28 digits."""


class Fields:
    """One JSON object, the place where it stands ("" for the item itself), and the problems found so far."""

    def __init__(self, content: Mapping[str, object], where: str, problems: list[Problem]) -> None:
        self.content, self.where, self.problems = content, where, problems

    def at(self, key: str) -> str:
        """The full path to a key."""
        return f"{self.where}.{key}" if self.where else key

    def has(self, key: str) -> bool:
        """Whether something is filled in."""
        value = self.content.get(key)
        return value is not None and value not in ("", [])

    def note(self, key: str, expected: str) -> None:
        """Remember that this key is wrong or can't be expressed."""
        found = as_found(self.content[key]) if self.has(key) else "nothing"
        self.problems.append(Problem(self.at(key), found, expected))

    def text(self, key: str) -> str | None:
        """A text; None where it is absent."""
        if not self.has(key):
            return None
        value = self.content[key]
        if isinstance(value, str) and value.strip():
            return one_line(value)
        self.note(key, "a text")
        return None

    def number(self, key: str, expected: str = "a number") -> Decimal | None:
        """A number below ten million with at most 20 decimals; None where it is absent."""
        if not self.has(key):
            return None
        value = as_number(self.content[key])
        if value is None or not fits(value):
            self.note(key, f"{expected}, below 10,000,000 and with at most {_MOST_DECIMALS} decimals")
            return None
        return value

    def numbers_by_month(self, key: str, expected: str) -> tuple[Decimal, ...] | None:
        """12 numbers, January first; None where they are absent."""
        values = self._twelve(key, expected)
        if values is None:
            return None
        numbers = [as_number(value) for value in values]
        good = tuple(n for n in numbers if n is not None and fits(n))
        if len(good) < 12:
            self.note(key, expected)
            return None
        return good

    def indices_by_month(self, key: str, expected: str) -> tuple[int, ...] | None:
        """12 whole numbers, January first; None where they are absent."""
        values = self._twelve(key, expected)
        if values is None:
            return None
        indices = tuple(v for v in values if isinstance(v, int) and not isinstance(v, bool))
        if len(indices) < 12:
            self.note(key, expected)
            return None
        return indices

    def _twelve(self, key: str, expected: str) -> Sequence[object] | None:
        if not self.has(key):
            return None
        value = self.content[key]
        if isinstance(value, list) and len(value) == 12:
            return value
        self.note(key, expected)
        return None


def as_number(value: object) -> Decimal | None:
    """The number as a Decimal; None for anything else."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return None


def fits(value: Decimal) -> bool:
    """Whether the number is small and short enough to be summed exactly."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_MOST_DECIMALS and value.copy_abs() < _LARGEST


def one_line(text: str) -> str:
    """The text in one line that any file can hold."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))


def as_found(value: object, limit: int = 80) -> str:
    """The value as JSON for a message; a long list by its size."""
    if isinstance(value, Decimal):
        return str(value)
    text = one_line(json.dumps(value, ensure_ascii=False, default=float))
    if len(text) <= limit:
        return text
    return f"a list of {len(value)}" if isinstance(value, list) else f"{text[: limit - 1]}…"
