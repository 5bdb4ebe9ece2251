"""The replayed meter: publishes a recording over MQTT as a meter does, a message a second.

docs/reference/api.md describes topic and payload.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import msgspec

from chowon.domain.quantities import ABSENT_I32
from chowon.errors import MeterMisconfigured, shortened
from chowon.replay.link import Link
from chowon.replay.recording import MAIN, Samples

log = logging.getLogger(__name__)

ROWS_A_MESSAGE: Final = 600
"""Catching up, a message carries at most this many instants."""
_LAST_WAIT_S: Final = 5.0
_KEY: Final = re.compile(r"[a-z0-9_.-]{1,64}")


def topic(site: str, meter: str) -> str:
    """The topic on which a meter's readings are published. Errors: MeterMisconfigured."""
    for name in (site, meter):
        if not _KEY.fullmatch(name):
            raise MeterMisconfigured(f"site or meter {shortened(name)}: expected 1–64 of a-z 0-9 _ . -")
    return f"chowon/v1/{site}/{meter}"


def payloads(samples: Samples, rows: int = ROWS_A_MESSAGE) -> Iterator[tuple[bytes, int]]:
    """(JSON list of readings, the newest time in it) a message; instants without a value are left out."""
    for at in range(0, len(samples), rows):
        part = slice(at, at + rows)
        readings = [r for channel in samples.power_dw for r in _readings(samples, channel, part)]
        if readings:
            yield msgspec.json.encode(readings), int(samples.time_ms[part][-1])


async def publish(played: AsyncIterator[Samples], link: Link, stop: asyncio.Event) -> None:
    """Send all that is played until `stop` is set, then wait a moment for the last acknowledgements.

    Errors: MeterMisconfigured if the broker refuses the meter; MeterUnavailable if messages are left over.
    """
    ends: set[asyncio.Future[Any]] = {
        playing := asyncio.create_task(_send(played, link)),
        stopping := asyncio.create_task(stop.wait()),
        link.refused,
    }
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if link.refused.done():
            await link.refused
    finally:
        playing.cancel()
        stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await playing
    await link.drained(_LAST_WAIT_S)
    log.info("stopped; all sent up to %s ms is acknowledged", link.acknowledged_ms)


async def _send(played: AsyncIterator[Samples], link: Link) -> None:
    async for samples in played:
        for payload, through_ms in payloads(samples):
            await link.send(payload, through_ms)


def _readings(samples: Samples, channel: str, part: slice) -> Iterator[dict[str, Any]]:
    """One dict a measured instant; power in W and voltage in V as decimal numbers of one place."""
    voltage_dv = samples.voltage_dv[part] if channel == MAIN and samples.voltage_dv is not None else None
    rows = zip(samples.time_ms[part].tolist(), samples.power_dw[channel][part].tolist(), strict=True)
    for at, (time_ms, power_dw) in enumerate(rows):
        reading: dict[str, Any] = {"channel": channel, "time": time_ms}
        if power_dw != ABSENT_I32:
            reading["power_w"] = power_dw / 10
        if voltage_dv is not None and voltage_dv[at] != ABSENT_I32:
            reading["voltage_v"] = int(voltage_dv[at]) / 10
        if len(reading) > 2:
            yield reading
