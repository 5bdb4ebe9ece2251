"""A site as its readings of the last day tell it: after a start, and after readings that came late."""

from collections.abc import Collection
from dataclasses import dataclass

from chowon.domain.sites import Site
from chowon.live.appliances.home import REMEMBERED_MS, Home
from chowon.live.appliances.keeping_up import CaughtUp
from chowon.live.appliances.kinds import Kinds
from chowon.live.appliances.mains import measured
from chowon.live.appliances.rows import Rows
from chowon.ports import History


@dataclass(frozen=True, slots=True)
class Again:
    """What they tell."""

    home: Home
    rows: Rows
    """Of this site alone"""
    kinds: CaughtUp | None


def read_again(
    history: History, site: Site, without: Collection[str], home: Home, now_ms: int, kinds: Kinds | None
) -> Again:
    """Read the last day. without: kinds of which nothing is told. Blocks. Errors: StoreUnavailable."""
    channels = [one.id for one in measured(site)]
    lone = Rows()
    lone.add(site)
    fed = lone.feed(history.readings(channels, now_ms - REMEMBERED_MS, now_ms + 1))
    caught = None
    if kinds is not None:
        every_ms, until_ms = float(lone.every_ms[0]), kinds.next_ms(now_ms)
        caught = kinds.caught_up(fed.stream, hold_ms_of(site), every_ms, without, until_ms)
    return Again(home.anew(fed.edges), lone, caught)


def hold_ms_of(site: Site) -> int:
    """For how long the newest reading of a site stands."""
    return max(one.hold_ms for one in site.main_channels)
