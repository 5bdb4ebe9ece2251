"""Invented homes for the stand-in API, one a state, with a sketch of a Korean residential bill: good enough to
draw, not the tariff engine. Development only."""

import math
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

REPO = Path(__file__).resolve().parents[2]
SEOUL = ZoneInfo("Asia/Seoul")
DAY_MS = 86_400_000
BLOCKS = [(Decimal(200), "120", 910), (Decimal(400), "214.6", 1600), (None, "307.3", 7300)]
TARIFF = {"id": "kr.kepco.residential.low", "name": {"ko": "주택용 저압", "en": "Residential, low voltage"}}
SOURCE = "한국전력공사 전기요금표"


@dataclass(frozen=True)
class Home:
    """One home and the state it is there to show."""

    id: int
    key: str
    name: str
    kwh_a_day: float
    watts: float | None = None  # constant power instead of the recording
    silent_after_s: float | None = None  # seconds after the start at which the meter falls silent
    gap: bool = False  # a silence within the last 15 minutes
    hole_days: tuple[int, ...] = ()


HOMES = [
    Home(1, "home", "우리집", 12.4, hole_days=(9,)),
    Home(2, "long", "서울특별시 마포구 월드컵북로 396 누리꿈스퀘어 비즈니스타워 12층", 9.1),
    Home(3, "zero", "빈집", 0.0, watts=0.0),
    Home(4, "small", "12 W", 0.3, watts=12.0),
    Home(5, "large", "큰집", 150.0, watts=12_345.0),
    Home(6, "solar", "햇빛집", 3.1, watts=-800.0),
    Home(7, "silent", "조용한 집", 12.4, silent_after_s=-131.0),
    Home(8, "gaps", "틈이 있는 집", 16.0, gap=True, hole_days=(3, 4, 12)),
    Home(9, "factory", "공장", 5200.0, watts=1_234_567.0),
]
STARTED_MS = int(time.time() * 1000)
LIVELY_S = 33_900  # the second of the recording that is played at the start: an evening with something on


@cache
def recording() -> np.ndarray:
    """A day of power, W, one value a second."""
    path = REPO.parent / "shared/data/virtual_homes/v1.parquet"
    if path.exists():
        import pyarrow.parquet as pq

        watts = pq.read_table(path, columns=["mains"])["mains"].to_numpy().astype(float)
        noise = np.random.default_rng(7).normal(0, 1.2, len(watts))
        return np.maximum(0, watts + 61 + noise)  # the recordings have no always-on load of their own
    second = np.arange(DAY_MS // 1000)
    return 180 + 90 * (np.sin(second / 700) > 0.3) + 1100 * ((second % 3600) < 240) + 20 * np.sin(second / 60)


def power_at(home: Home, time_ms: int) -> float | None:
    """Power at a whole second, None where the home's meter was silent."""
    now_ms = STARTED_MS
    if home.silent_after_s is not None and time_ms > now_ms + home.silent_after_s * 1000:
        return None
    if home.gap and 300_000 < now_ms - time_ms < 480_000:
        return None
    if home.watts is not None:
        return round(home.watts * (1 + 0.004 * math.sin(time_ms / 9000)), 1)
    second = (time_ms - STARTED_MS) // 1000 + LIVELY_S
    return round(float(recording()[second % len(recording())]), 1)


def recent(home: Home, now_ms: int) -> tuple[list[int], list[float]]:
    times = [
        t for t in range(now_ms // 1000 * 1000 - 900_000, now_ms + 1, 1000) if power_at(home, t) is not None
    ]
    return times, [power_at(home, t) for t in times]


def floor(value: Decimal) -> Decimal:
    return value.quantize(Decimal(1), ROUND_FLOOR)


def tier_of(kwh: Decimal) -> int:
    return next(i for i, (upto, _, _) in enumerate(BLOCKS) if upto is None or kwh <= upto)


def lines_of(kwh: Decimal, segment: dict) -> list[dict]:
    """The sketch of a bill: each line floored to 1 won, the total to 10."""
    tier, low, parts = tier_of(kwh), Decimal(0), []
    for i, (upto, price, _) in enumerate(BLOCKS[: tier + 1]):
        quantity = min(kwh, upto or kwh) - low
        low = upto or low
        parts.append(
            {
                "label": {"ko": f"{i + 1}단계", "en": f"Tier {i + 1}"},
                "quantity": str(quantity),
                "unit": "kWh",
                "price": price,
                "amount": str(quantity * Decimal(price)),
                "from": "2023-05-16",
                "source": SOURCE,
            }
        )

    def part(ko: str, en: str, quantity: Decimal, unit: str, price: str, since: str) -> dict:
        return {
            "label": {"ko": ko, "en": en},
            "quantity": str(quantity),
            "unit": unit,
            "price": price,
            "amount": str(quantity * Decimal(price) / (100 if unit == "%" else 1)),
            "from": since,
            "source": SOURCE,
        }

    down = {"ko": "원 미만 버림", "en": "down to 1 won"}
    half = {"ko": "원 미만 반올림", "en": "to the nearest won"}
    tens = {"ko": "10원 미만 버림", "en": "down to 10 won"}
    base = Decimal(BLOCKS[tier][2])
    sums = [
        base,
        floor(sum((Decimal(p["amount"]) for p in parts), Decimal(0))),
        floor(kwh * 9),
        floor(kwh * 5),
    ]
    subtotal = sum(sums)
    vat = (subtotal * Decimal("0.1")).quantize(Decimal(1), ROUND_HALF_UP)
    fund = floor(subtotal * Decimal("0.027") / 10) * 10
    whole = subtotal + vat + fund
    cut = floor(whole / 10) * 10 - whole
    rows = [
        (
            "base",
            "기본요금",
            "Base charge",
            sums[0],
            down,
            [
                part(
                    f"{tier + 1}단계 기본",
                    f"Base of tier {tier + 1}",
                    Decimal(1),
                    "month",
                    str(base),
                    "2023-05-16",
                )
            ],
        ),
        ("energy", "전력량요금", "Energy charge", sums[1], down, parts),
        (
            "climate",
            "기후환경요금",
            "Climate and environment",
            sums[2],
            down,
            [part("기후환경", "Climate", kwh, "kWh", "9", "2023-01-01")],
        ),
        (
            "fuel",
            "연료비조정액",
            "Fuel adjustment",
            sums[3],
            down,
            [part("연료비조정", "Fuel", kwh, "kWh", "5", "2026-10-01")],
        ),
        (
            "vat",
            "부가가치세",
            "VAT",
            vat,
            half,
            [part("부가가치세", "VAT", subtotal, "%", "10", "1977-07-01")],
        ),
        (
            "fund",
            "전력산업기반기금",
            "Electricity industry fund",
            fund,
            tens,
            [part("기금", "Fund", subtotal, "%", "2.7", "2025-07-01")],
        ),
        ("rounding", "10원 미만 버림", "Rounding to 10 won", cut, None, []),
    ]
    return [
        {
            "id": i,
            "label": {"ko": ko, "en": en},
            "amount": str(amount),
            "rounding": rounding,
            "parts": [{**p, "segment": segment} for p in found],
        }
        for i, ko, en, amount, rounding, found in rows
    ]


def total_of(kwh: Decimal) -> Decimal:
    return sum((Decimal(line["amount"]) for line in lines_of(kwh, {})), Decimal(0))


def period_of(day: date) -> tuple[date, date]:
    start = day.replace(day=1)
    return start, (start + timedelta(days=32)).replace(day=1)


def midnight_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=SEOUL).timestamp() * 1000)


def used(home: Home, day: date, share: float) -> Decimal:
    """kWh of (a share of) a day: the home's mean with its own weather."""
    wave = 1 + 0.25 * math.sin(day.toordinal() * 1.7) + 0.12 * math.cos(day.toordinal() * 0.6)
    part = 0.6 if day.day in home.hole_days else 1.0
    return Decimal(str(round(home.kwh_a_day * wave * share * part, 3)))


def period_days(home: Home, start: date, end: date, now_ms: int) -> list[tuple[date, Decimal, float]]:
    found = []
    day = start
    while day < end and midnight_ms(day) < now_ms:
        share = min(1.0, (now_ms - midnight_ms(day)) / DAY_MS)
        if not (day.day == 4 and home.gap):  # a day without any word is not listed
            found.append((day, used(home, day, share), 0.6 if day.day in home.hole_days else 1.0))
        day += timedelta(days=1)
    return found


def tier_state(kwh: Decimal) -> dict:
    index = tier_of(kwh)
    low = BLOCKS[index - 1][0] if index else Decimal(0)
    upto = BLOCKS[index][0]
    return {
        "index": index + 1,
        "count": 3,
        "from_kwh": float(low),
        "to_kwh": None if upto is None else float(upto),
        "distance_kwh": None if upto is None else float(upto - kwh),
        "base_jump": None if upto is None else str(BLOCKS[index + 1][2] - BLOCKS[index][2]),
        "tiers": [{"upto_kwh": None if u is None else float(u), "energy_price": p} for u, p, _ in BLOCKS],
    }


def marginal(kwh: Decimal) -> str:
    price = (Decimal(BLOCKS[tier_of(kwh)][1]) + 14) * Decimal("1.127")
    return str(price.quantize(Decimal("0.1")))


def now_of(home: Home) -> dict:
    now_ms = int(time.time() * 1000)
    today = datetime.fromtimestamp(now_ms / 1000, SEOUL).date()
    start, end = period_of(today)
    days = period_days(home, start, end, now_ms)
    kwh = sum((k for _, k, _ in days), Decimal(0))
    today_kwh = days[-1][1] if days else Decimal(0)
    times, watts = recent(home, now_ms)
    seen = times[-1] if times else None
    stale = seen is None or now_ms - seen > 10_000
    price = marginal(kwh)
    return {
        "site": home.id,
        "time_ms": now_ms,
        "currency": "KRW",
        "power_w": None if stale else watts[-1],
        "voltage_v": None if stale else 221.3,
        "last_seen_ms": seen,
        "stale": stale,
        "gap": home.gap,
        "cost_per_hour": None
        if stale
        else str((Decimal(str(watts[-1])) / 1000 * Decimal(price)).quantize(Decimal("0.1"))),
        "marginal_price": price,
        "energy_price": BLOCKS[tier_of(kwh)][1],
        "today": {
            "day": str(today),
            "from_ms": midnight_ms(today),
            "kwh": float(today_kwh),
            "cost": str(total_of(kwh) - total_of(kwh - today_kwh)),
            "coverage": 0.998,
            "yesterday_kwh": None
            if home.gap
            else float(used(home, today - timedelta(days=1), (now_ms - midnight_ms(today)) / DAY_MS)),
        },
        "period": {
            "start": str(start),
            "end": str(end),
            "from_ms": midnight_ms(start),
            "to_ms": midnight_ms(end),
            "kwh": float(kwh),
            "cost": str(total_of(kwh)),
            "coverage": 0.997,
        },
        "tier": tier_state(kwh),
    }


def bill_of(home: Home, day: date) -> dict:
    now_ms = int(time.time() * 1000)
    start, end = period_of(day)
    closed = midnight_ms(end) <= now_ms
    days = period_days(home, start, end, now_ms)
    measured = sum((k for _, k, _ in days), Decimal(0))
    kwh = floor(measured) if closed else measured
    rows, sum_kwh = [], Decimal(0)
    for found, used_kwh, coverage in days:
        sum_kwh += used_kwh
        rows.append(
            {
                "day": str(found),
                "kwh": float(used_kwh),
                "total_kwh": float(sum_kwh),
                "total": str(total_of(sum_kwh)),
                "coverage": coverage,
            }
        )
    passed = max(1, (min(now_ms, midnight_ms(end)) - midnight_ms(start)))
    missing = int(sum((1 - c) * DAY_MS for _, _, c in days)) + (DAY_MS if home.gap else 0)
    length = (end - start).days
    return {
        "site": home.id,
        "currency": "KRW",
        "tariff": TARIFF,
        "period": {
            "start": str(start),
            "end": str(end),
            "from_ms": midnight_ms(start),
            "to_ms": midnight_ms(end),
            "days": length,
            "closed": closed,
        },
        "usage": {
            "kwh": float(measured),
            "billed_kwh": str(kwh),
            "coverage": round(1 - missing / passed, 4),
            "missing_ms": missing,
            "until_ms": min(now_ms, midnight_ms(end)),
        },
        "total": str(total_of(kwh)),
        "marginal_price": None if closed else marginal(kwh),
        "lines": (lines := lines_of(kwh, {"start": str(start), "end": str(end), "days": length})),
        "subtotals": [
            {
                "id": "subtotal",
                "label": {"ko": "전기요금계", "en": "Electricity charges"},
                "after": 4,
                "amount": str(sum(Decimal(line["amount"]) for line in lines[:4])),
            }
        ],
        "tier": tier_state(kwh),
        "days": rows,
    }


def site_of(home: Home) -> dict:
    return {
        "id": home.id,
        "key": home.key,
        "name": home.name,
        "timezone": "Asia/Seoul",
        "currency": "KRW",
        "tariff": TARIFF,
        "reading_day": 1,
        "channels": [{"id": home.id, "meter": "main", "key": "main", "role": "main", "hold_ms": 10_000}],
    }
