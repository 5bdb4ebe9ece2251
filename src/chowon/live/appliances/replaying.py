"""A site as its readings of the last day tell it: after a start, and after readings that came late."""

from dataclasses import dataclass

from chowon.domain.sites import Site
from chowon.live.appliances.home import REMEMBERED_MS, Home
from chowon.live.appliances.mains import Stream, measured
from chowon.live.appliances.rows import Rows
from chowon.ports import History


@dataclass(frozen=True, slots=True)
class Again:
    """What they tell."""

    home: Home
    rows: Rows
    """Of this site alone"""
    mains: Stream


def read_again(history: History, site: Site, home: Home, now_ms: int) -> Again:
    """Read the last day. Blocks. Errors: StoreUnavailable."""
    channels = [one.id for one in measured(site)]
    lone = Rows()
    lone.add(site)
    fed = lone.feed(history.readings(channels, now_ms - REMEMBERED_MS, now_ms + 1))
    return Again(home.anew(fed.edges), lone, fed.stream)
