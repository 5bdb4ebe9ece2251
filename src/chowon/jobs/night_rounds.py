"""Tells the nights of all sites, beside everything else: one site at a time, resting as long as it worked."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from chowon.domain.sites import Site
from chowon.errors import ChowonError
from chowon.jobs.nights import Night, Nights

EVERY_S: Final = 600.0
"""It is looked so often for days that are over"""
FIRST_S: Final = 60.0
"""A server that starts has other things to do"""
DAYS_AT_ONCE: Final = 256
"""About so many days, of all sites, are written down together: one file of the lake for all of them"""
_Answer = TypeVar("_Answer")
_log = logging.getLogger(__name__)


class NightRounds:
    """Belongs to the event loop; the work is done in threads."""

    def __init__(
        self,
        nights: Nights,
        sites: Callable[[], Iterable[Site]],
        now_ms: Callable[[], int],
        first_s: float = FIRST_S,
        every_s: float = EVERY_S,
    ) -> None:
        self._nights, self._sites, self._now_ms = nights, sites, now_ms
        self._first_s, self._every_s = first_s, every_s
        self._closing = asyncio.Event()
        self.problems: dict[str, str] = {}
        """What could not be done, and why; each is logged once"""

    async def run(self) -> None:
        """Rounds until `close`; what was told by then is written down."""
        await self._rest(self._first_s)
        while not self._closing.is_set():
            await self.round()
            await self._rest(self._every_s)

    def close(self) -> None:
        """Let `run` come to its end after the site in hand."""
        self._closing.set()

    async def round(self) -> None:
        """Tell what is due of every site. One that fails is passed over until the next round."""
        waiting: list[Night] = []
        for site in await self._done("listing sites", self._followed) or []:
            if self._closing.is_set():
                break
            began_s = time.monotonic()
            night = await self._done(f"site {site.key}", self._told, site)
            if night is not None and night.days:
                waiting.append(night)
            if sum(len(told.days) for told in waiting) >= DAYS_AT_ONCE:
                if not await self._written(waiting):
                    return
                waiting = []
            await self._rest(time.monotonic() - began_s)
        if waiting:
            await self._written(waiting)

    def _followed(self) -> list[Site]:
        return [site for site in self._sites() if site.main_channels]

    def _told(self, site: Site) -> Night:
        return self._nights.tell(site, self._now_ms())

    async def _written(self, nights: list[Night]) -> bool:
        def keep() -> bool:
            self._nights.keep(nights)
            return True

        return await self._done("writing down", keep) is True

    async def _done(self, what: str, work: Callable[..., _Answer], *of: Site) -> _Answer | None:
        """What the work, in a thread, comes to; None where it failed."""
        try:
            answer = await asyncio.to_thread(work, *of)
        except Exception as error:  # noqa: BLE001 - one site that fails must not stop the others
            if self.problems.get(what) != str(error):
                unforeseen = None if isinstance(error, ChowonError | OSError) else error
                _log.error("appliances of past days, %s: %s", what, error, exc_info=unforeseen)
            self.problems[what] = str(error)
            return None
        self.problems.pop(what, None)
        return answer

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
