"""What each metered part of a site costs: the job, the API and the command."""

import asyncio
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from chowon.api import answers, shares
from chowon.api.access import Access
from chowon.cli.main import app as command_line
from chowon.domain.bill import Profile, Usage, bill, prepare
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.part_costs import costs_of_parts
from chowon.domain.part_runs import RunTimes
from chowon.domain.parts import Part, cut
from chowon.domain.quantities import DAY_MS, HOUR_MS, QUARTER_MS, U32
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Role, Site
from chowon.domain.tariff import Text
from chowon.errors import UsageInvalid
from chowon.jobs.appliances import TellingParts
from chowon.jobs.profile import DWMS_PER_KWH
from chowon.jobs.shares import Rule, Shares
from chowon.jobs.shares import shares as shares_of
from chowon.registry import TariffBook
from tests.e2e.homes import SEOUL
from tests.hourly import BY_THE_HOUR, OPTIONS, book
from tests.memory import MemoryHistory, billing

LOW = TariffBook().load("kr.kepco.residential.low")
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
START_MS, END_MS = midnight_ms(OCTOBER.start, SEOUL), midnight_ms(OCTOBER.end, SEOUL)
RULES: tuple[Rule, ...] = ("average", "marginal", "shapley")
HOURS = 744
NIGHT, EVENING = slice(0, 8), slice(17, 22)


class House:
    """A home whose meters are told hour by hour; the first is the main one."""

    def __init__(self) -> None:
        self.history = MemoryHistory(hold_ms=QUARTER_MS)
        self.channels: list[Channel] = []

    def meter(self, name: str, role: Role, watts: list[int] | int, hours: int = HOURS) -> "House":
        """The same day again and again, or the same watts; unheard of after so many hours."""
        meter, _, channel = name.partition("/")
        found = Channel(len(self.channels) + 1, ChannelKey("home", meter, channel or "main"), role)
        self.channels.append(found)
        by_hour = np.resize(np.array(watts, np.int32), hours)
        power = np.append(np.repeat(by_hour, 4), 0) * 10
        times = START_MS + np.arange(len(power), dtype=np.int64) * QUARTER_MS
        ids: U32 = np.full(len(times), found.id, np.uint32)
        self.history.append(Readings(ids, times, power.astype(np.int32)))
        return self

    @property
    def site(self) -> Site:
        return Site(1, "home", "우리집", "Asia/Seoul", 1, LOW.id, {}, tuple(self.channels))

    def shares(self, rule: Rule, now_ms: int = END_MS, prepared=None, telling=None) -> Shares:
        ready = prepare(LOW, OCTOBER) if prepared is None else prepared
        return shares_of(self.history, self.site, ready, rule, now_ms, telling)


def during(hours: slice, watts: int) -> list[int]:
    day = [0] * 24
    day[hours] = [watts] * len(day[hours])
    return day


def two_plugs() -> House:
    """500 W all the time, 100 of them the fridge; 1 kW more in the evening by the dryer."""
    evening = [500 + more for more in during(EVENING, 1000)]
    house = House().meter("main", "main", evening)
    return house.meter("fridge", "plug", 100).meter("laundry/dryer", "plug", during(EVENING, 1000))


def amounts(found: Shares) -> dict[str, Decimal | None]:
    return {part.name: part.amount for part in found.parts} | {"rest": found.rest.amount}


def test_parts_and_rest_are_the_whole_use_and_the_bill_by_two_of_the_rules() -> None:
    told = bill(LOW, OCTOBER, Usage(Decimal(744 // 2 + 155)))
    for rule in RULES:
        found = two_plugs().shares(rule)
        assert [(part.name, part.kwh) for part in found.parts] == [
            ("laundry/dryer", Decimal(155)),
            ("fridge/main", Decimal("74.4")),
        ]
        assert found.rest.kwh == Decimal("297.6")
        assert found.shared.total == told.total
        shared = sum(amount for amount in amounts(found).values() if amount is not None)
        assert shared + found.shared.difference == told.total
        assert (found.shared.difference == 0) == (rule != "marginal")


def test_a_marginal_share_is_what_would_be_saved() -> None:
    found = two_plugs().shares("marginal")
    without = bill(LOW, OCTOBER, Usage(Decimal(372)))
    assert amounts(found)["laundry/dryer"] == found.shared.total - without.total


def test_by_the_hour_a_night_appliance_pays_the_nights_price() -> None:
    watts = [a + b for a, b in zip(during(NIGHT, 1000), during(EVENING, 1600), strict=True)]
    house = House().meter("main", "main", watts).meter("car", "circuit", during(NIGHT, 1000))
    house.meter("oven", "circuit", during(EVENING, 1600))
    hourly = prepare(BY_THE_HOUR, OCTOBER, OPTIONS)
    found = {rule: amounts(house.shares(rule, prepared=hourly)) for rule in RULES}
    assert found["average"]["car/main"] == found["average"]["oven/main"]
    assert found["shapley"]["car/main"] < found["shapley"]["oven/main"] / 5


def test_an_open_period_is_billed_with_its_decimals_and_a_closed_one_on_whole_kwh() -> None:
    now_ms = START_MS + 3 * DAY_MS + HOUR_MS // 2
    found = two_plugs().shares("average", now_ms)
    assert not found.use.closed
    assert found.use.kwh == Decimal("51.25")
    assert found.shared.total == prepare(LOW, OCTOBER).total(Usage(Decimal("51.25")))
    house = House().meter("main", "main", 501).meter("fridge", "plug", 100)
    assert house.shares("average").shared.total == bill(LOW, OCTOBER, Usage(Decimal(372))).total


def test_the_coverage_of_a_part_says_how_long_it_was_heard() -> None:
    house = House().meter("main", "main", 500).meter("fridge", "plug", 100, hours=HOURS // 4)
    (fridge,) = house.shares("average").parts
    assert (fridge.kwh, fridge.coverage) == (Decimal("18.6"), 0.25)


def test_parts_that_measure_more_than_the_main_meter_are_scaled_and_the_rest_is_told() -> None:
    house = House().meter("main", "main", 300).meter("a", "plug", 300).meter("b", "plug", 100)
    found = house.shares("average")
    assert [round(part.kwh, 6) for part in found.parts] == [Decimal("167.4"), Decimal("55.8")]
    assert found.rest.kwh == 0
    assert found.over_kwh == Decimal("74.4")


def test_while_the_main_meter_is_silent_its_parts_used_nothing() -> None:
    house = House().meter("main", "main", 500, hours=HOURS // 2).meter("fridge", "plug", 100)
    found = house.shares("average")
    assert found.parts[0].kwh == found.over_kwh == Decimal("37.2")
    assert found.parts[0].coverage == 1


@pytest.mark.parametrize("sign", [1, -1])
def test_a_solar_roof_lowers_the_bill_whichever_way_its_meter_counts(sign: int) -> None:
    """600 W of 1 kW go to the home at noon, 400 to the grid."""
    noon = slice(10, 14)
    net = during(noon, -400)
    night = [600 if watts == 0 else watts for watts in net]
    house = (
        House().meter("main", "main", night).meter("roof", "solar", [sign * w for w in during(noon, 1000)])
    )
    house.meter("heater", "circuit", 600)
    marginal = house.shares("marginal")
    heater, roof = marginal.parts
    assert (roof.kwh, heater.kwh, marginal.rest.kwh) == (Decimal(-124), Decimal("446.4"), 0)
    assert marginal.use.kwh - marginal.use.export_kwh == roof.kwh + heater.kwh
    saved = bill(LOW, OCTOBER, Usage(Decimal(446))).total - marginal.shared.total
    assert roof.amount == -saved < 0
    shapley = house.shares("shapley")
    assert shapley.parts[1].amount < 0
    assert sum(amounts(shapley).values()) == shapley.shared.total
    average = house.shares("average")
    assert average.parts[1].amount is None
    assert average.parts[0].amount == average.shared.total


def test_what_nobody_measured_may_give_too() -> None:
    house = House().meter("main", "main", during(slice(10, 14), -400)).meter("fridge", "plug", 0)
    found = house.shares("shapley")
    assert (found.rest.kwh, found.parts[0].kwh) == (Decimal("-49.6"), 0)
    assert sum(amounts(found).values()) == found.shared.total == bill(LOW, OCTOBER, Usage(Decimal(0))).total


def test_where_nothing_was_taken_the_average_says_so() -> None:
    house = House().meter("main", "main", -400).meter("roof", "solar", -100)
    with pytest.raises(UsageInvalid, match="found none"):
        house.shares("average")


class TellsTelevision:
    """A tenth of a kWh an hour, all day."""

    def parts(self, history, site, use, metered) -> TellingParts:
        n = HOURS * 4
        taken = np.full(n, DWMS_PER_KWH // 40, np.int64)
        none, covered = np.zeros(n, np.int64), np.full(n, QUARTER_MS, np.int64)
        tv = Part("/television", Text("텔레비전", "TV"), "detected", taken, none, covered)
        starts = START_MS + np.array([0, 2, 5]) * DAY_MS
        return TellingParts(
            (tv,), {"/television": RunTimes(starts, starts + HOUR_MS)}, {"/television": 0.7}, None
        )


def test_a_detected_appliance_is_a_part_like_a_metered_one() -> None:
    found = two_plugs().shares("shapley", telling=TellsTelevision())
    told = {part.name: part for part in found.parts}
    tv = told["/television"]
    assert (tv.kwh, tv.source) == (Decimal("74.4"), "detected")
    assert tv.runs is not None
    assert (tv.f1, told["fridge/main"].f1) == (0.7, None)
    assert tv.runs.of_runs.runs == 3
    assert sum(run.amount for run in tv.runs.runs) + tv.runs.between == tv.amount
    assert tv.amount == told["fridge/main"].amount
    assert told["fridge/main"].runs is None
    assert found.rest.kwh == Decimal("223.2")
    assert sum(amounts(found).values()) == found.shared.total


def test_more_than_twelve_parts_are_estimated_and_always_alike() -> None:
    house = House().meter("main", "main", 1000)
    for n in range(13):
        house.meter(f"plug{n}", "plug", 20 + n)
    one, other = house.shares("shapley"), house.shares("shapley")
    assert one.shared == other.shared
    assert one.shared.method == "estimated"
    assert all(part.error is not None for part in one.parts)
    assert sum(amounts(one).values()) == one.shared.total
    assert house.shares("average").shared.method == "exact"


def test_where_bills_are_evaluated_one_by_one_fewer_parts_are_exact() -> None:
    house = House().meter("main", "main", 1000)
    for n in range(10):
        house.meter(f"plug{n}", "plug", 20 + n)
    demand = prepare(TariffBook().load("kr.kepco.general.a2"), OCTOBER, {"contract_kw": "50"})
    assert house.shares("shapley").shared.method == "exact"
    found = house.shares("shapley", prepared=demand)
    assert found.shared.method == "estimated"
    assert sum(amounts(found).values()) == found.shared.total


def test_while_the_main_meter_is_silent_a_roof_gives_nothing() -> None:
    """Nothing is billed for that time, so nothing is saved in it."""
    noon = during(slice(10, 14), -1000)
    house = House().meter("main", "main", 600, hours=HOURS // 2).meter("roof", "solar", noon)
    found = house.shares("marginal")
    assert (found.parts[0].kwh, found.parts[0].coverage) == (Decimal(-15 * 4 - 2), 1)
    assert found.use.kwh == found.parts[0].kwh + found.rest.kwh


def test_a_tariff_whose_numbers_are_too_long_for_arrays_is_billed_one_by_one() -> None:
    fine = 10**25
    use = Profile(START_MS, QUARTER_MS, np.full(96, 10**15, np.int64), None, fine)
    found = cut(
        use,
        np.full(96, QUARTER_MS, np.int64),
        [Part("a", Text("a", "a"), "metered", use.import_energy // 2, *[np.zeros(96, np.int64)] * 2)],
    )
    for prepared in (prepare(LOW, OCTOBER), prepare(BY_THE_HOUR, OCTOBER, OPTIONS)):
        costs = costs_of_parts(prepared, found, closed=False)
        kwh = Decimal(96 * 10**15) / fine
        expected = prepared.total(Usage(kwh, use, partial=True))
        assert costs.totals(np.ones((1, 2), np.bool_)) == [expected]


def test_parts_of_other_intervals_or_of_one_name_are_refused() -> None:
    zeros = np.zeros(4, np.int64)
    use = Profile(START_MS, QUARTER_MS, zeros)
    one = Part("a", Text("a", "a"), "metered", zeros, zeros, zeros)
    with pytest.raises(UsageInvalid, match="no other part"):
        cut(use, zeros, [one, one])
    with pytest.raises(UsageInvalid, match="no other part"):
        cut(use, zeros, [replace(one, name="rest")])
    with pytest.raises(UsageInvalid, match="expected 4 intervals"):
        cut(use, zeros, [replace(one, taken=np.zeros(3, np.int64))])


def test_a_part_is_called_by_its_shortest_name_and_by_both_where_two_are_alike() -> None:
    house = House().meter("main", "main", 900).meter("rice_cooker", "plug", 1)
    house.meter("panel/oven", "circuit", 2).meter("a/lamp", "plug", 3).meter("b/lamp", "plug", 4)
    labels = {part.name: part.label.en for part in house.shares("average").parts}
    assert labels == {
        "rice_cooker/main": "rice cooker",
        "panel/oven": "oven",
        "a/lamp": "a lamp",
        "b/lamp": "b lamp",
    }


def asked(house: House, tmp_path, query: str, **changes: object) -> httpx.Response:
    site = replace(house.site, **changes)
    tariffs = book(tmp_path)
    app = FastAPI()
    app.state.parts = SimpleNamespace(
        access=Access(SimpleNamespace(names=list), None),
        sites=SimpleNamespace(site=lambda _: site),
        history=house.history,
        billing=billing(house.history, tariffs.load),
        now_ms=lambda: END_MS + DAY_MS,
        telling=None,
    )
    app.include_router(shares.router)
    answers.install(app)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            return await http.get(f"/sites/1/bill/shares{query}")

    return asyncio.run(ask())


def test_the_api_tells_every_part_in_both_languages(tmp_path) -> None:
    told = asked(two_plugs(), tmp_path, "?date=2026-10-05&rule=shapley").json()
    assert (told["rule"], told["method"], told["currency"]) == ("shapley", "exact", "KRW")
    assert told["period"] == {
        "start": "2026-10-01",
        "end": "2026-11-01",
        "closed": True,
        "until_ms": END_MS,
        "days": 31.0,
    }
    assert told["parts"][0] == {
        "part": "laundry/dryer",
        "label": {"ko": "dryer", "en": "dryer"},
        "source": "metered",
        "kwh": 155.0,
        "amount": told["parts"][0]["amount"],
        "error": None,
        "coverage": 1.0,
        "f1": None,
        "runs": None,
    }
    assert told["rest"]["label"] == {"ko": "나머지", "en": "Everything else"}
    paid = [*told["parts"], told["rest"]]
    assert sum(Decimal(part["amount"]) for part in paid) == Decimal(told["total"])
    assert sum(part["kwh"] for part in paid) == pytest.approx(told["kwh"])


def test_a_site_without_parts_has_only_its_rest(tmp_path) -> None:
    told = asked(House().meter("main", "main", 500), tmp_path, "?date=2026-10-05").json()
    assert (told["rule"], told["parts"], told["rest"]["amount"]) == ("average", [], told["total"])


@pytest.mark.parametrize(
    ("query", "tariff", "said"),
    [
        ("?rule=fair", LOW.id, "does not fit"),
        ("?date=tomorrow", LOW.id, "does not fit"),
        ("?date=2026-10-05", "kr.test.residential.market", "day_ahead"),
    ],
)
def test_a_question_without_an_answer_says_why(tmp_path, query: str, tariff: str, said: str) -> None:
    answer = asked(two_plugs(), tmp_path, query, tariff=tariff)
    assert answer.status_code == 422
    assert said in answer.json()["error"]["message"]


def test_a_period_without_a_measurement_has_shares_of_its_base_charge(tmp_path) -> None:
    for query in ("?date=2026-09-05", "?date=2027-09-05"):
        for rule in RULES:
            told = asked(two_plugs(), tmp_path, f"{query}&rule={rule}").json()
            assert told["kwh"] == 0
            paid = [*told["parts"], told["rest"]]
            assert sum(Decimal(part["amount"]) for part in paid) + Decimal(told["difference"]) == Decimal(
                told["total"]
            )


@pytest.fixture
def data(tmp_path):
    run = CliRunner()
    times = [f"2026-10-01T{h:02}:{m:02}:00+09:00" for h in range(10) for m in range(60)]
    for meter, watts in (("main", 1000), ("kettle", 400)):
        file = tmp_path / f"{meter}.csv"
        file.write_text("time,power_w\n" + "".join(f"{t},{watts}\n" for t in times), encoding="utf-8")
        words = ["import", str(file), "--meter", meter, "--hold", "60", "--data", str(tmp_path / "data")]
        assert run.invoke(command_line, words).exit_code == 0
    return tmp_path / "data"


def test_the_command_shows_parts_rest_and_total(data) -> None:
    from chowon.store.opening import open_store

    store = open_store(data)
    (site,) = store.sites.sites()
    plugged = tuple(replace(c, role="plug") if c.key.meter == "kettle" else c for c in site.channels)
    store.sites.configure(replace(site, channels=plugged))
    store.close()
    words = ["bill", "shares", "--data", str(data), "--date", "2026-10-05"]
    told = json.loads(CliRunner().invoke(command_line, [*words, "--json"]).stdout)
    assert told["parts"][0]["part"] == "kettle/main"
    assert told["parts"][0]["kwh"] == pytest.approx(0.4 * told["kwh"])
    shown = CliRunner().invoke(command_line, [*words, "--rule", "marginal", "--lang", "en"])
    for text in ("kettle", "Everything else", "not caused by one part alone", "Total"):
        assert text in shown.stdout
    assert "known for" in shown.stderr
    assert "나머지" in CliRunner().invoke(command_line, words).stdout
