"""Reading a parsed TOML table: a getter notes what is wrong and goes on, so that all problems come at once.

A getter that noted a problem returns a harmless stand-in; the caller raises before anybody sees it.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, TypeVar

from chowon.domain.tariff.terms import ZERO, Rounding, Text
from chowon.errors import Problem, shortened

_S = TypeVar("_S", bound=str)
NO_DAY: Final = date.min
"""Stands in for a date that is missing or wrong; nothing more is said about days that follow from it."""


def close_match(word: str, known: Sequence[str]) -> str:
    """What there is, with a "did you mean" where the word is close to one of it."""
    close = difflib.get_close_matches(word, known, 1, 0.6)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return (f"one of {', '.join(sorted(known))}" if known else "nothing: there is none") + hint


class Table:
    """One table of the file, the place where it stands, and the problems found so far."""

    def __init__(self, content: Mapping[str, object], where: str, problems: list[Problem]) -> None:
        self.content, self.where, self.problems = content, where, problems
        self._read: set[str] = set()

    def at(self, key: str) -> str:
        """The full path to a key of this table."""
        return f"{self.where}{key}" if self.where.endswith(" ") else f"{self.where}.{key}"

    def note(self, key: str, expected: str) -> None:
        """Remember that this key is wrong."""
        found = shortened(self.content[key]) if key in self.content else "nothing"
        self.problems.append(Problem(self.at(key), found, expected))

    def has(self, key: str) -> bool:
        """Whether the key is there; it counts as known."""
        self._read.add(key)
        return key in self.content

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self._get(key)
        if isinstance(value, str) and value.strip():
            return value
        self.note(key, "a text that is not empty")
        return ""

    def label(self, key: str) -> Text:
        """Words in both languages: { ko = "…", en = "…" }."""
        value = self._get(key)
        if not isinstance(value, Mapping):
            self.note(key, 'words in both languages: { ko = "…", en = "…" }')
            return Text("", "")
        table = Table(value, self.at(key), self.problems)
        words = Text(table.text("ko"), table.text("en"))
        table.finish()
        return words

    def number(self, key: str, least: Decimal | None = None, default: Decimal | None = None) -> Decimal:
        """A number, at least `least`."""
        if not self.has(key) and default is not None:
            return default
        value = as_decimal(self._get(key))
        if value is None or (least is not None and value < least):
            self.note(key, "a number" + (f" of at least {least}" if least is not None else ""))
            return ZERO
        return value

    def numbers(self, key: str) -> tuple[Decimal, ...]:
        """A list of numbers with at least one in it."""
        value = self._get(key)
        numbers = [as_decimal(v) for v in value] if isinstance(value, list) else []
        if not numbers or any(n is None for n in numbers):
            self.note(key, "a list of numbers")
            return ()
        return tuple(n for n in numbers if n is not None)

    def day(self, key: str, default: date | None = None) -> date:
        """A local date."""
        if not self.has(key) and default is not None:
            return default
        value = self._get(key)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        self.note(key, "a date like 2023-05-16, without quotes")
        return NO_DAY

    def days(self, key: str) -> tuple[date, ...]:
        """A list of local dates."""
        value = self._get(key)
        if isinstance(value, list) and all(
            isinstance(v, date) and not isinstance(v, datetime) for v in value
        ):
            return tuple(value)
        self.note(key, "a list of dates: [2026-05-01, 2026-06-03]")
        return ()

    def one_of(self, key: str, allowed: Sequence[_S], default: _S | None = None) -> _S:
        """One of these words."""
        if not self.has(key) and default is not None:
            return default
        value = self._get(key)
        for word in allowed:
            if value == word:
                return word
        self.note(key, close_match(str(value), allowed))
        return allowed[0]

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        if not self.has(key):
            return default
        value = self._get(key)
        if not isinstance(value, bool):
            self.note(key, "true or false")
            return default
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self._get(key)
        if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
            return tuple(value)
        self.note(key, 'a list of texts: ["base", "energy"]')
        return ()

    def rounding(self, key: str) -> Rounding | None:
        """{ unit = 1, mode = "floor" }, None where the key is absent."""
        table = self.table(key)
        if table is None:
            return None
        unit = table.number("unit")
        if unit <= 0:
            table.note("unit", "a number above 0, e.g. 1")
            unit = Decimal(1)
        mode = table.one_of("mode", ("floor", "half_up"))
        table.finish()
        return Rounding(unit, "floor" if mode == "floor" else "half_up")

    def table(self, key: str) -> "Table | None":
        """The table under this key, None where it is absent."""
        if not self.has(key):
            return None
        value = self._get(key)
        if not isinstance(value, Mapping):
            self.note(key, "a table")
            return None
        return Table(value, self.at(key), self.problems)

    def named(self, key: str) -> Iterator[tuple[str, "Table"]]:
        """The tables under this key by their names."""
        outer = self.table(key)
        for name in outer.content if outer is not None else ():
            assert outer is not None
            table = outer.table(name)
            if table is not None:
                yield name, table

    def tables(self, key: str, required: bool = False) -> list["Table"]:
        """The list of tables under this key."""
        value = self._get(key) if self.has(key) else []
        if not isinstance(value, list) or not all(isinstance(v, Mapping) for v in value):
            self.note(key, f"tables written as [[{key}]]")
            return []
        if required and not value:
            self.note(key, f"at least one [[{key}]]")
        return [Table(v, f"{self.at(key)}[{n}]", self.problems) for n, v in enumerate(value)]

    def finish(self) -> None:
        """Note every key that nobody asked for."""
        for key in self.content:
            if key not in self._read:
                self.problems.append(
                    Problem(self.at(key), "an unknown key", close_match(key, sorted(self._read)))
                )

    def _get(self, key: str) -> object:
        self._read.add(key)
        return self.content.get(key)


def as_decimal(value: object) -> Decimal | None:
    """The number as a Decimal; None for anything else (floats too: read TOML with parse_float=Decimal)."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return None
