"""What was told of past days, over HTTP."""

import pytest

from tests.nights import FIRST, NightHome, at, days_on, night_home, told_live
from tests.told import Served


class NightServed(Served):
    """A home of which nights tell, beside what was told live."""

    def __init__(self, home: NightHome) -> None:
        self.home = home
        super().__init__(home.store, at(days_on(2), 2))


@pytest.fixture
async def served(tmp_path):
    with night_home(tmp_path, told_live({"provisional": 1200.0, "settled": 1800.0})) as home:
        home.takes(FIRST, kettles=2)
        home.takes(days_on(1), kettles=3, minutes=range(600))
        home.night(FIRST, hours=13)
        home.night(days_on(1))
        yield NightServed(home)


async def test_each_day_tells_three_values_of_each_kind(served):
    told = await served.ask("GET", "/sites/1/appliances/days?from=2026-10-01&to=2026-10-02")
    [day] = told["days"]
    assert {name: day[name] for name in ("date", "told_ms", "final", "told_by", "known_minutes")} == {
        "date": "2026-10-01",
        "told_ms": at(days_on(1), 13),
        "final": True,
        "told_by": "first",
        "known_minutes": 1440,
    }
    fridge, kettle = day["appliances"]  # who used most comes first
    assert kettle == {
        "kind": "kettle",
        "label": {"ko": "전기 주전자", "en": "Kettle"},
        "kwh": {"provisional": 0.2, "settled": 0.3, "nightly": 0.133333},
        "runs": 2,
        "on_minutes": 4,
        "told_ms": at(days_on(1), 13),
        "revised": [],
    }
    assert (fridge["kind"], fridge["runs"]) == ("fridge", None)
    assert fridge["kwh"]["provisional"] is None


async def test_a_day_that_was_told_again_shows_what_was_said_before(served):
    home = served.home
    home.takes(days_on(1), kettles=24, minutes=range(600, 1440))
    home.takes(days_on(2), kettles=1)
    home.night(days_on(2))
    told = await served.ask("GET", "/sites/1/appliances/days?from=2026-10-01&to=2026-10-03")
    [kettle, again] = [kind for day in told["days"] for kind in day["appliances"] if kind["kind"] == "kettle"]
    assert kettle["revised"] == []  # nothing new of that day
    assert (again["runs"], again["kwh"]["nightly"]) == (17, 1.133333)
    assert again["revised"] == [{"kwh": 0.2, "told_ms": at(days_on(2), 2)}]
    assert again["told_ms"] == at(days_on(3), 2)
    assert [day["final"] for day in told["days"]] == [True, True]


async def test_a_day_that_will_be_told_again_is_not_final(served):
    [day] = (await served.ask("GET", "/sites/1/appliances/days?from=2026-10-02&to=2026-10-03"))["days"]
    assert (day["told_ms"], day["final"]) == (at(days_on(2), 2), False)


async def test_without_a_question_the_last_31_days_are_told(served):
    days = (await served.ask("GET", "/sites/1/appliances/days"))["days"]
    assert [day["date"] for day in days] == [days_on(n).isoformat() for n in range(-29, 2)]
    assert [len(day["appliances"]) for day in days] == [0] * 29 + [2, 2]
    assert days[0] == {
        "date": "2026-09-02",
        "told_ms": None,
        "final": False,
        "told_by": None,
        "known_minutes": 0,
        "appliances": [],
    }


async def test_a_days_minutes_are_those_that_its_sums_are_of(served):
    told = await served.ask("GET", "/sites/1/appliances/power?date=2026-10-02")
    assert (told["start_ms"], told["step_ms"], told["told_ms"]) == (at(days_on(1)), 60_000, at(days_on(2), 2))
    by_kind = {one["kind"]: one["power_w"] for one in told["appliances"]}
    assert set(by_kind) == {"kettle", "fridge"}
    assert len(by_kind["kettle"]) == 1440
    assert [n for n, watts in enumerate(by_kind["kettle"]) if watts] == [30, 31, 90, 91, 150, 151]
    assert by_kind["kettle"][30] == 2000.0
    assert by_kind["kettle"][599] == 0.0
    assert by_kind["kettle"][601:] == [None] * (1440 - 601)  # nobody knows what went on
    nothing = await served.ask("GET", "/sites/1/appliances/power?date=2026-10-03")
    assert (nothing["told_ms"], nothing["appliances"]) == (None, [])


async def test_what_a_site_has_not_is_not_shown(served):
    served.home.is_without("kettle")
    [day] = (await served.ask("GET", "/sites/1/appliances/days?from=2026-10-01&to=2026-10-02"))["days"]
    assert [kind["kind"] for kind in day["appliances"]] == ["fridge"]
    told = await served.ask("GET", "/sites/1/appliances/power?date=2026-10-01")
    assert [one["kind"] for one in told["appliances"]] == ["fridge"]


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ("1/appliances/days?from=2026-10-02&to=2026-10-02", 422),
        ("1/appliances/days?from=2025-01-01&to=2026-10-02", 422),
        ("1/appliances/days?from=1950-01-01", 422),
        ("1/appliances/power", 422),
        ("1/appliances/power?date=2026-13-01", 422),
        ("7/appliances/days", 404),
        ("7/appliances/power?date=2026-10-01", 404),
    ],
)
async def test_questions_that_have_no_answer_are_refused(served, question, status):
    refused = await served.ask("GET", f"/sites/{question}", status=status)
    assert refused["error"]["message"]
