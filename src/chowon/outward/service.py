"""Everything that chowon gives to others, put together from the configuration; off unless it is switched on.

What was announced to a broker and is wanted no more, for a site is gone or an option was switched off, is
withdrawn: all topics in use are noted (outward/memo.py) before anything is published there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chowon.config import Config
from chowon.domain.bill import Prepared
from chowon.domain.clock import Period, local_day, period_of
from chowon.domain.sites import Site
from chowon.errors import BadInput, Misconfigured, NotFound
from chowon.ingest.broker import Address
from chowon.ingest.talking import Talking
from chowon.jobs.measured import measured
from chowon.jobs.statement import Statement, statement
from chowon.jobs.unmeasured import outlook
from chowon.live.service import Live
from chowon.outward.announcer import Announcer
from chowon.outward.home_assistant import Places
from chowon.outward.memo import Memo
from chowon.outward.mirror import Mirror, MirrorSettings
from chowon.outward.mqtt_out import Message, Outbound, OutSettings, OutStats
from chowon.outward.rounds import Rounds
from chowon.outward.totals import Totals
from chowon.outward.watcher import Watcher
from chowon.outward.webhooks import Event, HookSettings, HookStats, Webhook
from chowon.ports import History

SITES_EVERY_S: Final = 1.0
"""How soon a new, changed or removed site shows"""
WATCH_EVERY_S: Final = 5.0
_Round: TypeAlias = Callable[[Sequence[Site]], Awaitable[None]]
_Work: TypeAlias = list[tuple[float, _Round]]


@dataclass(frozen=True, slots=True)
class OutwardState:
    """How it goes, for /health."""

    mqtt: OutStats | None
    """None where nothing is published"""
    webhooks: list[HookStats]
    failed_rounds: int
    """looks at the sites that failed; the log says why"""


class Outward:
    """All of it. Belongs to the event loop."""

    def __init__(
        self,
        config: Config,
        live: Live,
        history: History,
        talking: Talking,
        prepared: Callable[[Site, Period, int], Prepared],
        now_ms: Callable[[], int],
    ) -> None:
        """prepared: (site, period, now) → its tariff with all that is known; asked in threads.

        Errors: Misconfigured: something is to be published, but MQTT is off.
        """
        self._config, self._live, self._history = config, live, history
        self._prepared, self._now_ms = prepared, now_ms
        self._memo = Memo(config.data.folder)
        self._publishes = config.home_assistant.enabled or config.mirror.enabled
        if self._publishes and config.mqtt.broker == "off":
            raise Misconfigured(
                "[home_assistant] and [mirror] publish by MQTT, which is off: set [mqtt] broker, or their "
                "enabled = false"
            )
        self._rounds = Rounds()
        self._hooks = [
            Webhook(HookSettings(h.url, frozenset(h.events), h.secret, h.timeout_s), _Clock(now_ms))
            for h in config.webhook
        ]
        self._watcher = Watcher(live, talking, self._statement, self._memo, self._tell, now_ms)
        self._out: Outbound | None = None
        self._mirror: Mirror | None = None
        self._announcer: Announcer | None = None
        self._sites: tuple[Site, ...] = ()
        self._always: set[str] = set()
        """topics that need no site"""
        self._wanted: set[str] = set()
        self._withdrawn: set[str] = set()
        self._forgotten = False
        """whether the broker forgot something that is still noted in the file"""
        self._seen, self._stopping = asyncio.Event(), asyncio.Event()

    def state(self) -> OutwardState:
        """Counts at this moment."""
        mqtt = None if self._out is None else self._out.stats()
        return OutwardState(mqtt, [hook.stats() for hook in self._hooks], self._rounds.failed)

    async def run(self, broker: Address | None) -> None:
        """Belongs to the application's TaskGroup; returns after `close`. broker: None where MQTT is off."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(hook.run()) for hook in self._hooks]
            work: _Work = []
            if self._hooks:
                work.append((WATCH_EVERY_S, self._watcher.round))
            if broker is not None and (self._publishes or self._memo.noted.topics):
                work += self._publishing(broker)
            if self._out is not None:
                group.create_task(self._out.run())
            if work or self._out is not None:
                tasks.append(group.create_task(self._rounds.again(SITES_EVERY_S, self._look)))
            tasks += [group.create_task(self._with_sites(every_s, what)) for every_s, what in work]
            await self._stopping.wait()
            for task in tasks:
                task.cancel()
            if self._out is not None:
                self._out.close()

    def close(self) -> None:
        """`run` says "offline" where it said "online", and returns; events that wait are lost."""
        self._stopping.set()

    def _publishing(self, broker: Address) -> _Work:
        """The connection, and what is to be done for it at which pace."""
        mqtt, home, mirror = self._config.mqtt, self._config.home_assistant, self._config.mirror
        status = f"{home.topic if home.enabled else mirror.topic}/status" if self._publishes else None
        self._always = set() if status is None else {status}
        self._out = Outbound(
            OutSettings(broker.host, broker.port, status, mqtt.username, mqtt.password, mqtt.tls),
            self._cleared,
        )
        work: _Work = []
        if mirror.enabled:
            how = MirrorSettings(mirror.topic, mirror.qos, mirror.retain)
            self._mirror = Mirror(how, self._live, self._put)
            work.append((mirror.every_s, self._mirror.round))
        if home.enabled and status is not None:
            self._announcer = Announcer(
                Places(home.discovery_topic, home.topic, status),
                home.language,
                live=self._live,
                totals=Totals(self._history),
                forecast=self._forecast,
                memo=self._memo,
                put=self._put,
                now_ms=self._now_ms,
            )
            work += [
                (home.counters_every_s, self._announcer.count),
                (home.every_s, self._announcer.round),
            ]
        return work

    async def _with_sites(self, every_s: float, work: _Round) -> None:
        await self._seen.wait()
        await self._rounds.again(every_s, lambda: work(self._sites))

    async def _look(self) -> None:
        """Note where things will be published before they are; withdraw what is wanted no more."""
        sites = self._live.sites()
        if sites == self._sites and self._seen.is_set():
            if self._forgotten:
                self._forgotten = False
                await self._memo.save()
            return
        wanted = set(self._always)
        for part in (self._mirror, self._announcer):
            wanted |= part.topics(sites) if part is not None else set()
        noted = self._memo.noted
        before = set(noted.topics)
        noted.topics = sorted(before | wanted)
        await self._memo.save()
        self._sites, self._wanted = sites, wanted
        for topic in before - wanted - self._withdrawn if self._out is not None else ():
            self._withdraw(topic)
        self._withdrawn -= wanted
        self._seen.set()

    def _withdraw(self, topic: str) -> None:
        assert self._out is not None
        self._withdrawn.add(topic)
        self._out.clear(topic)
        for part in (self._mirror, self._announcer):
            if part is not None:
                part.forget(topic)

    def _cleared(self, topic: str) -> None:
        """The broker has forgotten a topic; once it has forgotten all, a connection only for that ends."""
        noted = self._memo.noted
        if topic not in self._wanted and topic in noted.topics:
            noted.topics.remove(topic)
            self._withdrawn.discard(topic)
            self._forgotten = True
        if not noted.topics and not self._publishes and self._out is not None:
            self._out.close()

    def _put(self, topic: str, message: Message) -> None:
        """Publish, unless the topic was withdrawn while a round was on its way."""
        if self._out is not None and (topic in self._wanted or not message.retain):
            self._out.put(topic, message)

    def _tell(self, event: Event) -> None:
        for hook in self._hooks:
            hook.tell(event)

    def _forecast(self, site: Site, now_ms: int) -> Decimal | None:
        try:
            period = period_of(local_day(now_ms, _zone(site)), site.reading_day)
            prepared = self._prepared(site, period, now_ms)
            ahead = outlook(site, prepared, measured(self._history, site, prepared), now_ms)
        except (BadInput, NotFound):
            return None  # its tariff cannot be used, which the live loop has told
        return None if ahead is None else ahead.total

    def _statement(self, site: Site, day: date, now_ms: int) -> Statement:
        prepared = self._prepared(site, period_of(day, site.reading_day), now_ms)
        return statement(self._history, site, prepared, now_ms)


@dataclass(frozen=True, slots=True)
class _Clock:
    now_ms: Callable[[], int]

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _zone(site: Site) -> ZoneInfo:
    try:
        return ZoneInfo(site.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadInput(f"site {site.key}: {site.timezone!r} is no time zone") from error
