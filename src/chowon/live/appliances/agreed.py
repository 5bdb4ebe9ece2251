"""What the clusters of sites may be: a model is asked about one site at a time, in the background."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from chowon.domain.nilm.events.agreeing import Agreeing, agreeing
from chowon.domain.nilm.events.following import Run
from chowon.domain.nilm.events.known import Known
from chowon.domain.nilm.power import Power
from chowon.domain.quantities import HOUR_MS, MINUTE_MS
from chowon.domain.sites import Site
from chowon.live.appliances.home import REMEMBERED_MS, Home

ASKED_MS: Final = HOUR_MS
"""About each site so often"""
Teller = Callable[[Site, int, int], Mapping[str, Power]]
"""(site, from ms, to ms) → the power of each kind, as a model tells it; blocks"""


@dataclass(slots=True)
class _Asked:
    """One site."""

    at_ms: int = 0
    found: dict[int, Agreeing] = field(default_factory=dict)


class Agreed:
    """Belongs to the event loop; only the model is asked in a thread."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._sites: dict[int, _Asked] = {}

    def of(self, site_id: int, known: Known) -> dict[int, Agreeing]:
        """By cluster; not what a person denied."""
        asked = self._sites.get(site_id)
        return {
            cluster: one
            for cluster, one in ({} if asked is None else asked.found).items()
            if (cluster, one.kind) not in known.refused and cluster not in known.not_mine
        }

    def drop(self, site_id: int) -> None:
        """A site is followed no more, or is another one."""
        self._sites.pop(site_id, None)

    async def ask(self, homes: Iterable[tuple[Site, Home]], now_ms: int) -> None:
        """About the site that waits longest, if one is due. Errors: StoreUnavailable."""
        due = [
            (asked, site, home)
            for site, home in homes
            if home.runs
            and not 0 <= now_ms - (asked := self._sites.setdefault(site.id, _Asked())).at_ms < ASKED_MS
        ]
        if due:
            asked, site, home = min(due, key=lambda one: one[0].at_ms)
            asked.at_ms = now_ms
            runs = [(cluster, one.run) for one in home.runs if (cluster := one.cluster) is not None]
            asked.found |= await asyncio.to_thread(_agreed, self._teller, site, runs, now_ms)


def _agreed(teller: Teller, site: Site, runs: list[tuple[int, Run]], now_ms: int) -> dict[int, Agreeing]:
    until_ms = now_ms // MINUTE_MS * MINUTE_MS
    return agreeing(runs, teller(site, until_ms - REMEMBERED_MS, until_ms))
