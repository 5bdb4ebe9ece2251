"""A home in a real data folder, a reading a minute, and a model of which one can foresee what it tells."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from chowon.domain.clock import midnight_ms, period_of
from chowon.domain.nilm.power import Power
from chowon.domain.nilm.runs import Runs, states
from chowon.domain.nilm.told import ToldDay
from chowon.domain.nilm.witnessed import Witnessed
from chowon.domain.quantities import MINUTE_MS, QUARTER_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey, Site
from chowon.domain.tariff import Text
from chowon.jobs.appliances import Telling, TellingParts
from chowon.jobs.nights import LiveTold, Night, Nights
from chowon.jobs.period_use import period_use
from chowon.jobs.seal import Sealer
from chowon.jobs.shares import metered_parts
from chowon.models.nilm.nightly import Trusted
from chowon.store.opening import Store, open_store
from chowon.store.told import ToldBook
from tests.e2e.homes import SEOUL

FIRST = date(2026, 10, 1)
KINDS = {
    "kettle": Trusted(Text("전기 주전자", "Kettle"), standing=False, f1=0.8),
    "fridge": Trusted(Text("냉장고", "Fridge"), standing=True, f1=0.8),
    "microwave": Trusted(Text("전자레인지", "Microwave"), standing=False, f1=None, once_seen=True),
}


class TellsByLevel:
    """Minute by minute: above 1,500 W there is a kettle of 2,000.05 W, above 105 W a fridge of 55.5 W."""

    def __init__(self) -> None:
        self.asked: list[Power] = []

    def disaggregate(self, mains: Power, kinds) -> dict[str, Power]:
        self.asked.append(mains)
        watts = {
            "kettle": np.where(mains.power_w > 1500, 2000.05, 0.0),
            "fridge": np.where(mains.power_w > 105, 55.5, 0.0),
        }
        return {kind: Power(mains.start_ms, mains.step_ms, watts[kind], mains.known) for kind in kinds}


class LearnsLevels(TellsByLevel):
    """The same; what it was taught takes what the mains took then, in whole 100 W, less 100 W."""

    def __init__(self) -> None:
        super().__init__()
        self.lessons: list[tuple[Power, dict[str, Runs], dict[str, Runs]]] = []

    def teachable(self) -> list[str]:
        return ["kettle", "microwave"]

    def taught(self, mains: Power, ran, not_ran) -> "TaughtLevels":
        self.lessons.append((mains, dict(ran), dict(not_ran)))
        return TaughtLevels(self, _least_w(mains, ran), _least_w(mains, not_ran))


class TaughtLevels:
    """A home's own levels."""

    def __init__(self, base: LearnsLevels, least_w: dict[str, float], never_w: dict[str, float]) -> None:
        self.base, self.least_w, self.never_w = base, least_w, never_w

    def disaggregate(self, mains: Power, kinds) -> dict[str, Power]:
        told = self.base.disaggregate(mains, [kind for kind in kinds if kind not in self.least_w])
        for kind in kinds:
            if kind in self.least_w:
                least_w = self.least_w[kind]
                on = (mains.power_w // 100 * 100 == least_w) & (self.never_w.get(kind) != least_w)
                watts = np.where(on, least_w - 100, 0.0)
                told[kind] = Power(mains.start_ms, mains.step_ms, watts, mains.known)
        return told


def _least_w(mains: Power, by_kind: Mapping[str, Runs]) -> dict[str, float]:
    return {
        kind: float(mains.power_w[states(len(mains), runs)].min()) // 100 * 100
        for kind, runs in by_kind.items()
    }


class NightHome:
    """One site, and what tells its nights."""

    def __init__(self, store: Store, live: LiveTold | None = None, weights: str = "first") -> None:
        self.store, self.live, self.model = store, live, TellsByLevel()
        self.sealer = Sealer(store)
        self.book = ToldBook(store.told, store.shards, self.sealer.add)
        self.channel = store.sites.register(ChannelKey("home", "m", "main"), QUARTER_MS).id
        self.begins(weights)

    @property
    def site(self) -> Site:
        return self.store.sites.sites()[0]

    def begins(self, weights: str = "first") -> None:
        """As after a start."""
        self.nights = Nights(
            self.store.history, self.telling(with_nights=True), self.book, lambda: weights, self.live
        )

    def telling(self, *, with_nights: bool) -> Telling:
        nights = self.book if with_nights else None
        return Telling(lambda: (self.model, KINDS), nights, self.store.witnessed)

    def takes(
        self,
        day: date,
        kettles: int = 0,
        minutes: range = range(1440),
        site: str = "home",
        microwaves: int = 0,
    ) -> None:
        """About 100 W that is never the same in these minutes, and a kettle for two minutes every hour.

        With a reading at their end, so that the one before stands until then. A microwave of 1,000 W runs
        for three minutes at a quarter to every hour.
        """
        minute = np.arange(minutes.start, minutes.stop + 1)
        power_w = (
            100
            + minute % 1440 % 7.0
            + np.where((minute % 60 // 2 == 15) & (minute < 60 * kettles), 2000, 0)
            + np.where((minute % 60 // 3 == 15) & (minute < 60 * microwaves), 1000, 0)
        )
        times = midnight_ms(day, SEOUL) + minute * MINUTE_MS
        channel = self.store.sites.register(ChannelKey(site, "m", "main"), QUARTER_MS).id
        ids = np.full(len(times), channel, np.uint32)
        self.store.journal.append([Readings(ids, times, np.rint(power_w * 10).astype(np.int32))])

    def saw(self, day: date, hour: int, kind: str = "microwave", *, ran: bool = True, site: int = 1) -> int:
        """Somebody saw the microwave of this hour run, or says so of another kind; gives the number."""
        start_ms = at(day, hour + 0.75)
        seen = Witnessed(kind, start_ms, start_ms + 3 * MINUTE_MS, ran)
        return self.store.witnessed.add(site, seen, "kim")

    def is_without(self, *kinds: str) -> None:
        self.store.sites.configure(replace(self.site, without=frozenset(kinds)))

    def night(self, after: date, hours: float = 2.0) -> Night:
        """What is told so long after the end of this day; it is kept."""
        night = self.nights.tell(self.site, at(after + timedelta(days=1), hours))
        self.nights.keep([night])
        return night

    def parts(self, now_ms: int, *, with_nights: bool = True) -> TellingParts:
        """Of the month that begins with the first day."""
        use = period_use(self.store.history, self.site, period_of(FIRST, 1), now_ms)
        metered = metered_parts(self.store.history, self.site, use)
        return self.telling(with_nights=with_nights).parts(self.store.history, self.site, use, metered)

    def all_told(self, site: int = 1) -> list[ToldDay]:
        return self.book.days(site, FIRST - timedelta(days=40), FIRST + timedelta(days=400))


def at(day: date, hours: float = 0.0) -> int:
    """The instant so many hours after the day began."""
    return midnight_ms(day, SEOUL) + round(hours * 60) * MINUTE_MS


def days_on(n: int, since: date = FIRST) -> date:
    """So many days after the first one."""
    return since + timedelta(days=n)


@contextmanager
def night_home(folder: Path, live: LiveTold | None = None) -> Iterator[NightHome]:
    """A new home, closed at the end."""
    store = open_store(folder)
    try:
        yield NightHome(store, live)
    finally:
        store.close()


def told_live(kettle_w: Mapping[str, float], since_min: int = 0) -> Callable:
    """What live state told: a kettle of so much for ten minutes, by value; it followed since that minute."""

    def tell(_site: Site, from_ms: int, to_ms: int):
        minute = np.arange((to_ms - from_ms) // MINUTE_MS)
        known, on = minute >= since_min, minute // 10 == 100
        return {
            value: {"kettle": Power(from_ms, MINUTE_MS, np.where(on, watts, 0.0), known)}
            for value, watts in kettle_w.items()
        }

    return tell
