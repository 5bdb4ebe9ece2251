"""The live loop: takes each durable batch, keeps sums true to the store, serves views and subscriptions.

Everything here runs on one event loop; only store queries go to threads.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from chowon.domain.allowance import Allowance
from chowon.domain.bill import Prepared
from chowon.domain.clock import Period, local_day, midnight_ms, period_of
from chowon.domain.quantities import DAY_MS, DWMS_PER_WH, I64, MINUTE_MS, QUARTER_MS
from chowon.domain.readings import Readings, concat, of_channels
from chowon.domain.sites import Site
from chowon.errors import BadInput, ChowonError, Damaged, NotFound, StoreUnavailable
from chowon.live.ahead import Ahead
from chowon.live.appliances.price import Price
from chowon.live.appliances.service import Appliances
from chowon.live.costs import needs_quarters
from chowon.live.hub import Hub, Subscription, snapshot_frame
from chowon.live.known import Billing, KnownBilling
from chowon.live.meanwhile import sorted_out
from chowon.live.recompute import sums_from_store
from chowon.live.series import summed_power
from chowon.live.state import NEVER, ChannelStates, Window
from chowon.live.view import Frame, Now, view
from chowon.ports import History, SiteBook

PAUSE_S = 0.1
"""The least time between two rounds: a client gets at most ten deltas a second."""
IDLE_S = 0.5
"""The longest time between two rounds: silence and midnight are noticed without a reading."""
AHEAD_MS = 5000
"""A reading stamped further ahead than this is not of now: the meter's clock is fast."""
MOST_WAITING = 10_000
"""So many readings wait for the next look at most."""
RECOUNTED_PER_S = 0.5
"""So often a channel is set from the store for ever, however often its readings come late ..."""
RECOUNTED_AT_ONCE = 60
"""... and so often at once: a meter that always repeats itself must not keep the others waiting."""
AT_ONCE = 20
"""So many sites are looked at before others get their turn."""
RETRY_MS = 5000
"""How long a store that failed is left alone."""
RECENT_MS = 15 * MINUTE_MS
"""What a client sees of the past when it connects."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Priced:
    """A site's tariff made ready for one billing period."""

    currency: str
    prepared: Prepared


Pricing = Callable[[Site, Period], Priced]


class Live:
    """The live state of all sites.

    pricing: a tariff made ready at once. billing: with all that is known, asked for sites that somebody
    looks at, and again when it has changed; without it prices and records count nothing. appliances: what
    runs in the sites; without it no parts are told.
    """

    def __init__(
        self,
        history: History,
        sites: SiteBook,
        pricing: Pricing,
        now: Callable[[], int],
        billing: Billing | None = None,
        appliances: Appliances | None = None,
    ) -> None:
        self._history, self._book, self._pricing, self._now = history, sites, pricing, now
        self._known = None if billing is None else KnownBilling(billing, now)
        self._appliances = appliances
        self.hub = Hub()
        self._states = ChannelStates()
        self._sites: dict[int, Site] = {}
        self._slots: dict[int, I64] = {}
        self._frames: dict[int, Frame] = {}
        self._unpriced: dict[int, ChowonError] = {}
        """sites whose tariff cannot be used, and why; their energy is summed all the same"""
        self._windows: dict[int, Window] = {}
        self.failed_rounds = 0
        self._yesterday: dict[int, tuple[int, float | None]] = {}
        self._news = asyncio.Event()
        self._settling = asyncio.Lock()
        self._new_names = False
        self._in_flight: list[Readings] | None = None
        self._ahead = Ahead()
        self._pace = Allowance(RECOUNTED_PER_S, RECOUNTED_AT_ONCE)
        self._retry_ms = 0
        self._fresh: list[Readings] = []
        self._waiting: list[Readings] = []
        self._waiting_rows = 0

    @property
    def states(self) -> ChannelStates:
        """What is known of every channel, with all that is durable."""
        self._take_in()
        return self._states

    async def start(self) -> None:
        """Load all sites and set their sums from the store."""
        await self.reload()

    async def run(self) -> None:
        """Tick as soon as something is durable, and now and then without; until cancelled.

        A round that fails is logged and counted, and the next one tries again: what is shown must never
        stop what is taken in.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._news.wait()
            self._news.clear()
            try:
                await self.tick()
            except Exception:  # noqa: BLE001 - a page that fails must not stop the meters
                self.failed_rounds += 1
                _log.exception("a live round failed; trying again")
            await asyncio.sleep(PAUSE_S)

    def on_durable(self, readings: Readings) -> None:
        """Take in a batch that the journal holds, together with others: as soon as somebody looks."""
        self._news.set()
        self._waiting.append(readings)
        self._waiting_rows += len(readings)
        if self._waiting_rows > MOST_WAITING:
            self._take_in()

    def _take_in(self) -> None:
        """Take in what waits: many small batches cost hardly more than one."""
        if not self._waiting:
            return
        readings, self._waiting, self._waiting_rows = concat(self._waiting), [], 0
        ahead = readings.time_ms > self._now() + AHEAD_MS
        if ahead.any():
            self._ahead.add(readings.where(ahead))
            readings = readings.where(~ahead)
        self._states.apply(readings)
        if self._appliances is not None:
            self._appliances.take(readings)
        if self._in_flight is not None:
            self._in_flight.append(readings)
        if self.hub.clients():
            self._fresh.append(readings)
        if not self._new_names:
            self._new_names = not self._states.knows_all(readings.channel)

    async def tick(self) -> None:
        """One round: new names, new days, late data, then what changed goes out."""
        self._take_in()
        if self._new_names:
            self._new_names = False
            await self.reload()
        self._turn_pages()
        if self._known is not None:
            await self._known.look(self._sites)
        self._catch_up_ahead()
        async with self._settling:
            await self._reconcile()
        fresh, self._fresh = concat(self._fresh), []
        for site_id in self.hub.sites():
            if site_id not in self._unpriced:
                now = await self.now(site_id)
                self.hub.publish(now, *self._site_samples(site_id, fresh))

    async def reload(self) -> None:
        """Read sites and settings anew; changed and new ones are set from the store."""
        async with self._settling:
            await self._read_book()
            await self._reconcile()

    def sites(self) -> tuple[Site, ...]:
        """All sites as they were read last."""
        return tuple(self._sites.values())

    async def recount(self, channels: list[int]) -> None:
        """What the store says of these channels has changed."""
        await self.reload()
        self.states.mark_dirty(channels)
        if self._appliances is not None:
            self._appliances.read_again(channels)
        self._news.set()

    async def now(self, site_id: int) -> Now:
        """The site's state at this instant. Errors: NotFound; what pricing says of an unusable tariff."""
        if site_id not in self._windows:
            await asyncio.to_thread(self._book.site, site_id)
            await self.reload()  # its first reading may have come a moment ago
        if site_id in self._unpriced:
            raise self._unpriced[site_id]
        if self._known is not None and site_id in self._sites:
            await self._known.complete(self._sites[site_id], self._frames)
        frame = self._frames.get(site_id)
        if frame is None:
            raise NotFound(f"no site {site_id}; GET /api/v1/sites lists the known ones")
        now_ms = self._now()
        yesterday = await self._yesterday_kwh(site_id, now_ms)
        now = view(frame, self.states, self._slots[site_id], now_ms, yesterday)
        if self._appliances is None:
            return now
        price = None if now.marginal_price is None else Price(now.marginal_price, now.currency)
        return replace(now, parts=self._appliances.now(site_id, now_ms, price))

    def look_again(self) -> None:
        """Prices or records have changed: what is shown follows with the next look at a site."""
        if self._known is not None:
            self._known.owe(self._sites)
            self._news.set()

    async def every(self, most: int) -> AsyncIterator[tuple[Site, Now | None]]:
        """The state of the first `most` sites, by id; None where the tariff cannot be used.

        Yesterday's use is not looked up. Others get their turn in between.
        """
        for n, site_id in enumerate(sorted(self._sites)[:most]):
            if n % AT_ONCE == 0:
                await asyncio.sleep(0)
            site, frame = self._sites.get(site_id), self._frames.get(site_id)
            if site is None:
                continue
            if frame is None or site_id in self._unpriced:
                yield site, None
            else:
                yield site, view(frame, self.states, self._slots[site_id], self._now(), None)

    def count(self) -> int:
        """How many sites there are."""
        return len(self._sites)

    async def frames(self, site_id: int) -> AsyncIterator[bytes]:
        """What the live socket sends: a snapshot, then deltas; another snapshot after falling behind."""
        subscription = self.hub.join(await self.now(site_id))
        try:
            yield await self._snapshot(subscription)
            while True:
                frame = await subscription.queue.get()
                yield await self._snapshot(subscription) if subscription.behind else frame
        finally:
            self.hub.leave(subscription)

    async def _read_book(self) -> None:
        known, self._sites = self._sites, {s.id: s for s in await asyncio.to_thread(self._book.sites)}
        for site in self._sites.values():
            if known.get(site.id) == site:
                continue
            window = self._open_page(site)
            for channel in site.channels:
                self.states.add(channel.id, channel.hold_ms, window)
            self._slots[site.id] = self.states.slots([c.id for c in site.main_channels])
            self._follow_quarters(site)
        if self._appliances is not None and known != self._sites:
            self._appliances.follow(self._sites.values())

    async def _snapshot(self, subscription: Subscription) -> bytes:
        sequence, now = self.hub.catch_up(subscription)
        channels = self._sites[subscription.site].main_channels
        end = self._now() + DAY_MS
        readings = await asyncio.to_thread(
            self._history.readings, [c.id for c in channels], now.time_ms - RECENT_MS, end
        )
        return snapshot_frame(sequence, now, *summed_power(readings, {c.id: c.hold_ms for c in channels}))

    def _site_samples(self, site_id: int, fresh: Readings) -> tuple[I64, I64]:
        """The site's new samples; of several channels only the newest sum, as the arrays hold it."""
        channels = self._sites[site_id].main_channels
        mine = of_channels(fresh, [c.id for c in channels])
        if len(channels) == 1 or not len(mine):
            return summed_power(mine, {c.id: c.hold_ms for c in channels})
        slots = self._slots[site_id]
        return self.states.last_ms[slots].max(keepdims=True), self.states.last_dw[slots].sum(
            keepdims=True, dtype=np.int64
        )

    def _turn_pages(self) -> None:
        """Give a new window to every site whose local day is over, or, after a clock was set, yet to come."""
        now_ms = self._now()
        for site_id in [i for i, w in self._windows.items() if not w.day_start_ms <= now_ms < w.day_end_ms]:
            site = self._sites[site_id]
            every = self.states.slots([c.id for c in site.channels])
            self.states.move_windows(every, self._open_page(site))
            self._follow_quarters(site)

    def _follow_quarters(self, site: Site) -> None:
        """Keep energy by quarter of an hour of what this site's tariff bills, if it asks for that."""
        frame = self._frames.get(site.id) if site.id not in self._unpriced else None
        wanted = frame is not None and needs_quarters(frame.prepared)
        billed = set(self._slots[site.id].tolist()) if wanted else set()
        for slot in self.states.slots([c.id for c in site.channels]).tolist():
            self.states.follow_quarters(slot, slot in billed)

    def _open_page(self, site: Site) -> Window:
        """The window of this local day; the frame that goes with it, or why there is none."""
        self._unpriced.pop(site.id, None)
        zone, now_ms = self._zone(site), self._now()
        day = local_day(now_ms, zone)
        period = period_of(day, site.reading_day)
        window = self._windows[site.id] = Window(
            midnight_ms(day, zone),
            midnight_ms(day + timedelta(days=1), zone),
            midnight_ms(period.start, zone),
            midnight_ms(period.end, zone),
        )
        if site.id in self._unpriced:
            return window
        try:
            priced = self._pricing(site, period)
        except ChowonError as error:
            _log.error("site %s has no bill: %s", site.key, error)
            self._unpriced[site.id] = error
        else:
            self._frames[site.id] = Frame(
                site.id, priced.currency, day.isoformat(), period, window, priced.prepared
            )
            if self._known is not None:
                self._known.owe([site.id])
        return window

    def _zone(self, site: Site) -> ZoneInfo:
        try:
            return ZoneInfo(site.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            error = BadInput(
                f"site {site.key}: {site.timezone!r} is no time zone; PATCH /api/v1/sites/{site.id}"
            )
            _log.error("%s", error)
            self._unpriced[site.id] = error
            return ZoneInfo("UTC")

    def _catch_up_ahead(self) -> None:
        """Take in readings that came before their time and whose time has come."""
        readings, channels = self._ahead.due(self._now() + AHEAD_MS)
        if readings is not None:
            self.states.apply(readings)
            if self._appliances is not None:
                self._appliances.take(readings)
        self.states.mark_dirty([c for c in channels if self.states.knows(c)])

    async def _reconcile(self) -> None:
        """Set channels with late data, and new ones, from the store; go on from there without a loss."""
        if 0 < self._retry_ms - self._now() <= RETRY_MS:  # not longer, should the clock be set back
            return
        self._take_in()
        dirty = self._due(self.states.take_dirty())
        if not dirty:
            return
        self._in_flight = []
        slots = {c: int(self.states.slots([c])[0]) for c in dirty}
        windows = {c: self.states.window_of(slot) for c, slot in slots.items()}
        by_quarter = {c for c, slot in slots.items() if self.states.quarters.follows(slot)}
        before_ms = {c: int(self.states.last_ms[slot]) for c, slot in slots.items()}
        before_ms |= dict.fromkeys(self._ahead.channels(), int(NEVER))  # stored, but not applied
        try:
            until_ms = self._now() + AHEAD_MS
            sums = await asyncio.to_thread(
                sums_from_store, self._history, windows, self._hold_ms(dirty), until_ms, by_quarter
            )
        except (StoreUnavailable, Damaged) as error:
            _log.warning("live sums wait for the store: %s", error)
            self.states.mark_dirty(dirty)
            self._retry_ms = self._now() + RETRY_MS
            return
        except BaseException:
            self.states.mark_dirty(dirty)
            raise
        finally:
            self._take_in()
            since, self._in_flight = concat(self._in_flight), None
        for channel, its in sums.items():
            self.states.set_from_store(channel, its)
        meanwhile = sorted_out(since, before_ms, sums)
        self.states.apply(since.where(meanwhile.newer))
        self.states.mark_dirty(meanwhile.again)
        moved = [c for c in dirty if self.states.window_of(slots[c]) != windows[c]]
        self.states.mark_dirty(moved)

    def _due(self, dirty: list[int]) -> list[int]:
        """Those of them that were not set from the store too often lately; the others wait."""
        now_s = self._now() / 1000
        due = [c for c in dirty if self._pace.takes(c, now_s)]
        if len(due) < len(dirty):
            self.states.mark_dirty(list(set(dirty).difference(due)))
        return due

    def _hold_ms(self, channels: Iterable[int]) -> dict[int, int]:
        return {c: int(self.states.hold_ms[self.states.slots([c])[0]]) for c in channels}

    async def _yesterday_kwh(self, site_id: int, now_ms: int) -> float | None:
        """Yesterday's use up to this time of day, looked up once a minute."""
        minute = now_ms // MINUTE_MS
        cached = self._yesterday.get(site_id)
        if cached is None or cached[0] != minute:
            try:
                kwh = await asyncio.to_thread(self._look_up_yesterday, site_id, minute * MINUTE_MS)
            except (StoreUnavailable, Damaged) as error:
                _log.warning("yesterday's use is not known: %s", error)
                kwh = None
            cached = self._yesterday[site_id] = minute, kwh
        return cached[1]

    def _look_up_yesterday(self, site_id: int, now_ms: int) -> float | None:
        site = self._sites[site_id]
        zone = ZoneInfo(site.timezone)
        start = midnight_ms(local_day(now_ms, zone) - timedelta(days=1), zone)
        end = now_ms - (self._windows[site_id].day_start_ms - start)
        channels = [c.id for c in site.main_channels]
        whole = self._history.rollup(channels, start, end // QUARTER_MS * QUARTER_MS, "15min", site.timezone)
        rest = self._history.rollup(channels, end // QUARTER_MS * QUARTER_MS, end, "1min", site.timezone)
        if not len(whole) + len(rest):
            return None
        total = int(whole.import_dwms.sum()) + int(rest.import_dwms.sum())
        return round(total / DWMS_PER_WH / 1000, 3)
