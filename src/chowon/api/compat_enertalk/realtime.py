"""GET …/usages/realtime: the newest values, in the units of this surface."""

import asyncio
from math import hypot

import numpy as np
from fastapi import APIRouter, Request, Response

from chowon.api.compat_enertalk.answers import Thing, answer
from chowon.api.compat_enertalk.asked import USAGES, Part, PartAsked, id_of
from chowon.api.parts import parts_of
from chowon.domain.readings import QUANTITIES, absent_of
from chowon.errors import NotFound
from chowon.ports import History

router = APIRouter()


class Realtime(Thing, frozen=True):
    """The newest values of some channels together; null where one of them does not tell."""

    timestamp: int
    voltage: int | None
    """mV"""
    current: int | None
    """mA"""
    active_power: int | None
    """mW, below 0 when given to the grid"""
    billing_active_power: int | None
    """mW that the bill counts: what each channel takes, without what others give"""
    apparent_power: int | None
    """mVA"""
    reactive_power: int | None
    """mvar"""
    power_factor: float | None
    positive_energy: int | None
    """mWh, the meters' own counters"""
    negative_energy: int | None
    positive_energy_reactive: int | None
    negative_energy_reactive: int | None
    channel: str | None = None
    """Of a list of channels: which"""


def _mount(path: str) -> None:
    @router.get(f"{path}/realtime")
    async def realtime(request: Request, asked: PartAsked) -> Response:
        """The newest values."""
        history = parts_of(request).history
        told = [await asyncio.to_thread(_newest, history, part, asked.listed) for part in asked.parts]
        return answer([*told] if asked.listed else told[0])


for _path in USAGES:
    _mount(_path)


def _newest(history: History, part: Part, named: bool) -> Realtime:
    """Of each channel the newest value of each quantity, no older than its readings may stand for."""
    ids = [channel.id for channel in part.channels]
    last_ms = history.last_times(ids)
    if not last_ms:
        raise NotFound(f"site {part.site.key} has sent no reading of these channels yet")
    values = [_values(history, c.id, last_ms.get(c.id), c.hold_ms) for c in part.channels]
    power, reactive = _all(values, "power_dw"), _all(values, "reactive_dvar")
    current, voltage = _all(values, "current_ma"), _all(values, "voltage_dv")
    imported, exported = _all(values, "import_milliwh"), _all(values, "export_milliwh")
    apparent = _apparent_mva(power, reactive, voltage, current)
    power_mw = None if power is None else sum(power) * 100
    return Realtime(
        timestamp=max(last_ms.values()),
        voltage=None if voltage is None else round(sum(voltage) * 100 / len(voltage)),
        current=None if current is None else sum(current),
        active_power=power_mw,
        billing_active_power=None if power is None else sum(max(dw, 0) for dw in power) * 100,
        apparent_power=apparent,
        reactive_power=None if reactive is None else sum(reactive) * 100,
        power_factor=None if power_mw is None or not apparent else round(power_mw / apparent, 6),
        positive_energy=None if imported is None else sum(imported),
        negative_energy=None if exported is None else sum(exported),
        positive_energy_reactive=None,
        negative_energy_reactive=None,
        channel=id_of(ids[0]) if named else None,
    )


def _values(history: History, channel: int, last_ms: int | None, hold_ms: int) -> dict[str, int]:
    if last_ms is None:
        return {}
    readings = history.readings([channel], last_ms - hold_ms, last_ms + 1)
    found = {}
    for name in QUANTITIES:
        column = readings.column(name)
        told = np.zeros(0) if column is None else column[column != absent_of(name)]
        if len(told):
            found[name] = int(told[-1])
    return found


def _all(values: list[dict[str, int]], name: str) -> list[int] | None:
    """The quantity of each channel; None when one lacks it."""
    return [of[name] for of in values] if all(name in of for of in values) else None


def _apparent_mva(
    power_dw: list[int] | None,
    reactive_dvar: list[int] | None,
    voltage_dv: list[int] | None,
    current_ma: list[int] | None,
) -> int | None:
    """√(P² + Q²) of the sums; the sum of V·I where no reactive power is told."""
    if power_dw is not None and reactive_dvar is not None:
        return round(hypot(sum(power_dw), sum(reactive_dvar)) * 100)
    if voltage_dv is not None and current_ma is not None:
        return round(sum(v * i for v, i in zip(voltage_dv, current_ma, strict=True)) / 10)
    return None
