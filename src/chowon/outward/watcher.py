"""Looks at all sites now and then and tells the webhooks what happened since the last look.

What was told is kept over restarts (outward/memo.py): no event comes twice, none is missed because the
server was down, and the very first look tells nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import numpy as np

from chowon.domain.bill import number_text
from chowon.domain.quantities import I64, Bools
from chowon.domain.sites import Site
from chowon.errors import ChowonError, StoreUnavailable
from chowon.ingest.talking import Talking
from chowon.jobs.statement import Statement
from chowon.live.service import Live
from chowon.live.state import NEVER
from chowon.live.view import Now, TierNow
from chowon.outward.memo import Memo, Watched
from chowon.outward.mirror import now_of
from chowon.outward.webhooks import Event

SILENT_AFTER_MS: Final = 5 * 60_000
"""Beyond the time that a reading stands for anyway"""
SETTLED_MS: Final = 10 * 60_000
"""How long after its end a period's last readings may come before its bill is told"""
MOST_HEARD: Final = 100_000

Stated = Callable[[Site, date, int], Statement]
"""(site, a day of the period, now) → its statement. Blocks. Errors: StoreUnavailable; UsageInvalid where the
tariff lacks something."""


class Watcher:
    """One look after another, on the event loop."""

    def __init__(
        self,
        live: Live,
        talking: Talking,
        statement: Stated,
        memo: Memo,
        tell: Callable[[Event], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._live, self._talking, self._statement = live, talking, statement
        self._memo, self._tell, self._now_ms = memo, tell, now_ms
        self._since_ms = now_ms()
        """before this, nothing could be heard: a meter is not silent because the server was down"""

    async def round(self, sites: Sequence[Site]) -> None:
        """Tell what happened since the last round."""
        noted = self._memo.noted
        first, watched = noted.watched is None, noted.watched or {}
        noted.watched = {site.key: watched.get(site.key) or Watched() for site in sites}
        self._found(sites)
        self._silences(sites, noted.watched)
        for site in sites:
            now = await now_of(self._live, site)
            if now is not None:
                await self._site(site, now, noted.watched[site.key], first)
            await asyncio.sleep(0)  # the live sockets come first
        await self._memo.save()

    async def _site(self, site: Site, now: Now, known: Watched, first: bool) -> None:
        if known.period is None:
            known.period = now.period.start
            known.tier = now.tier.index if now.tier is not None and first else None
        if known.period < now.period.start:
            settled = now.time_ms - now.period.from_ms >= SETTLED_MS
            if not settled or not await self._closed(site, known.period):
                return
            known.tier = 1
        known.period = now.period.start
        if now.tier is not None:
            before = known.tier or 1
            if now.tier.index > before:
                self._tell(Event("tier.reached", now.time_ms, _tier(site, now, now.tier)))
            known.tier = max(before, now.tier.index)

    async def _closed(self, site: Site, period: str) -> bool:
        """Tell a period's bill; False while the store is away."""
        now_ms = self._now_ms()
        found: dict[str, Any] = {"site": _site(site), "period": {"start": period, "end": None}}
        try:
            told = await asyncio.to_thread(self._statement, site, date.fromisoformat(period), now_ms)
        except StoreUnavailable:
            return False
        except ChowonError as error:
            found |= {"total": None, "no_cost": str(error)}
        else:
            found |= {
                "period": {"start": told.period.start.isoformat(), "end": told.period.end.isoformat()},
                "kwh": _kwh(told.kwh),
                "export_kwh": _kwh(told.export_kwh),
                "coverage": told.coverage,
                "currency": told.bill.currency,
                "total": number_text(told.bill.total),
            }
        self._tell(Event("period.closed", now_ms, found))
        return True

    def _silences(self, sites: Sequence[Site], watched: dict[str, Watched]) -> None:
        """All meters of all sites at once; only those that fell silent or came back are looked at singly."""
        channels = [(site, channel) for site in sites for channel in site.channels]
        names = sorted({(site.key, channel.key.meter) for site, channel in channels})
        place = {name: n for n, name in enumerate(names)}
        meter = np.array([place[site.key, channel.key.meter] for site, channel in channels], np.int64)
        try:
            slots = self._live.states.slots([channel.id for _, channel in channels])
        except KeyError:
            return  # the live loop has not heard of them yet
        was = np.array([name in watched[site].silent for site, name in names], np.bool_)
        last_ms, silent = self._heard(meter, slots, was)
        by_key = {site.key: site for site in sites}
        for n in np.flatnonzero((last_ms != NEVER) & (silent != was)).tolist():
            key, name = names[n]
            self._turned(by_key[key], name, watched[key], bool(silent[n]), int(last_ms[n]))

    def _heard(self, meter: I64, slots: I64, was: Bools) -> tuple[I64, Bools]:
        """(newest reading, whether silent) of each meter, (n,). meter: each channel's; was: silent so far."""
        states, latest = self._live.states, np.maximum.at
        last_ms, stands_ms, since_ms = (np.full(len(was), NEVER) for _ in range(3))
        latest(last_ms, meter, states.last_ms[slots])
        latest(stands_ms, meter, states.last_ms[slots] + states.hold_ms[slots])
        latest(since_ms, meter, np.maximum(states.last_ms[slots], self._since_ms) + states.hold_ms[slots])
        return last_ms, self._now_ms() - np.where(was, stands_ms, since_ms) > SILENT_AFTER_MS

    def _turned(self, site: Site, meter: str, known: Watched, silent: bool, last_ms: int) -> None:
        data = {"site": _site(site), "meter": meter, "last_seen_ms": last_ms}
        if silent:
            known.silent.append(meter)
            self._tell(Event("meter.silent", self._now_ms(), data))
        else:
            known.silent.remove(meter)
            self._tell(Event("meter.back", self._now_ms(), data))

    def _found(self, sites: Sequence[Site]) -> None:
        """Meters and devices that were never heard before."""
        noted = self._memo.noted
        told = {
            f"{site.key}/{channel.key.meter}": {"site": _site(site), "meter": channel.key.meter}
            for site in sites
            for channel in site.channels
        } | {
            f"~{device.family}/{device.device}": {"family": device.family, "device": device.device}
            for device in self._talking.devices()
        }
        before = noted.heard or []
        known = set(before)
        fresh = [name for name in told if name not in known][: MOST_HEARD - len(before)]
        for name in fresh if noted.heard is not None else ():
            self._tell(Event("device.found", self._now_ms(), told[name]))
        if fresh or noted.heard is None:
            noted.heard = before + fresh


def _site(site: Site) -> dict[str, Any]:
    return {"id": site.id, "key": site.key, "name": site.name}


def _tier(site: Site, now: Now, tier: TierNow) -> dict[str, Any]:
    price = tier.tiers[tier.index - 1].energy_price if tier.index <= len(tier.tiers) else None
    return {
        "site": _site(site),
        "period": {"start": now.period.start, "end": now.period.end},
        "tier": tier.index,
        "tiers": tier.count,
        "kwh": now.period.kwh,
        "energy_price": None if price is None else number_text(price),
        "marginal_price": None if now.marginal_price is None else number_text(now.marginal_price),
        "cost": None if now.period.cost is None else number_text(now.period.cost),
        "currency": now.currency,
    }


def _kwh(amount: Decimal) -> float:
    return round(float(amount), 6)
