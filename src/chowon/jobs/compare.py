"""Which tariff would have been the cheapest for a site."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from chowon.domain.bill.needs import needs_of
from chowon.domain.clock import Period, period_of
from chowon.domain.compare import Candidate, Compared, LeftOut, Metered, compare, kind_of
from chowon.domain.sites import Site
from chowon.domain.tariff import Tariff, Text
from chowon.domain.tariff.terms import ZERO
from chowon.errors import TariffInvalid, UsageInvalid
from chowon.jobs.billing import Billing
from chowon.jobs.period_use import PeriodUse

TariffOf = Callable[[str], Tariff]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A site's use, and what it would have cost."""

    periods: tuple[Period, ...]
    kwh: Decimal
    coverage: float
    """Share of the time gone by whose energy is known, 0-1; for what is missing no tariff bills anything"""
    currency: str
    compared: Compared


def comparison(
    billing: Billing,
    site: Site,
    tariffs: tuple[TariffOf, Sequence[str]],
    periods: Sequence[Period],
    now_ms: int,
    named: Sequence[str] = (),
) -> Comparison:
    """The site's use under its own tariff and others; periods without a reading are left out.

    tariffs: how one is loaded, and the ids of all. named: only these and the one in force; without any, all
    of the same country and currency and for the same kind of customer. Errors: NotFound for one that is
    named, UsageInvalid where nothing was measured, StoreUnavailable.
    """
    load, ids = tariffs
    in_force = load(site.tariff)
    uses = [u for p in periods if (u := billing.use(site, p, now_ms)).known_ms.any()]
    if not uses:
        raise UsageInvalid(
            f"site {site.key}: nothing was measured from {periods[0].start} to {periods[-1].end}; "
            "ask for another time"
        )
    candidates, unreadable = _candidates(site, in_force, load, named or ids, bool(named))
    of_all = int(uses[0].day_starts_ms[0]), int(uses[-1].day_starts_ms[-1])
    known = [
        replace(
            candidate,
            series=billing.series(site, needs_of(candidate.tariff).series, *of_all),
            knows=lambda prepared: billing.known(site, prepared, now_ms),
        )
        for candidate in candidates
    ]
    found = compare([_metered(use) for use in uses], known)
    gone = sum(use.until_ms - int(use.day_starts_ms[0]) for use in uses)
    return Comparison(
        tuple(use.period for use in uses),
        sum((use.kwh for use in uses), ZERO),
        round(min(1.0, sum(int(use.known_ms.sum()) for use in uses) / gone), 4),
        in_force.currency,
        Compared(found.rows, (*found.left_out, *unreadable)),
    )


def closed_periods(day: date, reading_day: int, count: int) -> list[Period]:
    """The last periods that are over on this day, the oldest first."""
    found = [period_of(period_of(day, reading_day).start - timedelta(days=1), reading_day)]
    while len(found) < count:
        found.append(period_of(found[-1].start - timedelta(days=1), reading_day))
    return found[::-1]


def options_for(tariff: Tariff, site: Site) -> dict[str, str]:
    """The site's options as far as this tariff has them."""
    return {
        name: value
        for name, value in site.tariff_options.items()
        if (option := tariff.options.get(name)) is not None
        and (option.number is not None or value in option.values)
    }


def _metered(use: PeriodUse) -> Metered:
    return Metered(use.period, int(use.day_starts_ms[0]), int(use.day_starts_ms[-1]), use.usage(), use.closed)


def _candidates(
    site: Site, in_force: Tariff, load: TariffOf, ids: Sequence[str], named: bool
) -> tuple[list[Candidate], list[LeftOut]]:
    """The tariffs to compare, the one in force first, and those that are no candidates after all."""
    found, left_out = [Candidate(in_force, site.tariff_options, in_force=True)], []
    for tariff_id in dict.fromkeys(ids):
        if tariff_id == in_force.id or not (named or kind_of(tariff_id) == kind_of(in_force.id)):
            continue
        try:
            tariff = load(tariff_id)
        except TariffInvalid as error:
            why = Text(f"요금제 파일을 쓸 수 없어요: {error.what}", f"its file cannot be used: {error.what}")
            left_out.append(LeftOut(tariff_id, Text(tariff_id, tariff_id), why))
            continue
        if (tariff.country, tariff.currency) == (in_force.country, in_force.currency):
            found.append(Candidate(tariff, options_for(tariff, site)))
        elif named:
            where = f"{tariff.country}, {tariff.currency}"
            why = Text(
                f"다른 나라나 통화의 요금이에요 ({where})", f"is of another country or currency ({where})"
            )
            left_out.append(LeftOut(tariff_id, tariff.name, why))
    return found, left_out
