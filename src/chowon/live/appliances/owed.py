"""Which sites are to be read from the store again, and when."""

from collections.abc import Collection, Iterable
from typing import Final

from chowon.domain.allowance import Allowance

REREAD_PER_S: Final = 1 / 60
REREAD_AT_ONCE: Final = 3
"""A site whose readings always come late is read again a few times at once, then once a minute"""
BEHIND_PER_S: Final = 1 / 3600
LATE_FOR_MS: Final = 60_000
"""A site of which readings came after their tick was told is read again a minute later, once an hour"""


class Owed:
    """Sites in the order in which they are owed. Not thread-safe: one owner."""

    def __init__(self) -> None:
        self._sites: dict[int, None] = {}
        self._late_ms: dict[int, int] = {}
        """Since when readings of sites come after their tick was told"""
        self._pace, self._behind = Allowance(REREAD_PER_S, REREAD_AT_ONCE), Allowance(BEHIND_PER_S, 1)

    def add(self, sites: Iterable[int]) -> None:
        """These are to be read, as soon as they may."""
        self._sites.update(dict.fromkeys(sites))

    def late(self, site_id: int, now_ms: int) -> None:
        """Of this one something came after its tick was told."""
        self._late_ms.setdefault(site_id, now_ms)

    def done(self, site_id: int) -> None:
        """This one is being read, or gone."""
        self._sites.pop(site_id, None)
        self._late_ms.pop(site_id, None)

    def due(self, followed: Collection[int], now_ms: int) -> list[int]:
        """Those to be read now; of sites that nobody follows nothing is owed."""
        for site_id, since_ms in list(self._late_ms.items()):
            waited = not 0 <= now_ms - since_ms < LATE_FOR_MS
            if waited and self._behind.takes(site_id, now_ms / 1000):
                self._sites[site_id] = None
        for gone in [site_id for site_id in self._sites if site_id not in followed]:
            self.done(gone)
        return [site_id for site_id in self._sites if self._pace.takes(site_id, now_ms / 1000)]
