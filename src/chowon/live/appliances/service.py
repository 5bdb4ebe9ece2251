"""Follows what switches in every site, and keeps what is learnt of their appliances.

Belongs to the event loop; only store and catalog are asked in threads. After a start, and after readings
that came late, a site is read again from the store: the last day tells what is on.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from chowon.domain.nilm.events.agreeing import Agreeing
from chowon.domain.nilm.events.kept import KeptHome
from chowon.domain.nilm.events.known import Tap
from chowon.domain.nilm.events.running import Guess, running, to_ask
from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import LiveValue
from chowon.domain.readings import Readings, concat, of_channels
from chowon.domain.sites import Site
from chowon.domain.tariff import Text
from chowon.errors import ChowonError, NotFound
from chowon.live.appliances.agreed import Agreed, Teller
from chowon.live.appliances.home import Home
from chowon.live.appliances.keeping_up import KindModel
from chowon.live.appliances.kinds import Kinds
from chowon.live.appliances.kinds_view import KindsNow, kinds_now, since_ms
from chowon.live.appliances.mains import hold_ms_of, measured
from chowon.live.appliances.owed import Owed
from chowon.live.appliances.price import Price
from chowon.live.appliances.replaying import read_again
from chowon.live.appliances.rows import RowNow, Rows
from chowon.live.appliances.view import Facts, PartsOfNow, nothing, parts_of_now
from chowon.ports import ApplianceBook, History

EVERY_S: Final = 1.0
"""How often it is looked at what is owed and what has changed"""
SAVED_MS: Final = 60_000
"""What was learnt is written down at least so often"""
MOST_WAITING: Final = 2_000_000
"""So many readings wait for the next look at most; with more, all sites are read from the store again"""
CHANNELS_AT_ONCE: Final = 16
"""Days of so many channels are read together: one and a half million readings, at one a second"""
CAUGHT_UP_AT_ONCE: Final = 64
"""So many sites are brought together to where the others are: it costs little more than one"""
GUESSED_MS: Final = 5000
"""What something may be depends on how long it is on, too: it is thought about again so often"""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Followed:
    """One site."""

    site: Site
    row: int
    home: Home = field(default_factory=Home)
    learning: bool = True
    """Its last day was not read yet"""
    reading: bool = False
    """It is being read: what comes meanwhile is added afterwards"""
    saved_ms: int = 0
    """`home.learnt_ms` as it was written down last"""
    guessed: tuple[int, Home, tuple[Guess, ...]] | None = None
    """(when, of what, the guesses)"""


class Appliances:
    """What runs in every site.

    label: what people call an appliance of this name. most_sites: no more are followed, the first ones are.
    teller: a model that tells kinds of what is over; without it nothing is suggested. model: one that tells
    them as they run; without it none are.
    """

    def __init__(
        self,
        history: History,
        book: ApplianceBook,
        label: Callable[[str], Text],
        now: Callable[[], int],
        most_sites: int = 1000,
        teller: Teller | None = None,
        model: KindModel | None = None,
    ) -> None:
        self._history, self._book, self.label, self._now = history, book, label, now
        self._most, self._agreed = most_sites, None if teller is None else Agreed(teller)
        self._rows, self._model = Rows(), model
        self._kinds = None if model is None else Kinds(model)
        self._followed: dict[int, _Followed] = {}
        self._site_of_row: dict[int, int] = {}
        self._waiting: list[Readings] = []
        self._waiting_rows = 0
        self._meanwhile: list[Readings] | None = None
        self._owed = Owed()
        self._kept: dict[int, KeptHome] | None = None
        """What is written down of sites that were not read yet"""
        self._saved_ms = 0
        self._changing = asyncio.Lock()
        """Held while a home is changed by more than its readings"""
        self._closing = asyncio.Event()
        self.problem: str | None = None
        self.failed_rounds = 0

    def follow(self, sites: Iterable[Site]) -> None:
        """These are all sites there are. New and changed ones are read from the store."""
        self._take_in()
        wanted = [site for site in sorted(sites, key=lambda one: one.id) if site.main_channels][: self._most]
        for gone in self._followed.keys() - {site.id for site in wanted}:
            self._drop(self._followed.pop(gone))
        for site in wanted:
            known = self._followed.get(site.id)
            if known is not None and measured(known.site) == measured(site):
                known.site = site
                if self._kinds is not None:
                    self._kinds.without(site.id, self._absent(site))
                continue
            if known is not None:
                self._drop(known)
            row = self._rows.add(site)
            self._site_of_row[row] = site.id
            self._followed[site.id] = _Followed(site, row, Home() if known is None else known.home)
            self._owed.add([site.id])

    def take(self, readings: Readings) -> None:
        """Take in a durable batch, together with others: as soon as somebody looks, or a second later."""
        self._waiting.append(readings)
        self._waiting_rows += len(readings)
        if self._waiting_rows > MOST_WAITING:
            self._waiting, self._waiting_rows = [], 0
            self._owed.add(self._followed)

    def read_again(self, channels: Iterable[int]) -> None:
        """What the store says of these channels has changed."""
        changed = set(channels)
        for site_id, followed in self._followed.items():
            if changed & {one.id for one in measured(followed.site)}:
                self._owed.add([site_id])

    async def run(self) -> None:
        """Read what is owed and save what was learnt, until `close`.

        A round that fails is logged and counted, and the next one tries again: what is shown must never
        stop what is taken in.
        """
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._closing.wait()
            try:
                await self.tick()
            except Exception:  # noqa: BLE001 - appliances that fail must not stop the meters
                self.failed_rounds += 1
                _log.exception("a round of appliances failed; trying again")

    def close(self) -> None:
        """Let `run` come to its end; it saves what was learnt."""
        self._closing.set()

    async def tick(self) -> None:
        """One round. A store that fails is asked again in the next one."""
        self._take_in()
        try:
            due = self._owed.due(self._followed, self._now())
            for sites in _together([self._followed[site_id] for site_id in due]):
                if not self._closing.is_set():
                    await self._read(sites)
                    await self._advance(CAUGHT_UP_AT_ONCE)
            await self._advance()
            if self._agreed is not None and not self._closing.is_set():
                learnt = [one for one in self._followed.values() if not one.learning]
                asked = await self._agreed.ask([(one.site, one.home) for one in learnt], self._now())
                if asked is not None and self._kinds is not None:
                    self._kinds.without(asked.id, self._absent(asked))
            if self._closing.is_set() or not 0 <= self._now() - self._saved_ms < SAVED_MS:
                await self._save()
            self.problem = None
        except ChowonError as error:
            if self.problem != str(error):
                _log.warning("appliances wait for the store: %s", error)
            self.problem = str(error)

    def now(self, site_id: int, now_ms: int, price: Price | None) -> PartsOfNow | None:
        """What the site's power is made of at this instant; None for one that is not followed."""
        followed = self._followed.get(site_id)
        if followed is None:
            return None
        self._take_in()
        row = self._rows.now(followed.row)
        if followed.learning:
            return nothing("learning", now_ms)
        if row.last_ms is None or now_ms - row.last_ms > hold_ms_of(followed.site):
            return nothing("silent", now_ms)
        if row.slow:
            return nothing("slow", now_ms)
        return parts_of_now(self._facts(followed, row, row.last_ms, price), price, self.label)

    def home(self, site_id: int) -> Home:
        """What is known of the site. Errors: NotFound for one that is not followed."""
        self._take_in()
        if site_id not in self._followed:
            raise NotFound(
                f"nobody follows what switches in site {site_id}: it has no main meter, or "
                "[appliances] live_sites is too small"
            )
        return self._followed[site_id].home

    def told(self, site_id: int, from_ms: int, to_ms: int) -> Mapping[LiveValue, Mapping[str, Power]]:
        """What a model told of the kinds that the site may have, in whole minutes, as far as it is kept.

        Empty where nothing is told yet. Errors: as `home`.
        """
        self.home(site_id)
        return self.told_of(self._followed[site_id].site, from_ms, to_ms)

    def told_of(self, site: Site, from_ms: int, to_ms: int) -> Mapping[LiveValue, Mapping[str, Power]]:
        """As `told`, of any site; changes nothing, so that threads may ask too."""
        told = {} if self._kinds is None else self._kinds.told(site.id, from_ms, to_ms)
        absent = self._absent(site)
        return {of: {k: p for k, p in kinds.items() if k not in absent} for of, kinds in told.items()}

    @property
    def kinds(self) -> Mapping[str, float]:
        """The kinds that a model tells as they run, and how well (keeping_up.KindModel)."""
        return {} if self._model is None else self._model.f1

    def running(self, site_id: int) -> tuple[Guess, ...]:
        """What is on in the site, and what it may be. Errors: as `home`."""
        self.home(site_id)
        followed = self._followed[site_id]
        last_ms = self._rows.now(followed.row).last_ms
        return () if last_ms is None else self._guesses(followed, last_ms)

    def agreed(self, site_id: int) -> Mapping[int, Agreeing]:
        """What clusters of the site may be, by a model; not what a person denied. Errors: as `home`."""
        known = self.home(site_id).known
        if self._agreed is None:
            return {}
        return self._agreed.of(site_id, known, self._followed[site_id].site.without)

    async def tap(self, site_id: int, tap: Tap, by: str) -> Home:
        """A person said something; it is kept before this returns. Errors: NotFound, StoreUnavailable."""
        async with self._changing:
            await self._load()
            self.home(site_id)
            self._begin(self._followed[site_id])
            home = self.home(site_id).told(tap)
            await asyncio.to_thread(self._book.tapped, site_id, _kept(home), tap, by)
            followed = self._followed.get(site_id)
            if followed is not None:  # readings may have changed it, or settings put another in its place
                home = followed.home = followed.home.told(tap)
            return home

    def _facts(self, followed: _Followed, row: RowNow, last_ms: int, price: Price | None) -> Facts:
        guesses = self._guesses(followed, last_ms)
        names = {one.id: one.key.meter for one in followed.site.part_channels}
        return Facts(
            last_ms,
            row.power_dw,
            row.always_on_w,
            row.always_on_hours,
            guesses,
            frozenset(one.run.at_ms for one in to_ask(followed.home.known, guesses)),
            [(c, names[c], power_dw) for c, power_dw in self._rows.parts_of(followed.row, last_ms)],
            self.agreed(followed.site.id),
            self._kinds_now(followed.site, price),
        )

    def _kinds_now(self, site: Site, price: Price | None) -> KindsNow | None:
        latest = None if self._kinds is None else self._kinds.latest(site.id)
        if self._kinds is None or latest is None:
            return None
        from_ms = since_ms(latest.end_ms - 1, site.timezone)
        return kinds_now(latest, self.told(site.id, from_ms, latest.end_ms), price, self.label)

    def _guesses(self, followed: _Followed, last_ms: int) -> tuple[Guess, ...]:
        if followed.guessed is not None:
            at_ms, home, guesses = followed.guessed
            if home is followed.home and 0 <= last_ms - at_ms < GUESSED_MS:
                return guesses
        guesses = running(followed.home.known, followed.home.following.now, last_ms)
        followed.guessed = last_ms, followed.home, guesses
        return guesses

    def _take_in(self) -> None:
        if not self._waiting:
            return
        readings, self._waiting, self._waiting_rows = concat(self._waiting), [], 0
        if self._meanwhile is not None:
            self._meanwhile.append(readings)
        self._feed(readings)

    def _feed(self, readings: Readings) -> None:
        fed = self._rows.feed(readings)
        for row, theirs in fed.edges.by_row():
            followed = self._followed[self._site_of_row[row]]
            if not followed.reading:
                followed.home = followed.home.after(theirs)
        for row in fed.late.tolist():
            self._owed.add([self._site_of_row[row]])
        for row in [] if self._kinds is None else self._kinds.feed(fed.stream):
            self._owed.late(self._site_of_row[row], self._now())

    def _drop(self, gone: _Followed) -> None:
        self._rows.drop(gone.row)
        del self._site_of_row[gone.row]
        self._owed.done(gone.site.id)
        if self._kinds is not None:
            self._kinds.drop(gone.site.id)
        if self._agreed is not None:
            self._agreed.drop(gone.site.id)

    def _absent(self, site: Site) -> frozenset[str]:
        """Kinds that the site has not, as people say, or seems not to have."""
        return site.without | (frozenset() if self._agreed is None else self._agreed.absent(site.id))

    async def _advance(self, waiting: int = 1) -> None:
        """Tell the kinds of what has passed, and bring sites to it of which so many wait."""
        self._take_in()
        if self._kinds is not None and self._kinds.waiting >= waiting:
            await self._kinds.catch_up(self._now())
        if self._kinds is not None and not await self._kinds.advance(self._now(), self._rows.every_ms):
            self._kinds = None if self._model is None else Kinds(self._model)
            self._owed.add(self._followed)

    async def _read(self, sites: list[_Followed]) -> None:
        """Read the last day of sites; what came meanwhile is added."""
        async with self._changing:
            await self._load()
            sites = [one for one in sites if self._followed.get(one.site.id) is one]
            for one in sites:
                self._owed.done(one.site.id)
                self._begin(one)
            try:
                await self._read_day(sites)
            except BaseException:
                self._owed.add([one.site.id for one in sites])
                raise

    async def _read_day(self, sites: list[_Followed]) -> None:
        now_ms = self._now()
        self._take_in()
        self._meanwhile = []
        for one in sites:
            one.reading = True
        try:
            homes = [(one.site, one.home) for one in sites]
            again = await asyncio.to_thread(read_again, self._history, homes, now_ms)
        finally:
            self._take_in()
            since, self._meanwhile = concat(self._meanwhile), None
            for one in sites:
                one.reading = False
        mine = []
        for row, one in enumerate(sites):
            if self._followed.get(one.site.id) is not one:
                continue  # it has changed, and is owed anew
            one.home, one.learning = again.homes[row], False
            self._rows.put(one.row, again.rows, row)
            if self._kinds is not None:
                every_ms, absent = float(again.rows.every_ms[row]), self._absent(one.site)
                self._kinds.wait(one.site, one.row, every_ms, again.mains[row], absent)
            mine += [channel.id for channel in measured(one.site)]
        self._feed(self._rows.newer(of_channels(since, mine)))

    async def _load(self) -> None:
        """Ask once what is written down."""
        if self._kept is None:
            self._kept = await asyncio.to_thread(self._book.homes)

    def _begin(self, followed: _Followed) -> None:
        """With what is written down of it, the first time. At once: another may take its place meanwhile."""
        kept = None if self._kept is None else self._kept.pop(followed.site.id, None)
        if kept is not None:
            followed.home = followed.home.taught(kept)
            followed.saved_ms = kept.learnt_ms

    async def _save(self) -> None:
        """Write down what has learnt since the last time."""
        async with self._changing:
            changed = {
                site_id: _kept(followed.home)
                for site_id, followed in self._followed.items()
                if followed.home.learnt_ms != followed.saved_ms and not followed.learning
            }
            if changed:
                await asyncio.to_thread(self._book.keep, changed)
            for site_id, kept in changed.items():
                if site_id in self._followed:
                    self._followed[site_id].saved_ms = kept.learnt_ms
            self._saved_ms = self._now()


def _kept(home: Home) -> KeptHome:
    return KeptHome(home.known, home.learnt_ms, home.following.gives)


def _together(sites: list[_Followed]) -> Iterator[list[_Followed]]:
    """Sites that are read with one question."""
    some: list[_Followed] = []
    channels = 0
    for one in sites:
        theirs = len(measured(one.site))
        if some and channels + theirs > CHANNELS_AT_ONCE:
            yield some
            some, channels = [], 0
        some.append(one)
        channels += theirs
    if some:
        yield some
