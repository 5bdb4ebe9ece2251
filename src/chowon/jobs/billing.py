"""A site's tariff made ready for a period, with everything that is known besides the use.

Prices come from the price book. The demand of an earlier month is what a person has recorded, else what was
measured where that month is measured almost whole, else unknown. Credit is what was recorded for the
period's start, else what our own bills of the periods before have left.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from threading import Lock
from typing import Final, Generic, TypeVar

from chowon.domain.bill import Carried, Known, PastDemand, Prepared, Prices, prepare
from chowon.domain.clock import Period
from chowon.domain.records import Records, as_prices, period_before, period_of_month
from chowon.domain.sites import Site
from chowon.domain.tariff import Tariff
from chowon.domain.tariff.terms import ZERO
from chowon.errors import UsageInvalid
from chowon.jobs.measured import measured, usage
from chowon.jobs.period_use import PeriodUse, period_use
from chowon.ports import History, PriceBook, RecordBook

ALMOST_WHOLE: Final = 0.99
"""The measured share of a month from which on its greatest quarter of an hour counts as its demand."""
MOST_PERIODS: Final = 24
"""Credit is followed back over so many periods at most."""
REMEMBERED_MS: Final = 600_000
"""What was read of closed periods is read again after this: late readings may have come."""
_REMEMBERED: Final = 4096
_USES: Final = 64
_BASES: Final = 4096
_WITH_PRICES: Final = 64
_T = TypeVar("_T")
_Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Books:
    """Where what no meter tells is kept."""

    prices: PriceBook
    records: RecordBook


class Billing:
    """Makes tariffs ready for the periods of sites. Safe to call from several threads."""

    def __init__(self, history: History, tariff: Callable[[str], Tariff], books: Books) -> None:
        self._history, self._tariff, self._books = history, tariff, books
        self._base = lru_cache(maxsize=_BASES)(self._prepare)
        self._with_prices = lru_cache(maxsize=_WITH_PRICES)(self._prepare_with_prices)
        self._demands: _Remembered[Decimal | None] = _Remembered(_REMEMBERED)
        self._credits: _Remembered[Decimal | None] = _Remembered(_REMEMBERED)
        self._earlier: _Remembered[PeriodUse] = _Remembered(_USES)

    def revision(self) -> int:
        """Grows when prices or records change. Errors: StoreUnavailable."""
        return self._books.prices.revision() + self._books.records.revision()

    def bare(self, site: Site, period: Period) -> Prepared:
        """Without anything that is known, at once. Errors: NotFound, TariffInvalid, UsageInvalid."""
        return self._base(site.tariff, period, _options(site.tariff_options))

    def prepared(
        self,
        site: Site,
        period: Period,
        now_ms: int,
        tariff_id: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Prepared:
        """The site's tariff, or another one with its options, with all that is known.

        Errors: StoreUnavailable; NotFound, TariffInvalid, UsageInvalid as `bare`.
        """
        of = tariff_id or site.tariff, _options(site.tariff_options if options is None else options)
        bare = self._base(of[0], period, of[1])
        if not bare.series and not bare.months_of_demand and bare.credit_unit is None:
            return bare
        records = self._books.records.records(site.id)
        prepared = self._priced(period, of, records)
        return replace(prepared, known=self._known(site, prepared, now_ms, records))

    def series(self, site: Site, names: tuple[str, ...], from_ms: int, to_ms: int) -> dict[str, Prices]:
        """The prices that are known of these series, by the tariff's names. Errors: StoreUnavailable."""
        if not names:
            return {}
        kept = self._books.records.records(site.id).series
        return self._read_series(tuple((name, kept.get(name, name)) for name in names), from_ms, to_ms)

    def known(self, site: Site, prepared: Prepared, now_ms: int) -> Known:
        """What is known of the period besides the use. Errors: StoreUnavailable."""
        if not prepared.months_of_demand and prepared.credit_unit is None:
            return Known()
        return self._known(site, prepared, now_ms, self._books.records.records(site.id))

    def use(self, site: Site, period: Period, now_ms: int) -> PeriodUse:
        """What a site used in a period. Errors: StoreUnavailable."""
        return period_use(self._history, site, period, now_ms)

    def _lately(self, site: Site, period: Period, now_ms: int) -> PeriodUse:
        """What a site used in an earlier period, as it was read a while ago."""
        key = _metered(site), period
        return self._earlier.get(key, now_ms, lambda: self.use(site, period, now_ms))

    def _known(self, site: Site, prepared: Prepared, now_ms: int, records: Records) -> Known:
        past, unknown = self._past_demand(site, prepared, now_ms, records)
        return Known(past, unknown, self._carried(site, prepared, now_ms, records))

    def _priced(self, period: Period, of: tuple[str, _Options], records: Records) -> Prepared:
        """With the prices that are known."""
        prepared = self._base(of[0], period, of[1])
        if not prepared.series:
            return prepared
        kept = tuple((name, records.series.get(name, name)) for name in prepared.series)
        return self._with_prices(*of, period, kept, self._books.prices.revision())

    def _past_demand(
        self, site: Site, prepared: Prepared, now_ms: int, records: Records
    ) -> tuple[tuple[PastDemand, ...], tuple[str, ...]]:
        """(what is known, the months of which nobody knows)"""
        past, unknown = [], []
        for month in prepared.months_of_demand:
            recorded = records.past_demand_kw.get(month)
            if recorded is not None:
                past.append(PastDemand(month, recorded.value, "recorded"))
            elif (measured_kw := self._measured_kw(site, prepared, month, now_ms)) is not None:
                past.append(PastDemand(month, measured_kw, "measured"))
            else:
                unknown.append(month)
        return tuple(past), tuple(unknown)

    def _measured_kw(self, site: Site, prepared: Prepared, month: str, now_ms: int) -> Decimal | None:
        of = prepared.tariff.id, _options(prepared.options)

        def read() -> Decimal | None:
            try:
                then = self._base(of[0], period_of_month(month, site.reading_day), of[1])
                use = self._lately(site, then.period, now_ms)
                whole = use.closed and use.coverage >= ALMOST_WHOLE
                return then.demand_kw(use.usage()) if whole else None
            except UsageInvalid:  # the tariff was not known then, or quarters don't tell its demand
                return None

        return self._demands.get((_metered(site), site.reading_day, of, month), now_ms, read)

    def _carried(self, site: Site, prepared: Prepared, now_ms: int, records: Records) -> Carried | None:
        """Credit by the tariff in force; another one takes it over where it carries the same unit."""
        period = prepared.period
        if prepared.credit_unit is None:
            return None
        try:
            in_force = self.bare(site, period)
        except UsageInvalid:  # a period before its time, asked under another tariff
            in_force = None
        if in_force is None or in_force.credit_unit != prepared.credit_unit:
            return Carried(ZERO, "reckoned", period.start)
        before, at, revision = list[Period](), period, self.revision()
        since = in_force.tariff.since
        while at.start not in records.carried and len(before) < MOST_PERIODS and at.start > since:
            at = period_before(at, site.reading_day)
            before.append(at)
        credit = Carried(ZERO, "reckoned", at.start)
        for earlier in (*before[::-1], period):
            recorded = records.carried.get(earlier.start)
            if recorded is not None:
                credit = Carried(recorded.value, "recorded", earlier.start)
            if earlier is not period:
                left = self._left(site, earlier, credit.amount, now_ms, records, revision)
                credit = (
                    Carried(ZERO, "reckoned", earlier.end)
                    if left is None
                    else Carried(left, "reckoned", credit.since)
                )
        return credit

    def _left(
        self, site: Site, period: Period, credit: Decimal, now_ms: int, records: Records, revision: int
    ) -> Decimal | None:
        """What a closed period leaves of the credit that it began with; None without a reading or a bill."""
        of = site.tariff, _options(site.tariff_options)

        def find() -> Decimal | None:
            try:
                found = measured(self._history, site, self._base(of[0], period, of[1]))
                if found.to_ms > now_ms or not found.known_ms.any():
                    return None
                prepared = self._priced(period, of, records)
                past, _ = self._past_demand(site, prepared, now_ms, records)
                used = replace(usage(found, period.days), carried=credit)
                used = Known(past).on(prepared.as_read(used))
                return prepared.bill(used).carried
            except UsageInvalid:  # before the tariff's time, or without its prices
                return None

        return self._credits.get((_metered(site), of, period, credit, revision), now_ms, find)

    def _prepare(self, tariff_id: str, period: Period, options: _Options) -> Prepared:
        return prepare(self._tariff(tariff_id), period, dict(options))

    def _prepare_with_prices(
        self,
        tariff_id: str,
        options: _Options,
        period: Period,
        kept: tuple[tuple[str, str], ...],
        revision: int,  # noqa: ARG002  prices that changed are read anew
    ) -> Prepared:
        bare = self._base(tariff_id, period, options)
        series = self._read_series(kept, *bare.plans[0].meter.instants())
        return prepare(bare.tariff, period, dict(options), series)

    def _read_series(self, kept: tuple[tuple[str, str], ...], from_ms: int, to_ms: int) -> dict[str, Prices]:
        found = {name: as_prices(self._books.prices.rows(series, from_ms, to_ms)) for name, series in kept}
        return {name: prices for name, prices in found.items() if prices is not None}


class _Remembered(Generic[_T]):
    """Answers kept for `REMEMBERED_MS`; of too many the oldest go."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[Hashable, tuple[int, _T]] = {}
        self._lock = Lock()

    def get(self, key: Hashable, now_ms: int, find: Callable[[], _T]) -> _T:
        """The answer as it was found a while ago, else as it is found now."""
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and 0 <= now_ms - kept[0] < REMEMBERED_MS:
            return kept[1]
        found = find()
        with self._lock:
            self._kept.pop(key, None)
            while len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = now_ms, found
        return found


def _options(options: Mapping[str, str]) -> _Options:
    return tuple(sorted(options.items()))


def _metered(site: Site) -> Hashable:
    """What the use of a site's period depends on."""
    return site.id, site.timezone, tuple(channel.id for channel in site.main_channels)
