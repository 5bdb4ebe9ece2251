"""What a model tells of a site's kinds of appliances, as GET /now and the live socket tell it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from chowon.domain.clock import midnight_ms
from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import LiveValue
from chowon.domain.tariff import Text
from chowon.live.appliances.keeping_up import Latest
from chowon.live.appliances.minutes import best_of
from chowon.live.appliances.price import Price

_MINUTES_AN_HOUR = 60


@dataclass(frozen=True, slots=True)
class KindNow:
    """One kind of appliance, of which a model tells."""

    kind: str
    label: Text
    power_w: float
    """In the newest interval"""
    today_wh: float
    """Since local midnight: settled where it is, else as it was told at once"""
    today_minutes: int
    """In which it took anything"""
    today_cost: Decimal | None
    """At what the next kWh costs"""


@dataclass(frozen=True, slots=True)
class KindsNow:
    """Kinds and rest are the mean power of the mains, less what other meters tell."""

    end_ms: int
    """Of the newest interval that was told"""
    step_ms: int
    rest_w: float
    kinds: tuple[KindNow, ...]
    """Those that took anything today, or do now"""


def since_ms(now_ms: int, timezone: str) -> int:
    """Local midnight."""
    zone = ZoneInfo(timezone)
    return midnight_ms(datetime.fromtimestamp(now_ms / 1000, zone).date(), zone)


def kinds_now(
    latest: Latest,
    today: Mapping[LiveValue, Mapping[str, Power]],
    price: Price | None,
    label: Callable[[str], Text],
) -> KindsNow:
    """today: by minute."""
    found = []
    for kind in today["settled"]:
        power, watts = best_of(today, kind), latest.power_w[kind]
        used_wh = round(float(power.power_w.sum()) / _MINUTES_AN_HOUR, 1)
        if watts or used_wh:
            minutes = int((power.power_w > 0).sum())
            cost = None if price is None else price.of(used_wh)
            found.append(KindNow(kind, label(kind), watts, used_wh, minutes, cost))
    return KindsNow(latest.end_ms, latest.step_ms, latest.rest_w, tuple(found))
