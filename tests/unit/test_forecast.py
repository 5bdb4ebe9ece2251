"""The end of a running period under a forecast that is handed in: API and command."""

import json
from decimal import Decimal

import pytest

from chowon.api import outlook
from chowon.domain.bill import Usage, bill
from chowon.domain.quantities import DAY_MS, HOUR_MS
from tests.hourly import book
from tests.unit.test_api_questions import END_MS, FLAT, HOURS, LOW, OCTOBER, START_MS, Server, client, history

TEN_DAYS_MS = START_MS + 10 * DAY_MS


def _server(tmp_path, tariff: str = LOW, now_ms: int = TEN_DAYS_MS) -> Server:
    server = client(tmp_path, history(until_ms=now_ms), tariff, now_ms)
    server.app.include_router(outlook.router)
    return server


def _told(server: Server, **asked: object) -> dict:
    answer = server.post("/sites/1/bill/outlook", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_so_many_kwh_a_day_give_the_bill_of_the_whole_period(tmp_path) -> None:
    """10 days of 1 kW are 240 kWh; 21 days of 5 kWh more are 345."""
    told = _told(_server(tmp_path), kwh_a_day="5")
    assert told["outlook"]["kwh"] == pytest.approx(345)
    assert Decimal(told["total"]) == bill(book(tmp_path).load(LOW), OCTOBER, Usage(Decimal(345))).total
    assert told["outlook"]["total"] == told["total"]


def test_the_next_tier_comes_when_the_forecast_says(tmp_path) -> None:
    """240 kWh so far; the tier ends at 400 kWh: 160 kWh at 16 a day are ten days more."""
    told = _told(_server(tmp_path), kwh_a_day="16")
    assert told["outlook"]["next_tier"]["at_kwh"] == "400"
    assert told["outlook"]["next_tier"]["at_ms"] == pytest.approx(TEN_DAYS_MS + 10 * DAY_MS, abs=60_000)


@pytest.mark.parametrize("step_min", [15, 30, 60])
def test_a_forecast_by_interval_is_billed_by_the_hour(tmp_path, step_min) -> None:
    """Night (8 of 24 hours) at 50, day at 200; the forecast uses 2 kWh in every hour to come."""
    steps = (END_MS - START_MS) // (step_min * 60_000)
    intervals = {"start_ms": START_MS, "step_min": step_min, "kwh": [2 * step_min / 60] * steps}
    told = _told(_server(tmp_path, HOURS), intervals=intervals)
    night, day = 80 + 2 * 168, 160 + 2 * 336
    assert told["outlook"]["kwh"] == pytest.approx(night + day)
    assert Decimal(told["total"]) == night * 50 + day * 200


def test_of_the_interval_that_runs_only_what_is_left_counts(tmp_path) -> None:
    now_ms = TEN_DAYS_MS + 6 * 60_000
    hours = (END_MS - TEN_DAYS_MS) // HOUR_MS
    intervals = {"start_ms": TEN_DAYS_MS, "step_min": 60, "kwh": [1.0] + [0.0] * (hours - 1)}
    told = _told(_server(tmp_path, FLAT, now_ms), intervals=intervals)
    measured = 240.0  # the last sample is of the quarter's start, so that nothing of it is measured yet
    assert told["outlook"]["kwh"] == pytest.approx(measured + 54 / 60)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "one of kwh_a_day and intervals"),
        ({"kwh_a_day": "5", "intervals": {"start_ms": 0, "step_min": 15, "kwh": [1]}}, "one of kwh_a_day"),
        ({"kwh_a_day": "-1"}, ""),
        ({"intervals": {"start_ms": TEN_DAYS_MS, "step_min": 15, "kwh": [1.0] * 96}}, "all of the rest"),
        ({"intervals": {"start_ms": TEN_DAYS_MS, "step_min": 7, "kwh": [1.0]}}, ""),
        ({"intervals": {"start_ms": TEN_DAYS_MS + 1, "step_min": 15, "kwh": [1.0]}}, "a multiple of it"),
        ({"intervals": {"start_ms": 0, "step_min": 15, "kwh": [1], "export_kwh": [1, 2]}}, "expected 1"),
    ],
)
def test_a_forecast_that_cannot_be_says_why(tmp_path, asked, said) -> None:
    answer = _server(tmp_path).post("/sites/1/bill/outlook", json=asked)
    assert answer.status_code == 422
    assert said in json.dumps(answer.json(), ensure_ascii=False)
