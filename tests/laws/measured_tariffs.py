"""Random tariffs that measure more than kWh, and random uses of some homes under them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import strategies as st

from chowon.domain.bill import Prepared, Prices, Profile, Usage, prepare
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import HOUR_MS, MINUTE_MS
from chowon.domain.tariff import parse

BANDS = ("light", "mid", "peak")
LABEL = {"ko": "말", "en": "word"}
SINCE = date(2020, 1, 1)
DAYS = ("sunday", "weekend", "weekday", "saturday")
CLOCKS_CHANGE = (date(2025, 3, 30), date(2025, 10, 26), date(2025, 3, 9), date(2025, 11, 2))
MONEY = st.decimals(-50, 300, places=2)
ROUNDINGS = st.sampled_from([None, ("1", "floor"), ("0.01", "half_up"), ("10", "floor")])


@dataclass(frozen=True)
class Question:
    """A tariff, a period and some homes' uses."""

    document: dict[str, Any]
    prepared: Prepared
    usages: list[Usage]


@st.composite
def _hours(draw: st.DrawFn) -> dict[str, str]:
    edges = sorted(draw(st.sets(st.integers(1, 23), min_size=2, max_size=5)))
    spans: dict[str, list[str]] = {}
    for n, (first, end) in enumerate(zip((0, *edges), (*edges, 24), strict=True)):
        spans.setdefault(BANDS[n % 3], []).append(f"{first:02}-{end:02}")
    return {band: ",".join(found) for band, found in spans.items()}


@st.composite
def _calendar(draw: st.DrawFn) -> dict[str, Any]:
    days = draw(st.lists(st.sampled_from(DAYS), max_size=2, unique=True))
    rules = [{"days": [day], "bands": draw(_hours())} for day in days]
    rules += [{"season": "cold", "bands": draw(_hours())}, {"bands": draw(_hours())}]
    return {"version": [{"from": SINCE, "source": "s", "rule": rules}]}


def _line(draw: st.DrawFn, id_: str, kind: str, prices: Callable[[], dict[str, Any]], **more: Any) -> Any:
    rounding = draw(ROUNDINGS)
    price = [{"from": SINCE, "source": "s", **prices()}]
    if kind != "percentage" and draw(st.booleans()):
        price.append({"from": SINCE, "season": "cold", "source": "s", **prices()})
    line = {"id": id_, "kind": kind, "label": LABEL, "price": price, **more}
    every_use = kind in {"tiered_energy", "tiered_fixed"}
    if not every_use and draw(st.booleans()):
        line["above_kwh"] = draw(st.integers(0, 60))
    if not every_use and draw(st.booleans()):
        line["upto_kwh"] = line.get("above_kwh", 0) + draw(st.integers(1, 400))
    return line if rounding is None else line | {"round": _rounding(*rounding)}


def _rounding(unit: str, mode: str) -> dict[str, Any]:
    return {"unit": Decimal(unit), "mode": mode}


def _lines(draw: st.DrawFn) -> list[dict[str, Any]]:
    flow = st.sampled_from(["import", "export", "net"])
    netted = flow | st.sampled_from(["net_import", "net_export"])

    def tiers() -> dict[str, Any]:
        return {"per_tier": draw(st.lists(st.decimals(0, 99, places=1), min_size=3, max_size=3))}

    def bands() -> dict[str, Any]:
        return {"bands": {band: draw(MONEY) for band in BANDS}}

    def price() -> dict[str, Any]:
        return {"price": draw(MONEY)}

    peak = {"calendar": "hours", "bands": ["mid", "peak"]} if draw(st.booleans()) else {}
    made = {
        "hours": lambda: _line(draw, "hours", "time_of_use", bands, calendar="hours", of=draw(netted)),
        "flat": lambda: _line(draw, "flat", "per_kwh", price, of=draw(netted), by="usage_day"),
        "market": lambda: _line(
            draw, "market", "price_series", lambda: {"factor": draw(MONEY)}, series="spot", of=draw(flow)
        ),
        "demand": lambda: _line(
            draw,
            "demand",
            "demand",
            lambda: {"per_kw": draw(st.integers(1, 9000))},
            interval_min=draw(st.sampled_from([15, 30, 60])),
            ratchet_months=[1, 7, 12],
            **peak,
        ),
        "hours_in_tiers": lambda: _line(
            draw,
            "hours_in_tiers",
            "tiered_time_of_use",
            lambda: {"bands": {band: tiers()["per_tier"] for band in BANDS}},
            calendar="hours",
            tiers="home",
            of=draw(st.sampled_from(["import", "net_import"])),
        ),
        "tiers": lambda: _line(draw, "tiers", "tiered_energy", tiers, tiers="home"),
        "standing": lambda: _line(draw, "standing", "tiered_fixed", tiers, tiers="home"),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(made)), min_size=1, max_size=4, unique=True))
    found = [made[name]() for name in chosen]
    found.append(_line(draw, "vat", "percentage", lambda: {"percent": Decimal(19)}, of=chosen))
    by_kwh = [line["id"] for line in found if "round" in line and _follows_from_kwh(line)]
    if by_kwh and draw(st.booleans()):
        least = {"from": SINCE, "source": "s", "of_kwh": draw(st.integers(0, 90))}
        found.append({"id": "least", "kind": "minimum", "label": LABEL, "of": by_kwh, "price": [least]})
    if draw(st.booleans()):
        found.append({"id": "credit", "kind": "carry_over", "label": LABEL})
    return found


def _follows_from_kwh(line: dict[str, Any]) -> bool:
    return line["kind"] in {"tiered_energy", "tiered_fixed"} or (
        line["kind"] == "per_kwh" and line["of"] == "import"
    )


def _document(draw: st.DrawFn) -> dict[str, Any]:
    period: dict[str, Any] = {
        "counts_as": "one_month",
        "source": "s",
        "split": draw(st.sampled_from(["days", "measured"])),
    }
    if draw(st.booleans()):
        period["kwh_round"] = _rounding("1", "half_up")
    return {
        "id": "xx.random",
        "name": LABEL,
        "country": "XX",
        "currency": "EUR",
        "timezone": draw(st.sampled_from(["Europe/Berlin", "America/Los_Angeles", "Asia/Seoul"])),
        "from": SINCE,
        "period": period,
        "season": {"cold": {"label": LABEL, "days": ["10-28", "03-31"], "source": "s"}},
        "band": {band: {"label": LABEL} for band in BANDS},
        "calendar": {"hours": draw(_calendar())},
        "tiers": {"home": {"set": [{"from": SINCE, "upto": [5, 40], "source": "s"}]}},
        "line": _lines(draw),
    }


def _profiles(draw: st.DrawFn, start_ms: int, end_ms: int, partial: bool) -> list[Profile]:
    step_ms = draw(st.sampled_from([15, 5])) * MINUTE_MS
    if partial:  # some hours are missing at both ends
        start_ms += draw(st.integers(0, 99)) * step_ms
        end_ms = max(start_ms, end_ms - draw(st.integers(0, 99)) * step_ms)
    else:  # or there are more than the period has
        start_ms, end_ms = (
            start_ms - draw(st.integers(0, 3)) * HOUR_MS,
            end_ms + draw(st.integers(0, 3)) * HOUR_MS,
        )
    n, homes = (end_ms - start_ms) // step_ms, draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    most = draw(st.sampled_from([1, 40, 3000]))
    exports = draw(st.booleans())
    return [
        Profile(
            start_ms,
            step_ms,
            rng.integers(0, most, n) * rng.integers(0, 2, n),
            rng.integers(0, most, n) if exports else None,
        )
        for _ in range(homes)
    ]


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Anything that is measured by interval."""
    document = _document(draw)
    tariff = parse(document, "random")
    middle = draw(st.sampled_from(CLOCKS_CHANGE) | st.dates(date(2024, 12, 1), date(2025, 12, 1)))
    start = middle - timedelta(days=draw(st.integers(0, 6)))
    period = Period(start, middle + timedelta(days=draw(st.integers(1, 6))))
    if draw(st.booleans()):
        period = Period(
            period.start, period.end, Period(start - timedelta(days=9), period.end + timedelta(days=8))
        )
    zone = ZoneInfo(tariff.timezone)
    start_ms, end_ms = midnight_ms(period.start, zone), midnight_ms(period.end, zone)
    values = draw(st.lists(st.decimals(-20, 400, places=3), min_size=24, max_size=24))
    n = (end_ms - start_ms) // HOUR_MS
    series = {"spot": Prices(start_ms, HOUR_MS, [values[h * 7 % 24] for h in range(n)])}
    partial = draw(st.booleans())
    demand_kw = draw(st.none() | st.decimals(0, 90, places=3))
    usages = []
    for profile in _profiles(draw, start_ms, end_ms, partial):
        kwh, export_kwh = profile.kwh(start_ms, end_ms)
        usages.append(
            Usage(
                kwh,
                profile,
                export_kwh=export_kwh,
                demand_kw=demand_kw,
                past_demand_kw={"2025-01": Decimal(draw(st.integers(0, 9000))) / 1000},
                partial=partial,
            )
        )
    return Question(document, prepare(tariff, period, {}, series), usages)
