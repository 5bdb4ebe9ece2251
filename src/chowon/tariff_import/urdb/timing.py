"""From months and hours to the seasons and calendars of a tariff file, as short as they can be said."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, TypeVar

from chowon.domain.tariff.terms import Text
from chowon.tariff_import.tariff_file import Toml
from chowon.tariff_import.urdb import words
from chowon.tariff_import.urdb.structure import Matrix

_T = TypeVar("_T", bound=Hashable)
_YEAR: Final = frozenset(range(1, 13))


class Seasons:
    """The seasons that lines and calendars of the file name; equal months are one season."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.tables: dict[str, Toml] = {}

    def named(self, months: frozenset[int]) -> str:
        """The name of the season of these months, 1 to 12."""
        runs = _runs(months)
        name = words.months_id(runs)
        self.tables.setdefault(
            name,
            {"label": plain(words.months(runs)), "months": sorted(months), "source": self._source},
        )
        return name

    def of_months(self, values: Sequence[_T]) -> list[tuple[str | None, _T]]:
        """12 values, January first, by season; first the most frequent one, for the rest of the year."""
        groups = _groups(values)
        rest, *others = groups
        return [(None, rest[1]), *((self.named(months), value) for months, value in others)]


def calendar_rules(
    weekday: Matrix, weekend: Matrix, band: Callable[[int], str], seasons: Seasons
) -> list[Toml]:
    """Rules of a calendar that put every hour of the year into the band of its period.

    weekday, weekend: the periods of URDB's schedules; URDB knows no holidays: they are days as others.
    """
    rules: list[Toml] = []
    rest, *others = _groups(list(zip(weekday, weekend, strict=True)))
    if others and len(set(weekend)) == 1:
        rules.append({"days": ["weekend"], "bands": _bands(weekend[0], band)})
        rest, *others = _groups([(row, row) for row in weekday])
    for months, (day, end) in (*others, rest):
        season: Toml = {} if months == rest[0] else {"season": seasons.named(months)}
        if day != end:
            rules.append({"days": ["weekend"], **season, "bands": _bands(end, band)})
        rules.append({**season, "bands": _bands(day, band)})
    return rules


def plain(text: Text) -> Toml:
    """Words as they stand in a tariff file."""
    return {"ko": text.ko, "en": text.en}


def _groups(values: Sequence[_T]) -> list[tuple[frozenset[int], _T]]:
    """The months, 1 to 12, of each value; most months first, else by the first month."""
    found: dict[_T, set[int]] = {}
    for month, value in enumerate(values, 1):
        found.setdefault(value, set()).add(month)
    return sorted(((frozenset(m), v) for v, m in found.items()), key=lambda g: (-len(g[0]), min(g[0])))


def _runs(months: frozenset[int]) -> list[tuple[int, int]]:
    """(first, last) of the months that follow each other, over new year too."""
    if months == _YEAR:
        return [(1, 12)]
    firsts = [m for m in sorted(months) if (m - 2) % 12 + 1 not in months]
    runs = []
    for first in firsts:
        last = first
        while last % 12 + 1 in months:
            last = last % 12 + 1
        runs.append((first, last))
    return runs


def _bands(row: Sequence[int], band: Callable[[int], str]) -> Mapping[str, str]:
    """The hours of each band of a day; hours that run over midnight are one span."""
    names = [band(period) for period in row]
    starts = [hour for hour in range(24) if names[hour] != names[hour - 1]] or [0]
    ends = [*starts[1:], starts[0] or 24]
    spans: dict[str, list[str]] = {}
    for first, end in zip(starts, ends, strict=True):
        spans.setdefault(names[first], []).append(f"{first:02}-{end:02}")
    return {name: ",".join(parts) for name, parts in sorted(spans.items())}
