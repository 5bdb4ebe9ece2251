"""The tariff file as it grows: its lines and what they refer to."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from chowon.domain.tariff.terms import Text
from chowon.errors import Problem
from chowon.tariff_import.tariff_file import Toml
from chowon.tariff_import.urdb.fields import Fields
from chowon.tariff_import.urdb.timing import Seasons, plain


@dataclass(slots=True)
class Draft:
    """Lines and all they refer to; what can't be expressed; what a person must know."""

    item: Fields
    since: date
    source: str
    seasons: Seasons
    lines: list[Toml] = field(default_factory=list)
    tiers: dict[str, Toml] = field(default_factory=dict)
    calendars: dict[str, Toml] = field(default_factory=dict)
    bands: dict[str, Toml] = field(default_factory=dict)
    options: dict[str, Toml] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    net_kwh: bool = False
    """Whether export is taken off import before anything is priced"""

    def refuse(self, where: str, found: str, expected: str) -> None:
        """Remember something that our language can't express."""
        self.item.problems.append(Problem(where, found, expected))

    def line(self, id_: str, kind: str, label: Text, prices: list[Toml], **settings: object) -> None:
        """Add a line; its amount is rounded to cents."""
        cents: Toml = {"unit": Decimal("0.01"), "mode": "half_up"}
        self.lines.append(
            {"id": id_, "kind": kind, "label": plain(label), "round": cents, **settings, "price": prices}
        )

    def price(self, season: str | None = None, **values: object) -> Toml:
        """A dated price with its source."""
        when: Toml = {} if season is None else {"season": season}
        return {**when, "from": self.since, **values, "source": self.source}

    def prices_by_month(self, key: str, values: list[Decimal]) -> list[Toml]:
        """12 prices, January first, as prices by season."""
        return [self.price(season, **{key: value}) for season, value in self.seasons.of_months(values)]
