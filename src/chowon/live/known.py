"""Which sites' tariffs are still to be made ready with prices and records, and when to look again."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final, Protocol

from chowon.domain.bill import Prepared
from chowon.domain.clock import Period
from chowon.domain.sites import Site
from chowon.errors import ChowonError, StoreUnavailable
from chowon.live.view import Frame

LOOK_MS: Final = 2000
"""How often it is looked at whether prices or records have changed."""
RETRY_MS: Final = 5000
"""How long after a failure it is tried again."""
_log = logging.getLogger(__name__)


class Billing(Protocol):
    """What is known of a site's period besides the use: prices, records (jobs.billing)."""

    def prepared(self, site: Site, period: Period, now_ms: int) -> Prepared:
        """The site's tariff with all that is known. Errors: those of a store or a tariff."""

    def revision(self) -> int:
        """Grows when prices or records change. Errors: StoreUnavailable."""


class KnownBilling:
    """Completes frames for sites that somebody looks at; one owner, the live loop."""

    def __init__(self, billing: Billing, now: Callable[[], int]) -> None:
        self._billing, self._now = billing, now
        self._owed: dict[int, int] = {}
        """by site: its last call of `owe`, so that a change while a frame is completed is not lost"""
        self._times = 0
        self._not_before_ms: dict[int, int] = {}
        self._completing = asyncio.Lock()
        self._revision: int | None = None
        self._looked_ms: int | None = None

    def owe(self, sites: Iterable[int]) -> None:
        """These sites' frames are to be completed, or again."""
        self._times += 1
        for site_id in sites:
            self._owed[site_id] = self._times
            self._not_before_ms.pop(site_id, None)

    async def look(self, sites: Iterable[int]) -> None:
        """Owe all sites their frames where prices or records have changed since the last look."""
        now_ms = self._now()
        if self._looked_ms is not None and 0 <= now_ms - self._looked_ms < LOOK_MS:
            return
        self._looked_ms = now_ms
        try:
            revision = await asyncio.to_thread(self._billing.revision)
        except StoreUnavailable as error:
            _log.warning("prices and records cannot be read: %s", error)
            return
        if revision != self._revision:
            self._revision = revision
            self.owe(sites)

    async def complete(self, site: Site, frames: dict[int, Frame]) -> None:
        """Put the site's frame with all that is known in place of the bare one, if it is owed."""
        if site.id not in self._owed:
            return
        async with self._completing:
            frame, owed = frames.get(site.id), self._owed.get(site.id)
            if (
                frame is None
                or owed is None
                or 0 < self._not_before_ms.get(site.id, 0) - self._now() <= RETRY_MS
            ):
                return
            found = await self._completed(site, frame)
            if frames.get(site.id) is frame:
                frames[site.id] = found
                if found.unpriced is None and self._owed.get(site.id) == owed:
                    del self._owed[site.id]

    async def _completed(self, site: Site, frame: Frame) -> Frame:
        try:
            prepared = await asyncio.to_thread(self._billing.prepared, site, frame.period, self._now())
        except ChowonError as error:
            if str(error) != str(frame.unpriced):
                _log.error("site %s has no bill now: %s", site.key, error)
            self._not_before_ms[site.id] = self._now() + RETRY_MS
            return replace(frame, unpriced=error)
        return replace(frame, prepared=prepared, unpriced=None)
