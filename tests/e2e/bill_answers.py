"""Answers about a bill as docs/reference/api.md describes them, for pages whose server is not the point."""

import copy
from typing import Any

Json = dict[str, Any]

LOW = {"id": "kr.kepco.residential.low", "name": {"ko": "주택용 저압", "en": "Residential, low voltage"}}
HIGH = {"id": "kr.kepco.residential.high", "name": {"ko": "주택용 고압", "en": "Residential, high voltage"}}
HOURLY = {
    "id": "kr.kepco.residential.tou",
    "name": {"ko": "주택용 계절별·시간대별 선택요금", "en": "Residential, time of use"},
}
WEEKEND = {
    "id": "kr.kepco.ev.weekend",
    "name": {"ko": "전기차 충전 주말 할인", "en": "Car charging, weekends"},
}
BANDS = {
    "light": ({"ko": "경부하", "en": "Off-peak"}, "94.1", 132.4),
    "mid": ({"ko": "중간부하", "en": "Mid-peak"}, "113.9", 96.3),
    "peak": ({"ko": "최대부하", "en": "Peak"}, "154.7", 58.4),
}
NOV_1_MS, DAY_MS = 1_793_458_800_000, 86_400_000
SEGMENT = {"start": "2026-11-01", "end": "2026-12-01", "days": 30}


def _part(ko: str, en: str, quantity: str, unit: str, price: str, amount: str) -> Json:
    of = {"quantity": quantity, "unit": unit, "price": price, "amount": amount}
    return {
        "label": {"ko": ko, "en": en},
        **of,
        "from": "2023-05-16",
        "source": "KEPCO 2023-05-16",
        "segment": SEGMENT,
    }


def _line(id_: str, ko: str, en: str, amount: str, *parts: Json) -> Json:
    return {
        "id": id_,
        "label": {"ko": ko, "en": en},
        "amount": amount,
        "rounding": {"ko": "원 미만 버림", "en": "rounded down to 1 won"},
        "parts": list(parts),
    }


def old_bill() -> Json:
    """The middle of November in a home, as a server answers that knows none of the newer fields."""
    base = _line(
        "base", "기본요금", "Base charge", "1600", _part("2단계", "Tier 2", "1", "month", "1600", "1600")
    )
    first = _part("1단계", "Tier 1", "200", "kWh", "120", "24000")
    second = _part("2단계", "Tier 2", "87.1", "kWh", "214.6", "18691.66")
    days = [
        {
            "day": f"2026-11-{n:02}",
            "kwh": 13.05,
            "total_kwh": round(13.05 * n, 3),
            "total": str(1600 + 1950 * n),
            "coverage": 0.91 if n == 9 else 1.0,
        }
        for n in range(1, 23)
    ]
    return {
        "site": 1,
        "currency": "KRW",
        "tariff": LOW,
        "period": {
            "start": "2026-11-01",
            "end": "2026-12-01",
            "from_ms": NOV_1_MS,
            "to_ms": NOV_1_MS + 30 * DAY_MS,
            "days": 30,
            "closed": False,
        },
        "usage": {
            "kwh": 287.1,
            "billed_kwh": "287.1",
            "coverage": 0.996,
            "missing_ms": 7_200_000,
            "until_ms": NOV_1_MS + 22 * DAY_MS,
        },
        "options": {},
        "total": "44880",
        "marginal_price": "257.6",
        "energy_price": "214.6",
        "lines": [
            base,
            _line("energy", "전력량요금", "Energy charge", "42691", first, second),
            _line("rounding", "10원 미만 버림", "Rounded down to 10 won", "589"),
        ],
        "subtotals": [],
        "tier": {
            "index": 2,
            "count": 3,
            "from_kwh": 200,
            "to_kwh": 400,
            "distance_kwh": 112.9,
            "base_jump": "5700",
            "tiers": [
                {"upto_kwh": 200, "energy_price": "120"},
                {"upto_kwh": 400, "energy_price": "214.6"},
                {"upto_kwh": None, "energy_price": "307.3"},
            ],
        },
        "days": days,
    }


def bill() -> Json:
    """The same home with its outlook and an estimate for the hours without readings."""
    coming = {
        "tier": 3,
        "at_kwh": "400",
        "date": "2026-11-27",
        "at_ms": NOV_1_MS + 26 * DAY_MS,
        "jump": "6490",
        "energy_price": "307.3",
    }
    newer = {
        "outlook": {"kwh": 391.5, "total": "71230", "next_tier": coming, "kwh_a_day": "12.4"},
        "estimate": {"missing_kwh": 1.8, "total": "45210"},
        "hours": None,
    }
    return old_bill() | newer


def hourly_bill() -> Json:
    """The same home under a tariff by the hour; it is mid-peak now."""
    found = bill() | {"tariff": HOURLY, "tier": None, "energy_price": "113.9"}
    parts = [
        _part(label["ko"], label["en"], str(kwh), "kWh", price, f"{kwh * float(price):.2f}")
        for label, price, kwh in BANDS.values()
    ]
    found["lines"][1] = _line("energy", "전력량요금", "Energy charge", "32461", *parts)
    found["hours"] = [
        {"band": band, "label": label, "kwh": kwh, "now": band == "mid"}
        for band, (label, _, kwh) in BANDS.items()
    ]
    found["outlook"] = found["outlook"] | {"next_tier": None, "kwh_a_day": None}
    return found


def compared(months: int | None = None) -> Json:
    """Three tariffs and one that does not fit."""
    year = (
        {"periods": months, "period": {"start": "2025-11-01", "end": "2026-11-01", "days": 365}}
        if months
        else {}
    )
    rows = [
        {"tariff": HIGH, "options": {}, "in_force": False, "total": "38650", "difference": "-6230"},
        {"tariff": LOW, "options": {}, "in_force": True, "total": "44880", "difference": "0"},
        {"tariff": HOURLY, "options": {}, "in_force": False, "total": "46110", "difference": "1230"},
    ]
    why = {"ko": "계약전력을 알아야 해요.", "en": "It needs the contract demand."}
    return {
        "site": 1,
        "period": SEGMENT,
        "kwh": 287.1,
        "coverage": 0.99,
        "currency": "KRW",
        "rows": copy.deepcopy(rows),
        "left_out": [{"tariff": WEEKEND, "why": why}],
    } | year


def what_if(asked: Json) -> Json:
    """What the page is told about its choices; solar and the rest give one and the same answer."""
    then = "30120" if "solar" in asked else "38020"
    return {
        "now": {"kwh": 287.1, "total": "44880"},
        "then": {"kwh": 190.2, "export_kwh": 20.1 if "solar" in asked else 0, "total": then},
        "difference": str(int(then) - 44880),
        "lines": [
            {"id": "base", "label": {"ko": "기본요금", "en": "Base charge"}, "now": "1600", "then": "910"},
            {
                "id": "energy",
                "label": {"ko": "전력량요금", "en": "Energy charge"},
                "now": "42691",
                "then": "28621",
            },
            {
                "id": "rounding",
                "label": {"ko": "10원 미만 버림", "en": "Rounded down to 10 won"},
                "now": "589",
                "then": "589",
            },
        ],
        "assumes": [
            {
                "ko": "맑은 날과 흐린 날을 평년처럼 보고, 정남향으로 30도 기울인 판으로 셈했어요.",
                "en": "An ordinary year's sun on panels facing south, tilted by 30 degrees.",
            }
        ],
    }
