"""One use under several tariffs: which would have been the cheapest, and which cannot say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from chowon.domain.bill import Carried, Known, Prepared, Prices, Usage, prepare
from chowon.domain.bill.engine import chosen_options
from chowon.domain.bill.needs import needs_of
from chowon.domain.clock import Period, day_starts_ms
from chowon.domain.tariff import Tariff, Text
from chowon.domain.tariff.terms import ZERO
from chowon.errors import UsageInvalid

KINDS: Final = frozenset(
    ("residential", "general", "commercial", "industrial", "educational", "agricultural", "ev")
)
"""Words in a tariff's id that say for which customers it is."""


@dataclass(frozen=True, slots=True)
class Metered:
    """The use of one period."""

    period: Period
    from_ms: int
    to_ms: int
    """Where the period's local days begin and end at the site"""
    usage: Usage
    closed: bool
    """Whether the period is over, so that it is billed as a meter is read"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tariff, with the options, prices and whatever else is known for it."""

    tariff: Tariff
    options: Mapping[str, str] = field(default_factory=dict)
    in_force: bool = False
    series: Mapping[str, Prices] = field(default_factory=dict)
    knows: Callable[[Prepared], Known] = lambda _: Known()
    """What is known of a period besides the use"""


@dataclass(frozen=True, slots=True)
class Row:
    """What a tariff would have cost."""

    tariff: Tariff
    options: dict[str, str]
    in_force: bool
    total: Decimal
    """Of all periods together"""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A tariff without an answer."""

    id: str
    name: Text
    why: Text


@dataclass(frozen=True, slots=True)
class Compared:
    """Every candidate, in one list or the other."""

    rows: tuple[Row, ...]
    """The cheapest first; of equal ones the one in force, then by id"""
    left_out: tuple[LeftOut, ...]

    @property
    def in_force(self) -> Row | None:
        """The row of the tariff in force; None where it has no answer."""
        return next((row for row in self.rows if row.in_force), None)

    def difference(self, row: Row) -> Decimal | None:
        """What the row costs more than the tariff in force."""
        return None if self.in_force is None else row.total - self.in_force.total


def compare(uses: Sequence[Metered], candidates: Sequence[Candidate]) -> Compared:
    """The bills of all periods under each candidate."""
    rows, left_out = [], []
    for candidate in candidates:
        tariff = candidate.tariff
        try:
            chosen = chosen_options(tariff, candidate.options)
            why = _why_not(candidate, chosen, uses)
            if why is None:
                rows.append(Row(tariff, chosen, candidate.in_force, _total(candidate, uses)))
                continue
        except UsageInvalid as error:
            why = Text(f"계산할 수 없어요: {error}", str(error))
        left_out.append(LeftOut(tariff.id, tariff.name, why))
    rows.sort(key=lambda row: (row.total, not row.in_force, row.tariff.id))
    return Compared(tuple(rows), tuple(left_out))


def kind_of(tariff_id: str) -> str | None:
    """The word in the id that says for which customers the tariff is; None without one."""
    return next((word for word in tariff_id.split(".") if word in KINDS), None)


def _total(candidate: Candidate, uses: Sequence[Metered]) -> Decimal:
    """Of all periods. Credit goes from one to the next: in force as it is known, else the tariff's own."""
    total, left = ZERO, None
    for n, use in enumerate(uses):
        prepared = prepare(candidate.tariff, use.period, candidate.options, candidate.series)
        known = candidate.knows(prepared)
        follows = n > 0 and uses[n - 1].period.end == use.period.start
        if left is not None and follows and not candidate.in_force:
            known = replace(known, carried=Carried(left, "reckoned", uses[n - 1].period.start))
        prepared = replace(prepared, known=known)
        usage = prepared.as_read(use.usage) if use.closed else use.usage
        if known.carried is None:
            total += prepared.total(usage)
        else:
            bill = prepared.bill(usage)
            total, left = total + bill.total, bill.carried
    return total


def _why_not(candidate: Candidate, chosen: Mapping[str, str], uses: Sequence[Metered]) -> Text | None:
    """Why there is no answer, in words."""
    tariff, needs = candidate.tariff, needs_of(candidate.tariff, chosen)
    if needs.options:
        labels = [tariff.options[name].label for name in needs.options]
        ko, en = (", ".join(label.to(language) for label in labels) for language in ("ko", "en"))
        names = ", ".join(needs.options)
        return Text(f"{ko}을(를) 알아야 해요 (옵션 {names})", f"needs to know: {en} (option {names})")
    missing = ", ".join(name for name in needs.series if name not in candidate.series)
    if missing:
        return Text(f"시간별 시장 가격이 필요해요 ({missing})", f"needs a price series ({missing})")
    for use in uses:
        since = tariff.since
        if use.period.start < since:
            return Text(f"{since}부터의 요금만 알아요", f"is known from {since} on only")
        starts = day_starts_ms(use.period.start, use.period.end, ZoneInfo(tariff.timezone))
        if (int(starts[0]), int(starts[-1])) != (use.from_ms, use.to_ms):
            return Text(
                f"날짜가 다른 시각에 바뀌어요 ({tariff.timezone})",
                f"its days begin otherwise ({tariff.timezone})",
            )
    return None
