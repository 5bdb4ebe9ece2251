"""/sites/{id}/appliances over HTTP."""

from pathlib import Path

import numpy as np
import pytest

from chowon import i18n
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.live.appliances.keeping_up import KindModel
from chowon.live.appliances.service import Appliances
from chowon.models.nilm.live import streams
from chowon.store.opening import open_store
from tests.appliances import START_MS
from tests.told import Served

HOURS = 3


class Home(Served):
    """A kettle of 2,000 W for two minutes every half hour over 60 W; the last one is still on."""

    def __init__(self, folder: Path) -> None:
        seconds = np.arange(HOURS * 3600 + 60)
        now_ms = START_MS + 1000 * int(seconds[-1])
        store = open_store(folder, now_ms=lambda: now_ms)
        channel = store.sites.register(ChannelKey("home", "main", "main"), 10_000)
        on = (seconds % 1800 // 120 == 5) | (seconds >= HOURS * 3600)
        power = np.where(on, 20_600, 600).astype(np.int32)
        store.journal.append(
            [Readings(np.full(len(seconds), channel.id, np.uint32), START_MS + 1000 * seconds, power)]
        )
        appliances = Appliances(
            store.history,
            store.appliances,
            i18n.appliance,
            lambda: now_ms,
            model=KindModel(*streams()),
        )
        super().__init__(store, now_ms, appliances)
        self.appliances = appliances

    async def opened(self) -> "Home":
        await self.live.start()
        await self.appliances.tick()
        return self


@pytest.fixture
async def home(tmp_path):
    home = await Home(tmp_path).opened()
    yield home
    home.store.close()


async def test_now_tells_what_the_power_is_made_of(home):
    now = await home.ask("GET", "/sites/1/now")
    parts = now["parts"]
    (kettle,) = parts.pop("running")
    assert parts == {
        "why": None,
        "time_ms": home.now_ms,
        "power_w": 2060.0,
        "always_on_w": 60.0,
        "always_on_hours": HOURS,
        "rest_w": 0.0,
        "given_w": 0.0,
        "metered": [],
        "kinds": parts["kinds"],
    }
    assert kettle["since_ms"] == START_MS + HOURS * 3_600_000
    assert (kettle["power_w"], kettle["first_w"], kettle["settled"], kettle["ask"]) == (
        2000,
        2000,
        True,
        True,
    )
    assert kettle["label"] is None
    (guess,) = kettle["guesses"]
    assert (guess["appliance"], guess["name"]) == (kettle["appliance"], None)
    assert float(kettle["cost"]) == pytest.approx(2 * 59 / 3600 * float(now["marginal_price"]), abs=0.1)


async def test_kinds_are_told_as_they_run_with_what_they_took_today(home):
    now = await home.ask("GET", "/sites/1/now")
    kinds = now["parts"]["kinds"]
    assert (kinds["end_ms"], kinds["step_ms"]) == (home.now_ms // 10_000 * 10_000, 10_000)
    assert sum(one["power_w"] for one in kinds["kinds"]) + kinds["rest_w"] == pytest.approx(2060, abs=1)
    (kettle,) = (one for one in kinds["kinds"] if one["kind"] == "kettle")
    assert kettle["label"]["ko"] == "전기 주전자"
    assert kettle["today_wh"] == pytest.approx(6 * 2000 / 30, rel=0.2)
    assert float(kettle["today_cost"]) == pytest.approx(
        kettle["today_wh"] / 1000 * float(now["marginal_price"]), abs=0.1
    )


async def test_kinds_of_the_day_are_told_by_minute_at_once_and_settled(home):
    told = await home.ask("GET", "/sites/1/appliances/kinds")
    assert (told["to_ms"] - told["from_ms"], told["step_ms"]) == (24 * 3_600_000, 60_000)
    (kettle,) = (one for one in told["kinds"] if one["kind"] == "kettle")
    assert 0.5 < kettle["f1"] < 1
    at = (START_MS + 10 * 60_000 - told["from_ms"]) // 60_000
    assert kettle["settled_w"][at + 1] > 1500
    assert kettle["settled_w"][at + 5] == 0
    assert kettle["kwh"] == pytest.approx(6 * 2 / 30, rel=0.2)
    assert float(kettle["cost"]) > 0
    assert kettle["settled_w"][0] is kettle["provisional_w"][0] is None
    assert kettle["settled_w"][-1] is None
    assert kettle["provisional_w"][-1] is not None
    assert len(kettle["settled_w"]) == len(kettle["provisional_w"]) == 24 * 60


async def test_appliances_are_listed_with_names_to_choose_from(home):
    told = await home.ask("GET", "/sites/1/appliances")
    (kettle,) = told["appliances"]
    assert (kettle["power_w"], kettle["lasts_s"], kettle["runs"], kettle["every_s"]) == (2000, 120, 6, 1800)
    assert kettle["kwh"] == pytest.approx(0.4)
    assert (kettle["name"], kettle["label"], kettle["not_mine"], kettle["worth_naming"]) == (
        None,
        None,
        False,
        True,
    )
    assert [one["id"] for one in kettle["clusters"]] == [kettle["id"]]
    rice_cooker = {"ko": "전기밥솥", "en": "Rice cooker"}
    assert {"name": "rice_cooker", "label": rice_cooker, "without": False} in told["names"]


async def test_runs_of_the_day_are_told_and_what_is_still_on(home):
    told = await home.ask("GET", "/sites/1/appliances/runs")
    assert len(told["runs"]) == 7
    past, on = told["runs"][0], told["runs"][-1]
    assert past["end_ms"] - past["since_ms"] == 120_000
    assert past["kwh"] == pytest.approx(2000 * 120 / 3.6e6, abs=0.0001)
    assert (past["ended"], on["end_ms"], on["ended"]) == ("fall", None, None)
    assert past["appliance"] == on["appliance"]
    assert float(past["cost"]) > 0


async def test_a_name_that_somebody_gave_is_kept_with_who_said_it(home):
    since_ms = START_MS + HOURS * 3_600_000
    await home.ask(
        "POST", "/sites/1/appliances/taps", {"tap": "name_run", "since_ms": since_ms, "name": "kettle"}
    )
    (running,) = (await home.ask("GET", "/sites/1/now"))["parts"]["running"]
    assert running["label"] == {"ko": "전기 주전자", "en": "Kettle"}
    told = await home.ask("GET", "/sites/1/appliances")
    number = told["appliances"][0]["id"]
    for name, label in (("할머니 포트", "할머니 포트"), ("kettle", "전기 주전자")):
        said = {"tap": "name", "appliance": number, "name": f" {name} "}
        told = await home.ask("POST", "/sites/1/appliances/taps", said)
        assert (told["appliances"][0]["name"], told["appliances"][0]["label"]["ko"]) == (name, label)
    taps = home.store.appliances.taps(1)
    assert [(type(one.tap).__name__, one.by) for one in taps] == [
        ("NameRun", "local"),
        ("Name", "local"),
        ("Name", "local"),
    ]
    assert home.store.appliances.homes()[1].known.names == {number: "kettle"}


@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        ({"tap": "name", "appliance": 77, "name": "x"}, 404, "appliance 77: not known"),
        ({"tap": "name", "appliance": 1, "name": "  "}, 422, "name"),
        ({"tap": "name", "appliance": 1, "name": "x" * 61}, 422, "name"),
        ({"tap": "name_run", "since_ms": 5, "name": "x"}, 404, "nothing that began at 5"),
        ({"tap": "merge", "appliance": 1, "other": 77}, 404, "appliance 77"),
        ({"tap": "split", "cluster": 0}, 422, "cluster"),
        ({"tap": "shout"}, 422, "tap"),
        ({"tap": "mine", "appliance": 1, "why": "so"}, 422, "why"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_reason(home, said, status, reason):
    answer = await home.ask("POST", "/sites/1/appliances/taps", said, status)
    assert reason in str(answer)
    assert home.store.appliances.taps(1) == []


async def test_a_site_that_is_not_there_and_a_server_that_follows_nothing_say_so(home):
    await home.ask("GET", "/sites/9/appliances", status=404)
    none = Served(home.store, home.now_ms)
    await none.live.start()
    assert (await none.ask("GET", "/sites/1/now"))["parts"] is None
    answer = await none.ask("GET", "/sites/1/appliances", status=404)
    assert "[appliances] tell" in str(answer)


async def test_what_a_site_has_not_is_kept_and_told_and_an_unknown_name_is_refused(home):
    assert (await home.ask("GET", "/sites/1"))["without"] == []
    changed = await home.ask("PATCH", "/sites/1", {"without": ["kettle", "dishwasher"]})
    assert changed["without"] == ["dishwasher", "kettle"]
    assert (await home.ask("PATCH", "/sites/1", {"name": "Home"}))["without"] == ["dishwasher", "kettle"]
    shares = await home.ask("GET", "/sites/1/bill/shares")
    assert [one["label"]["en"] for one in shares["without"]] == ["Dishwasher", "Kettle"]
    answer = await home.ask("PATCH", "/sites/1", {"without": ["dragon"]}, 422)
    assert "no appliance is called dragon" in str(answer)
    assert (await home.ask("PATCH", "/sites/1", {"without": []}))["without"] == []


@pytest.mark.parametrize("how", ["name", "name_run"])
async def test_what_is_named_is_there_though_people_had_said_that_there_is_none(home, how):
    def absent(told):
        return [one["name"] for one in told["names"] if one["without"]]

    await home.ask("PATCH", "/sites/1", {"without": ["kettle", "dishwasher"]})
    told = await home.ask("GET", "/sites/1/appliances")
    assert sorted(absent(told)) == ["dishwasher", "kettle"]
    what = (
        {"appliance": told["appliances"][0]["id"]}
        if how == "name"
        else {"since_ms": START_MS + HOURS * 3_600_000}
    )
    told = await home.ask("POST", "/sites/1/appliances/taps", {"tap": how, "name": "kettle", **what})
    assert absent(told) == ["dishwasher"]
    assert (await home.ask("GET", "/sites/1"))["without"] == ["dishwasher"]
    (running,) = (await home.ask("GET", "/sites/1/now"))["parts"]["running"]
    assert running["label"]["en"] == "Kettle"


@pytest.mark.parametrize(
    ("change", "scopes", "status"),
    [
        ({"without": ["dishwasher"]}, {"read", "write"}, 200),
        ({"without": ["dishwasher"]}, {"read"}, 401),
        ({"without": ["dishwasher"], "reading_day": 5}, {"read", "write"}, 401),
        ({"reading_day": 5}, {"read", "write"}, 401),
        ({}, {"read", "write"}, 401),
        ({"without": ["dishwasher"], "reading_day": 5}, {"admin"}, 200),
    ],
)
async def test_who_may_name_appliances_may_say_which_there_are_not_and_nothing_else_of_a_site(
    home, change, scopes, status
):
    token = home.store.tokens.issue("resident", frozenset(scopes))
    bearer = {"authorization": f"Bearer {token}"}
    answer = await home.http.request("PATCH", "/sites/1", json=change, headers=bearer)
    assert answer.status_code == status, answer.text
    site = home.store.sites.site(1)
    assert ("dishwasher" in site.without, site.reading_day) == (
        status == 200,
        5 if scopes == {"admin"} else 1,
    )
