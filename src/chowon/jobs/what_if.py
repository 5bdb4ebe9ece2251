"""A site's bill as it would have been: without an appliance, with solar, a battery, a car, another tariff."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from chowon.domain.bill import Bill, Prepared, Profile
from chowon.domain.clock import day_starts_ms
from chowon.domain.price_course import price_course
from chowon.domain.quantities import QUARTER_MS
from chowon.domain.sun import ORDINARY_SUNSHINE, Place, Roof, production
from chowon.domain.tariff import Text
from chowon.domain.what_if import (
    Battery,
    Charging,
    Plan,
    Stored,
    by_price,
    like_the_use,
    with_battery,
    with_charging,
    with_solar,
    without,
)
from chowon.errors import UsageInvalid
from chowon.jobs.period_use import PeriodUse, energy_kwh


@dataclass(frozen=True, slots=True)
class Changes:
    """What would be different. They are made in this order."""

    without_kwh: Decimal | None = None
    """An appliance's kWh, spread like the use itself"""
    charging: Charging | None = None
    solar: tuple[Place, Roof] | None = None
    battery: tuple[Battery, Plan] | None = None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The bill as it is and as it would be."""

    now: Bill
    then: Bill
    now_kwh: Decimal
    then_kwh: Decimal
    then_export_kwh: Decimal
    assumes: tuple[Text, ...]


def what_if(
    use: PeriodUse, timezone: str, now: Prepared, then: Prepared, changes: Changes, place_is_the_citys: bool
) -> WhatIf:
    """The bill of a use under `now`, and of the changed use under `then`.

    place_is_the_citys: whether the roof's place was only known by time zone. Errors: UsageInvalid.
    """
    _check(use, now, then)
    assumes: list[Text] = []
    profile = use.profile
    if changes.without_kwh is not None:
        profile = without(profile, like_the_use(profile, changes.without_kwh))
        assumes.append(
            Text(
                "그 기기는 집 전체와 같은 시간에 썼다고 봐요",
                "the appliance was used when the home's use was",
            )
        )
    if changes.charging is not None:
        days = [use.period.start + timedelta(days=n) for n in range(use.days_gone)]
        profile = with_charging(profile, changes.charging, _sessions(changes.charging, days, timezone))
        assumes.append(
            Text(
                f"차는 하루 한 번, 시작 시각부터 끝까지 같은 세기로 충전해요 (지난 {len(days)}일)",
                f"the car charges once a day, at full power from the start on ({len(days)} days gone by)",
            )
        )
    if changes.solar is not None:
        profile = _sunny(use, profile, *changes.solar)
        assumes += _solar_words(changes.solar[0], place_is_the_citys)
    if changes.battery is not None:
        profile = _stored(profile, *changes.battery, timezone, then, assumes)
    if use.coverage < 1:
        assumes.append(
            Text(
                "측정되지 않은 시간은 양쪽 모두 빼고 계산해요",
                "time without measurement counts on neither side",
            )
        )
    then_kwh, export_kwh = energy_kwh(profile)
    bills = use.bill(now), use.bill(then, profile)
    return WhatIf(*bills, use.kwh, then_kwh, export_kwh, tuple(assumes))


def _check(use: PeriodUse, now: Prepared, then: Prepared) -> None:
    other = then.tariff
    if other.currency != now.tariff.currency:
        raise UsageInvalid(
            f"tariff: {other.id} is in {other.currency}; expected one in {now.tariff.currency}"
        )
    starts = day_starts_ms(use.period.start, use.period.end, ZoneInfo(other.timezone))
    if (starts != use.day_starts_ms).any():
        raise UsageInvalid(
            f"tariff: {other.id} counts days by {other.timezone}; expected one whose days begin as the site's"
        )


def _sessions(charging: Charging, days: list[date], timezone: str) -> list[tuple[int, int]]:
    zone = ZoneInfo(timezone)

    def at(day: date, minute: int) -> int:
        wall = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)
        return round(wall.timestamp() * 1000)

    length = charging.window_min
    return [(at(day, charging.from_min), at(day, charging.from_min + length)) for day in days]


def _sunny(use: PeriodUse, profile: Profile, place: Place, roof: Roof) -> Profile:
    """What the roof gives counts where the use is known, by its share of each quarter."""
    made = production(place, roof, profile.start_ms, profile.step_ms, len(profile), profile.per_kwh)
    share = use.known_ms / QUARTER_MS
    return with_solar(profile, (made * share).astype(made.dtype))


def _solar_words(place: Place, place_is_the_citys: bool) -> list[Text]:
    words = [
        Text(
            "이곳의 평년 일조 시간을 몰라서, 날마다 해가 떠 있는 시간의 절반이 맑다고 봐요. "
            "그날의 날씨는 들어 있지 않아요",
            "its ordinary hours of sunshine are not known: every day the sun shines for half the daylight; "
            "no day's own weather is in it",
        )
        if place.sunshine == ORDINARY_SUNSHINE
        else Text(
            "햇빛은 그달의 보통 일조량으로 날마다 같게 봐요. 그날의 날씨는 들어 있지 않아요",
            "every day has its month's ordinary sunshine; no day's own weather is in it",
        ),
        Text("설비 손실 14 %, 인버터 효율 96 %", "system losses 14 %, inverter 96 %"),
    ]
    if place_is_the_citys:
        at = f"{place.latitude:.2f}° N, {place.longitude:.2f}° E"
        words.append(
            Text(
                f"위치는 시간대의 대표 도시예요 ({at})", f"the place is its time zone's principal city ({at})"
            )
        )
    return words


def _stored(
    profile: Profile, battery: Battery, plan: Plan, timezone: str, then: Prepared, assumes: list[Text]
) -> Profile:
    loss = f"{(1 - battery.efficiency) * 100:.0f} %"
    assumes.append(
        Text(
            f"배터리는 비어 있는 채로 시작하고, 넣은 전기의 {loss}를 잃고, 전력망으로 내보내지 않아요",
            f"the battery starts empty, loses {loss} of what it takes, and gives nothing to the grid",
        )
    )
    if plan == "self_use":
        assumes.append(
            Text(
                "남는 태양광을 담아 두었다가 쓸 때 바로 내줘요",
                "it keeps surplus and covers the use when it can",
            )
        )
        return _left(with_battery(profile, battery, None, None), assumes)
    prices = price_course(then, profile.start_ms, profile.step_ms, len(profile))
    if len(set(prices)) == 1:
        assumes.append(
            Text(
                "이 요금제는 시간마다 값이 같아 값에 따라 옮길 것이 없어요",
                "all hours cost the same under this tariff",
            )
        )
    else:
        assumes.append(
            Text(
                "날마다 가장 싼 시간에 담고, 손실을 치르고도 이로울 때만 가장 비싼 시간에 내줘요",
                "each day it fills in the cheapest hours and gives in the dearest, where that pays its loss",
            )
        )
    charges, discharges = by_price(prices, _days(profile, timezone), battery, profile.step_ms)
    return _left(with_battery(profile, battery, charges, discharges), assumes)


def _left(stored: Stored, assumes: list[Text]) -> Profile:
    if stored.left:
        kwh = f"{stored.left / stored.profile.per_kwh:.1f} kWh"
        assumes.append(
            Text(f"기간이 끝날 때 {kwh}가 배터리에 남아요", f"when the period ends, {kwh} are left in it")
        )
    return stored.profile


def _days(profile: Profile, timezone: str) -> list[int]:
    """(n,) the local day of each interval, as a number."""
    zone = ZoneInfo(timezone)
    starts = (profile.start_ms + n * profile.step_ms for n in range(len(profile)))
    return [datetime.fromtimestamp(ms / 1000, zone).toordinal() for ms in starts]
