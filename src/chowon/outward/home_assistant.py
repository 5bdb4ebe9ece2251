"""What Home Assistant is told of a site: one discovery message a sensor, and one message with all values.

Facts: home-assistant.io/integrations/mqtt (discovery topic and payload), …/sensor.mqtt (keys, "None" is
unknown, last_reset_value_template only beside state class `total`); developers.home-assistant.io/docs/core/
entity/sensor (device classes, their units and state classes; `monetary` takes `total` only, in an ISO 4217
unit; a falling `total_increasing` is taken for a new meter).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from chowon.domain.bill import number_text
from chowon.domain.quantities import DWMS_PER_WH
from chowon.domain.sites import Site
from chowon.domain.tariff import Text
from chowon.live.view import Now
from chowon.outward.mqtt_out import OFFLINE, ONLINE

Language = Literal["ko", "en"]
ORIGIN: Final = "chowon"
"""By which a reader of discovery messages knows ours"""
_DWMS_PER_MILLIWH: Final = DWMS_PER_WH // 1000
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor of every site."""

    key: str
    """Its part of the unique id, never changed: Home Assistant knows the sensor by it"""
    name: Text
    unit: str | None
    """"{currency}" stands for the site's currency"""
    device_class: str | None
    state_class: str | None
    reset: str | None = None
    """The value that says since when a `total` counts"""
    of_tiers: bool = False
    """Only where the tariff has tiers"""
    digits: int | None = None
    """After the point, as Home Assistant shows it at first"""


SENSORS: Final = (
    Sensor("power", Text("전력", "Power"), "W", "power", "measurement", digits=0),
    Sensor("import", Text("누적 사용량", "Energy used"), "kWh", "energy", "total_increasing", digits=2),
    Sensor("export", Text("누적 역송량", "Energy returned"), "kWh", "energy", "total_increasing", digits=2),
    Sensor(
        "today", Text("오늘 사용량", "Energy today"), "kWh", "energy", "total", reset="today_since", digits=2
    ),
    Sensor("today_cost", Text("오늘 요금", "Cost today"), "{currency}", "monetary", "total", "today_since"),
    Sensor(
        "period",
        Text("이번 기간 사용량", "Energy this period"),
        "kWh",
        "energy",
        "total",
        reset="period_since",
        digits=1,
    ),
    Sensor(
        "cost", Text("이번 기간 요금", "Cost this period"), "{currency}", "monetary", "total", "period_since"
    ),
    Sensor("forecast", Text("예상 요금", "Expected bill"), "{currency}", "monetary", None),
    Sensor("price", Text("다음 1 kWh 가격", "Price of the next kWh"), "{currency}/kWh", None, "measurement"),
    Sensor("tier", Text("누진 단계", "Tier"), None, None, None, of_tiers=True),
    Sensor(
        "tier_left",
        Text("다음 단계까지", "Left in this tier"),
        "kWh",
        None,
        "measurement",
        of_tiers=True,
        digits=1,
    ),
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are published."""

    discovery: str
    """Home Assistant's discovery prefix"""
    topic: str
    status: str
    """Where "online" and "offline" stand"""

    def config(self, site: Site, sensor: Sensor) -> str:
        """The topic of a sensor's discovery message."""
        return f"{self.discovery}/sensor/{node(site)}/{sensor.key}/config"

    def state(self, site: Site) -> str:
        """The topic of a site's values."""
        return f"{self.topic}/{site.key}/state"


def node(site: Site) -> str:
    """The site's name where a discovery topic takes letters, digits, _ and - only; another for each site."""
    return f"chowon_{site.key.replace('.', 'X')}"  # keys have no capital letters


def discovery(
    site: Site, sensor: Sensor, currency: str, places: Places, language: Language, version: str
) -> bytes:
    """What announces a sensor, to be retained; an empty payload in its place withdraws it."""
    told: dict[str, Any] = {
        "name": sensor.name.to(language),
        "unique_id": f"{node(site)}_{sensor.key}",
        "default_entity_id": f"sensor.{node(site).replace('-', '_').lower()}_{sensor.key}",
        "state_topic": places.state(site),
        "value_template": f"{{{{ value_json.{sensor.key} }}}}",
        "availability_topic": places.status,
        "payload_available": ONLINE.decode(),
        "payload_not_available": OFFLINE.decode(),
        "device": {
            "identifiers": [node(site)],
            "name": site.name,
            "manufacturer": "chowon",
            "model": {"ko": "전력 계량", "en": "Electricity"}[language],
            "sw_version": version,
        },
        "origin": {"name": ORIGIN, "sw_version": version},
    }
    more = {
        "unit_of_measurement": None if sensor.unit is None else sensor.unit.format(currency=currency),
        "device_class": sensor.device_class,
        "state_class": sensor.state_class,
        "suggested_display_precision": sensor.digits,
        "last_reset_value_template": sensor.reset and f"{{{{ value_json.{sensor.reset} }}}}",
    }
    return _encode(told | {key: value for key, value in more.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Counted:
    """A site's lifetime energy as it is published: it never falls."""

    import_milliwh: int
    export_milliwh: int

    @classmethod
    def of(cls, import_dwms: int, export_dwms: int) -> "Counted":
        """From sums in dWms, whole mWh that are over."""
        return cls(import_dwms // _DWMS_PER_MILLIWH, export_dwms // _DWMS_PER_MILLIWH)

    def at_least(self, before: "Counted | None") -> "Counted":
        """This, or what was said before where that was more: a counter that falls looks like a new meter."""
        if before is None:
            return self
        return Counted(
            max(self.import_milliwh, before.import_milliwh), max(self.export_milliwh, before.export_milliwh)
        )


def state(now: Now | None, counted: Counted | None, forecast: Decimal | None) -> bytes:
    """All values of a site, those of `SENSORS` and since when they count; null is unknown.

    now: None where the site cannot be read at all, for instance because of its tariff.
    """
    values: dict[str, Any] = {s.key: None for s in SENSORS} | {"today_since": None, "period_since": None}
    if counted is not None:
        values["import"] = _kwh(counted.import_milliwh)
        values["export"] = _kwh(counted.export_milliwh)
    if now is not None:
        values |= {
            "power": now.power_w,
            "today": now.today.kwh,
            "today_cost": _money(now.today.cost),
            "today_since": _instant(now.today.from_ms),
            "period": now.period.kwh,
            "cost": _money(now.period.cost),
            "period_since": _instant(now.period.from_ms),
            "forecast": _money(forecast),
            "price": _money(now.marginal_price),
        }
        if now.tier is not None:
            values |= {"tier": now.tier.index, "tier_left": now.tier.distance_kwh}
    return _encode(values)


def _kwh(milliwh: int) -> float:
    return milliwh / 10**6


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else number_text(amount)


def _instant(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat()
