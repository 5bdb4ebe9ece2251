"""Home Assistant's sensors of every site: announced, fed, and withdrawn where they no longer fit."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from chowon import __version__
from chowon.domain.sites import Site
from chowon.live.service import Live
from chowon.live.view import Now
from chowon.outward.home_assistant import SENSORS, Counted, Language, Places, Sensor, discovery, state
from chowon.outward.memo import Memo
from chowon.outward.mirror import now_of
from chowon.outward.mqtt_out import Message, Put
from chowon.outward.totals import Totals

FORECAST_LASTS_MS: Final = 15 * 60_000

Forecast = Callable[[Site, int], Decimal | None]
"""(site, now) → the bill at the end of the running period if the use goes on like this; None: unknown.
Blocks. Errors: StoreUnavailable, Damaged."""


class Announcer:
    """Keeps what was said, so that only changes go out."""

    def __init__(
        self,
        places: Places,
        language: Language,
        *,
        live: Live,
        totals: Totals,
        forecast: Forecast,
        memo: Memo,
        put: Put,
        now_ms: Callable[[], int],
    ) -> None:
        self._places, self._language = places, language
        self._live, self._totals, self._forecast = live, totals, forecast
        self._memo, self._put, self._now_ms = memo, put, now_ms
        self._counted: dict[str, Counted] = {}
        self._forecasts: dict[int, tuple[int, Decimal | None]] = {}
        self._currency: dict[int, str] = {}
        self._tiers: dict[int, bool] = {}
        self._announced: dict[int, tuple[Site, str | None, bool | None]] = {}
        """by site: what decided about its sensors when they were announced last"""
        self._said: dict[str, bytes] = {}

    def topics(self, sites: Sequence[Site]) -> set[str]:
        """Where something may be retained."""
        configs = {self._places.config(site, sensor) for site in sites for sensor in SENSORS}
        return configs | {self._places.state(site) for site in sites}

    async def round(self, sites: Sequence[Site]) -> None:
        """Publish what changed of the sensors and their values."""
        for site in sites:
            now = await now_of(self._live, site)
            self._learn(site, now)
            self._announce(site)
            _, forecast = self._forecasts.get(site.id, (0, None))
            self._say(self._places.state(site), state(now, self._counted.get(site.key), forecast))
            await asyncio.sleep(0)  # the live sockets come first

    async def count(self, sites: Sequence[Site]) -> None:
        """Look the lifetime counters up, note them, and then let them be told; expect bills anew."""
        channels = [channel.id for site in sites for channel in site.main_channels]
        found = await asyncio.to_thread(self._totals.lifetime, channels, self._now_ms())
        noted, counted = self._memo.noted.counters, {}
        for site in sites:
            sums = found.of([channel.id for channel in site.main_channels])
            if sums is not None:
                before = Counted(*noted[site.key]) if site.key in noted else None
                counted[site.key] = Counted.of(*sums).at_least(before)
        noted.update({key: (c.import_milliwh, c.export_milliwh) for key, c in counted.items()})
        await self._memo.save()
        self._counted = counted
        for site in sites:
            await self._expect(site)

    def forget(self, topic: str) -> None:
        """The topic was cleared: what comes next is news again."""
        self._said.pop(topic, None)
        self._announced.clear()

    async def _expect(self, site: Site) -> None:
        now_ms = self._now_ms()
        made_ms, known = self._forecasts.get(site.id, (0, None))
        if known is None or not 0 <= now_ms - made_ms < FORECAST_LASTS_MS:
            found = await asyncio.to_thread(self._forecast, site, now_ms)
            self._forecasts[site.id] = now_ms, found

    def _learn(self, site: Site, now: Now | None) -> None:
        """What decides which sensors there are; kept while a tariff cannot tell."""
        if now is not None:
            self._currency[site.id] = now.currency
            if now.no_cost is None:
                self._tiers[site.id] = now.tier is not None

    def _announce(self, site: Site) -> None:
        """Say what changed of the site's sensors."""
        decided = site, self._currency.get(site.id), self._tiers.get(site.id)
        if self._announced.get(site.id) != decided:
            self._announced[site.id] = decided
            for sensor in SENSORS:
                self._say(self._places.config(site, sensor), self._config(site, sensor))

    def _config(self, site: Site, sensor: Sensor) -> bytes | None:
        """The discovery message; empty for a sensor that the site does not have, None while that is open."""
        currency, tiers = self._currency.get(site.id), self._tiers.get(site.id)
        if currency is None or (sensor.of_tiers and tiers is None):
            return None
        if sensor.of_tiers and not tiers:
            return b""
        return discovery(site, sensor, currency, self._places, self._language, __version__)

    def _say(self, topic: str, payload: bytes | None) -> None:
        if payload is not None and self._said.get(topic) != payload:
            self._said[topic] = payload
            self._put(topic, Message(payload))
