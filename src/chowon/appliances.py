"""What tells appliances, wired together: edges and networks as they run, the nights, and bills."""

import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from chowon import i18n
from chowon.api.parts import AppliancesPulse
from chowon.config import Config
from chowon.intake import background
from chowon.jobs.appliances import Telling
from chowon.jobs.night_rounds import NightRounds
from chowon.jobs.nights import Nights
from chowon.jobs.seal import Sealer
from chowon.live.appliances.keeping_up import KindModel
from chowon.live.appliances.service import Appliances
from chowon.models.nilm.live import streams
from chowon.models.nilm.nightly import tellable, weights
from chowon.store.opening import Store
from chowon.store.told import ToldBook


@dataclass(frozen=True, slots=True)
class Watched:
    """Switched off, nobody is followed and nothing is told."""

    followed: Appliances
    telling: Telling | None
    nights: NightRounds | None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While this is open, appliances are followed, and days that are over are told."""
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(background(self.followed.run(), self.followed.close))
            if self.nights is not None:
                await stack.enter_async_context(background(self.nights.run(), self.nights.close))
            yield

    def pulse(self) -> AppliancesPulse | None:
        """What went wrong; None when switched off."""
        if self.nights is None:
            return None
        return AppliancesPulse(self.followed.problem, self.followed.failed_rounds, dict(self.nights.problems))


def watched(config: Config, store: Store, sealer: Sealer, now_ms: Callable[[], int]) -> Watched:
    """As configured. Errors: NotFound where the networks' weights are not installed."""
    if not config.appliances.tell:
        return Watched(Appliances(store.history, store.appliances, i18n.appliance, now_ms, 0), None, None)
    telling = Telling(tellable, store.told, store.witnessed)
    followed = Appliances(
        store.history,
        store.appliances,
        i18n.appliance,
        now_ms,
        config.appliances.live_sites,
        functools.partial(telling.by_minute, store.history),
        KindModel(*streams()),
    )
    book = ToldBook(store.told, store.shards, sealer.add)
    nights = Nights(store.history, telling, book, weights, followed.told_of)
    return Watched(followed, telling, NightRounds(nights, store.sites.sites, now_ms))
