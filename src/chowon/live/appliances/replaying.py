"""Sites as their readings of the last day tell them: after a start, and after readings that came late."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chowon.domain.sites import Site
from chowon.live.appliances.home import REMEMBERED_MS, Home
from chowon.live.appliances.mains import Stream, measured
from chowon.live.appliances.rows import Rows
from chowon.ports import History


@dataclass(frozen=True, slots=True)
class Again:
    """What they tell, in the order in which sites were asked for."""

    homes: tuple[Home, ...]
    mains: tuple[Stream, ...]
    rows: Rows
    """Of these sites alone"""


def read_again(history: History, sites: Sequence[tuple[Site, Home]], now_ms: int) -> Again:
    """Read the last day, of all with one question. Blocks. Errors: StoreUnavailable."""
    rows = Rows()
    for site, _ in sites:
        rows.add(site)
    channels = [one.id for site, _ in sites for one in measured(site)]
    fed = rows.feed(history.readings(channels, now_ms - REMEMBERED_MS, now_ms + 1))
    edges = dict(fed.edges.by_row())
    none = fed.edges.where(np.zeros(0, np.int64))
    homes = tuple(home.anew(edges.get(row, none)) for row, (_, home) in enumerate(sites))
    return Again(homes, _by_row(fed.stream, len(sites)), rows)


def _by_row(stream: Stream, rows: int) -> tuple[Stream, ...]:
    order = np.argsort(stream.row, kind="stable")
    row, time_ms, power_dw = stream.row[order], stream.time_ms[order], stream.power_dw[order]
    ends = np.searchsorted(row, np.arange(1, rows))
    columns = (np.split(column, ends) for column in (row, time_ms, power_dw))
    return tuple(Stream(*each) for each in zip(*columns, strict=True))
