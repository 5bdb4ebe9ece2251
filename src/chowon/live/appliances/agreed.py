"""What the clusters of sites may be, and what they seem not to have: a model of what is over is asked about
one site at a time, in the background."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from chowon.domain.nilm.events.agreeing import Agreeing, agreeing
from chowon.domain.nilm.events.following import Run
from chowon.domain.nilm.events.known import Known
from chowon.domain.nilm.power import Power
from chowon.domain.quantities import DAY_MS, HOUR_MS, MINUTE_MS
from chowon.domain.sites import Site
from chowon.live.appliances.home import Home

ASKED_MS: Final = HOUR_MS
"""About each site so often"""
LOOKED_AT_MS: Final = 31 * DAY_MS
"""Of so long a model can say what a home has"""
KNOWN_MINUTES: Final = 7 * DAY_MS // MINUTE_MS
"""From so many on it can say what a home has not"""
Teller = Callable[[Site, int, int], Mapping[str, Power]]
"""(site, from ms, to ms) → the power of each kind, as a model tells it; blocks"""


@dataclass(slots=True)
class _Asked:
    """One site."""

    at_ms: int = 0
    found: dict[int, Agreeing] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()


class Agreed:
    """Belongs to the event loop; only the model is asked in a thread."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._sites: dict[int, _Asked] = {}

    def of(self, site_id: int, known: Known, without: Collection[str]) -> dict[int, Agreeing]:
        """By cluster; not what a person denied, nor kinds that the site has not."""
        asked = self._sites.get(site_id)
        return {
            cluster: one
            for cluster, one in ({} if asked is None else asked.found).items()
            if one.kind not in without
            and (cluster, one.kind) not in known.refused
            and cluster not in known.not_mine
        }

    def absent(self, site_id: int) -> frozenset[str]:
        """Kinds that the site seems not to have: of a week and more nothing was told of them."""
        asked = self._sites.get(site_id)
        return frozenset() if asked is None else asked.absent

    def drop(self, site_id: int) -> None:
        """A site is followed no more, or is another one."""
        self._sites.pop(site_id, None)

    async def ask(self, homes: Iterable[tuple[Site, Home]], now_ms: int) -> Site | None:
        """About the site that waits longest, if one is due; gives it. Errors: StoreUnavailable."""
        due = [
            (asked, site, home)
            for site, home in homes
            if not 0 <= now_ms - (asked := self._sites.setdefault(site.id, _Asked())).at_ms < ASKED_MS
        ]
        if not due:
            return None
        asked, site, home = min(due, key=lambda one: one[0].at_ms)
        asked.at_ms = now_ms
        runs = [(cluster, one.run) for one in home.runs if (cluster := one.cluster) is not None]
        found, asked.absent = await asyncio.to_thread(_asked, self._teller, site, runs, now_ms)
        asked.found |= found
        return site


def _asked(
    teller: Teller, site: Site, runs: list[tuple[int, Run]], now_ms: int
) -> tuple[dict[int, Agreeing], frozenset[str]]:
    until_ms = now_ms // MINUTE_MS * MINUTE_MS
    told = teller(site, until_ms - LOOKED_AT_MS, until_ms)
    absent = [
        kind for kind, power in told.items() if not power.power_w.any() and power.known.sum() >= KNOWN_MINUTES
    ]
    return agreeing(runs, told), frozenset(absent)
