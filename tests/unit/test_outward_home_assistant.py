"""The messages for Home Assistant, against the rules that it documents (tests/home_assistant.py)."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.tariff import Text
from chowon.outward.home_assistant import SENSORS, Counted, Places, discovery, node, state
from chowon.outward.memo import NAME, Memo, Watched
from chowon.registry import TariffBook
from tests.home_assistant import UNITS, problems, rendered
from tests.unit.test_live_service import HOME, House

PLACES = Places("homeassistant", "chowon/ha", "chowon/ha/status")
KEYS = st.text("abcdefghijklmnopqrstuvwxyz0123456789_.-", min_size=1, max_size=64)


def configs(site=HOME, currency="KRW", language="ko"):
    return {
        PLACES.config(site, sensor): json.loads(discovery(site, sensor, currency, PLACES, language, "0.1.0"))
        for sensor in SENSORS
    }


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_sensor_is_one_that_home_assistant_takes_in_every_currency_of_a_tariff(language):
    book = TariffBook()
    currencies = {book.load(tariff).currency for tariff in book.ids()}
    assert currencies <= UNITS["monetary"]
    for currency in currencies:
        for topic, config in configs(currency=currency, language=language).items():
            assert problems(topic, config) == []


def test_what_the_energy_page_asks_for_is_there():
    by_key = {config["unique_id"]: config for config in configs().values()}
    for counter in ("import", "export"):
        config = by_key[f"chowon_home_{counter}"]
        assert (config["device_class"], config["state_class"]) == ("energy", "total_increasing")
        assert config["unit_of_measurement"] == "kWh"
    cost, price = by_key["chowon_home_cost"], by_key["chowon_home_price"]
    assert (cost["device_class"], cost["state_class"], cost["unit_of_measurement"]) == (
        "monetary",
        "total",
        "KRW",
    )
    assert "device_class" not in price  # `monetary` takes a currency only
    assert price["unit_of_measurement"] == "KRW/kWh"


@given(st.lists(KEYS, min_size=2, max_size=2, unique=True))
def test_ids_and_topics_of_two_sites_are_never_the_same(keys):
    one, two = (configs(replace(HOME, key=key)) for key in keys)
    assert not one.keys() & two.keys()
    assert not {c["unique_id"] for c in one.values()} & {c["unique_id"] for c in two.values()}
    for topic, config in (one | two).items():
        assert problems(topic, config) == []


def test_a_name_stays_what_it_is_and_a_new_name_of_the_site_changes_the_device_only():
    renamed = configs(replace(HOME, name="별장"))
    assert renamed.keys() == configs().keys()
    for topic, config in configs().items():
        assert renamed[topic]["unique_id"] == config["unique_id"]
        assert renamed[topic]["device"]["name"] == "별장"
    assert [s.key for s in SENSORS] == [
        "power", "import", "export", "today", "today_cost", "period", "cost", "forecast", "price", "tier",
        "tier_left",
    ]  # fmt: skip
    assert node(HOME) == "chowon_home"


async def test_every_value_is_what_the_api_says_and_unknown_is_unknown():
    house = House()
    await house.live.start()
    house.use(3600, 1001)
    now = await house.now()
    payload = state(now, Counted(1_234_567, 8), Decimal(70640))
    values = {s.key: rendered(f"{{{{ value_json.{s.key} }}}}", payload) for s in SENSORS}
    assert values == {
        "power": "3600.0",
        "import": "1.234567",
        "export": "8e-06",
        "today": "1.0",
        "today_cost": format(now.today.cost, "f"),
        "period": "1.0",
        "cost": format(now.period.cost, "f"),
        "forecast": "70640",
        "price": format(now.marginal_price, "f"),
        "tier": "1",
        "tier_left": "199.0",
    }
    assert all(float(value) >= 0 for value in values.values())
    nothing = state(None, None, None)
    assert {rendered(f"{{{{ value_json.{s.key} }}}}", nothing) for s in SENSORS} == {"None"}
    no_money = replace(
        now,
        no_cost=Text("", ""),
        marginal_price=None,
        tier=None,
        power_w=None,
        today=replace(now.today, cost=None),
        period=replace(now.period, cost=None),
    )
    told = json.loads(state(no_money, None, None))
    assert [told[k] for k in ("power", "cost", "today_cost", "price", "tier")] == [None] * 5
    assert told["today"] == 1.0


async def test_what_was_said_lasts_over_a_restart_and_a_broken_file_is_begun_anew(tmp_path, caplog):
    memo = Memo(tmp_path)
    memo.noted.topics = ["a", "b"]
    memo.noted.counters["home"] = (5, 6)
    memo.noted.watched = {"home": Watched("2026-11-01", 2, ["main"])}
    await memo.save()
    again = Memo(tmp_path).noted
    assert again == memo.noted
    (tmp_path / NAME).write_bytes(b'{"topics": 5')
    assert Memo(tmp_path).noted.topics == []
    assert NAME in caplog.text


async def test_a_disk_that_takes_nothing_is_told_and_stops_nothing(tmp_path, caplog):
    memo = Memo(tmp_path / "gone")
    memo.noted.topics = ["a"]
    await memo.save()
    assert "cannot be written" in caplog.text
    (tmp_path / "gone").mkdir()
    await memo.save()
    assert Memo(tmp_path / "gone").noted.topics == ["a"]
