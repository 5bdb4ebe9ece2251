"""No energy comes from nowhere: what a battery, a roof or a car does to a use."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.bill import Profile
from chowon.domain.quantities import DAY_MS, HOUR_MS, QUARTER_MS
from chowon.domain.sun import SUNSHINE, Place, Roof, production
from chowon.domain.what_if import (
    Battery,
    Charging,
    by_price,
    like_the_use,
    units,
    with_battery,
    with_charging,
    with_solar,
    without,
)

START_MS = 1_790_000_100_000 // HOUR_MS * HOUR_MS
SEOUL = Place(37.57, 126.98, SUNSHINE["Asia/Seoul"])
NET = st.lists(st.integers(-3000, 3000), min_size=1, max_size=60)
BATTERIES = st.builds(
    Battery,
    st.decimals(0, 20, places=2),
    st.decimals(0, 8, places=2),
    st.decimals("0.01", 1, places=3),
)


def profile(net: list[int]) -> Profile:
    """Quarters in Wh."""
    flows = np.array(net, np.int64)
    return Profile(START_MS, QUARTER_MS, np.maximum(flows, 0), np.maximum(-flows, 0))


def net_of(use: Profile) -> np.ndarray:
    return use.import_energy - (0 if use.export_energy is None else use.export_energy)


def never_both(use: Profile) -> bool:
    return use.export_energy is None or not (use.import_energy * use.export_energy).any()


@given(NET, BATTERIES, st.data())
@settings(deadline=None)
def test_a_battery_gives_back_what_it_took_less_its_loss_and_nothing_else(net, battery, data):
    use = profile(net)
    flags = st.none() | st.lists(st.booleans(), min_size=len(net), max_size=len(net))
    done = with_battery(use, battery, data.draw(flags), data.draw(flags))
    gained = Fraction(battery.efficiency) * int(done.charged.sum()) - int(done.discharged.sum())
    assert 0 <= gained - done.left < 1
    assert (net_of(done.profile) - net_of(use) == done.charged - done.discharged).all()
    held = Fraction(0)
    for taken, given_back in zip(done.charged.tolist(), done.discharged.tolist(), strict=True):
        assert not (taken and given_back)
        assert max(taken, given_back) <= battery.kw * 250
        held += Fraction(battery.efficiency) * taken - given_back
        assert 0 <= held <= units(battery.kwh, use)
    assert never_both(done.profile)


@given(NET, BATTERIES, st.data())
@settings(deadline=None)
def test_a_battery_never_gives_to_the_grid(net, battery, data):
    use = profile(net)
    flags = st.lists(st.booleans(), min_size=len(net), max_size=len(net))
    done = with_battery(use, battery, data.draw(st.none() | flags), data.draw(st.none() | flags))
    assert done.profile.export_energy is not None
    assert use.export_energy is not None
    assert (done.profile.export_energy <= use.export_energy).all()


@given(st.lists(st.decimals(0, 500, places=1), min_size=1, max_size=96), BATTERIES)
def test_by_price_a_battery_gives_only_where_its_loss_is_paid(prices, battery):
    charges, discharges = by_price(prices, [0] * len(prices), battery, QUARTER_MS)
    paid = max((p for p, yes in zip(prices, charges, strict=True) if yes), default=None)
    for price, charge, discharge in zip(prices, charges, discharges, strict=True):
        assert not (charge and discharge)
        if discharge and paid is not None:
            assert price * battery.efficiency > paid


@given(NET, st.floats(-60, 60), st.floats(-180, 180), st.floats(0, 360), st.floats(0, 90))
@settings(deadline=None)
def test_a_roof_of_0_kwp_changes_nothing(net, latitude, longitude, azimuth, tilt):
    use = profile(net)
    made = production(
        Place(latitude, longitude), Roof(0, azimuth, tilt), START_MS, QUARTER_MS, len(use), 1000
    )
    assert with_solar(use, made) is use


@given(NET, st.floats(-60, 60), st.floats(-180, 180), st.floats(0, 360), st.floats(0, 90))
@settings(deadline=None)
def test_solar_moves_the_net_by_what_it_gives_and_is_never_more_than_its_panels(
    net, latitude, longitude, azimuth, tilt
):
    use = profile(net)
    made = production(
        Place(latitude, longitude), Roof(3, azimuth, tilt), START_MS, QUARTER_MS, len(use), 1000
    )
    then = with_solar(use, made)
    assert (net_of(then) == net_of(use) - made).all()
    assert never_both(then) or not made.any()
    assert (made >= 0).all()
    assert (made <= 3 * 250 * 1.45).all()


@given(NET, st.data())
def test_an_appliance_spread_like_the_use_takes_off_exactly_its_kwh(net, data):
    use = profile(net)
    wh = data.draw(st.integers(0, int(use.import_energy.sum())))
    part = like_the_use(use, Decimal(wh) / 1000)
    then = without(use, part)
    assert int(part.sum()) == wh
    assert ((part >= 0) & (part <= use.import_energy)).all()
    assert int(then.import_energy.sum()) == int(use.import_energy.sum()) - wh


@given(st.data(), st.integers(0, 1439), st.integers(0, 1440), st.integers(1, 12))
def test_a_car_adds_exactly_its_kwh_each_day_whenever_it_charges(data, begins, ends, days):
    begins, ends = begins // 15 * 15, ends // 15 * 15
    length = ends - begins if ends > begins else ends - begins + 1440
    kw = Decimal(7)
    wh = data.draw(st.integers(0, 7000 * length // 60))
    car = Charging(Decimal(wh) / 1000, begins, ends, kw)
    n = days * 96
    use = profile([100] * n)
    sessions = [
        (START_MS + d * DAY_MS + begins * 60_000, START_MS + d * DAY_MS + (begins + length) * 60_000)
        for d in range(days)
    ]
    then = with_charging(use, car, sessions)
    added = then.import_energy - use.import_energy
    assert int(added.sum()) == wh * days
    assert (added >= 0).all()
    assert (added <= 1750).all()


def test_a_south_roof_in_seoul_gives_what_koreas_roofs_give_in_a_year() -> None:
    """Capacity factors of small Korean plants are about 14 to 15.5 %."""
    days = (date(2027, 1, 1) - date(2026, 1, 1)).days
    new_year_ms = 1_767_193_200_000
    made = production(SEOUL, Roof(1), new_year_ms, QUARTER_MS, days * 96, 1000)
    assert 0.14 * 8760 < made.sum() / 1000 < 0.155 * 8760


def test_an_east_roof_gives_in_the_morning_and_a_west_roof_in_the_afternoon() -> None:
    midnight_ms = 1_792_508_400_000 // HOUR_MS * HOUR_MS  # of 21 October 2026 in Seoul
    east = production(SEOUL, Roof(1, 90, 45), midnight_ms, HOUR_MS, 24, 1000)
    west = production(SEOUL, Roof(1, 270, 45), midnight_ms, HOUR_MS, 24, 1000)
    assert east[:12].sum() > 1.5 * east[12:].sum()
    assert west[12:].sum() > 1.5 * west[:12].sum()
    assert not east[:5].any()
    assert not east[20:].any()
