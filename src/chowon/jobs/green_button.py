"""A site's use as a Green Button file (NAESB ESPI): quarters of an hour, taken from the grid and given to it.

The reader is meters/green_button.py. Fixed values (ESPI's ReadingType): accumulationBehaviour 4 is deltaData,
commodity 1 electricity, kind 12 energy, uom 72 Wh, flowDirection 1 forward and 19 reverse; values are mWh
(powerOfTenMultiplier −3), rounded so that every sum from the first interval on is right to the mWh.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element, ElementTree, SubElement, register_namespace

import numpy as np

from chowon.domain.quantities import DAY_MS, DWMS_PER_WH, I64, QUARTER_MS
from chowon.domain.site_usage import site_usage
from chowon.domain.sites import Site
from chowon.ports import History

FLOWS: Final = (("import", "1"), ("export", "19"))
"""(name, ESPI's flowDirection)"""
_ATOM: Final = "http://www.w3.org/2005/Atom"
_ESPI: Final = "http://naesb.org/espi"
_NAMES: Final = uuid.UUID("2f5c1b5e-7a0e-5c0c-9a36-1d1f6f0b6c55")
"""Under which the ids of entries are made: the same entry has the same id in every file"""
_DWMS_PER_MILLIWH: Final = DWMS_PER_WH // 1000
_ROOT: Final = "/espi/1_1/resource"


def green_button(
    history: History, site: Site, start_ms: int, end_ms: int, now_ms: int
) -> tuple[ElementTree, int]:
    """(the feed, how many intervals) of the quarters of an hour that [start, end) touches and that are over.

    Those in which nothing was heard are left out; so is the other direction of a site that never gave.
    Errors: StoreUnavailable, Damaged.
    """
    channels = [channel.id for channel in site.main_channels]
    first = start_ms // QUARTER_MS * QUARTER_MS
    end = min(-(-end_ms // QUARTER_MS), now_ms // QUARTER_MS) * QUARTER_MS
    used = site_usage(history.rollup(channels, first, end, "15min", site.timezone), channels)
    register_namespace("", _ATOM)
    register_namespace("espi", _ESPI)
    feed, intervals = Feed(site, now_ms), 0
    feed.describe()
    for (flow, direction), energy in zip(FLOWS, (used.import_dwms, used.export_dwms), strict=True):
        if flow == "import" or energy.any():
            feed.measured(flow, direction, used.start_ms, milliwh(energy))
            intervals += len(used)
    return ElementTree(feed.root), intervals


def milliwh(energy_dwms: I64) -> I64:
    """(n,) whole mWh of each interval, whose sum up to any of them is that of the energy, to the mWh."""
    up_to = np.cumsum(energy_dwms) // _DWMS_PER_MILLIWH
    return np.diff(up_to, prepend=np.int64(0))


class Feed:
    """An Atom feed in the making."""

    def __init__(self, site: Site, now_ms: int) -> None:
        self._site, self._updated = site, _instant(now_ms)
        self.root = _under(None, "feed")
        _text(self.root, "id", self._id(""))
        _text(self.root, "title", f"Green Button: {site.name}")
        _text(self.root, "updated", self._updated)
        self._point = f"{_ROOT}/UsagePoint/{site.key}"

    def describe(self) -> None:
        """The usage point: a place with electricity."""
        related = (f"{self._point}/MeterReading",)
        content = self._entry(self._point, f"{_ROOT}/UsagePoint", related, self._site.name)
        point = SubElement(content, f"{{{_ESPI}}}UsagePoint")
        _espi(SubElement(point, f"{{{_ESPI}}}ServiceCategory"), kind="0")

    def measured(self, flow: str, direction: str, start_ms: I64, energy_milliwh: I64) -> None:
        """One direction: its meter reading, what its numbers mean, and a block a UTC day."""
        reading, kind = f"{self._point}/MeterReading/{flow}", f"{_ROOT}/ReadingType/{flow}"
        blocks = f"{reading}/IntervalBlock"
        content = self._entry(reading, f"{self._point}/MeterReading", (blocks, kind), flow)
        SubElement(content, f"{{{_ESPI}}}MeterReading")
        content = self._entry(kind, f"{_ROOT}/ReadingType", (), f"{flow}, Wh by quarter of an hour")
        _espi(
            SubElement(content, f"{{{_ESPI}}}ReadingType"),
            accumulationBehaviour="4",
            commodity="1",
            flowDirection=direction,
            intervalLength=str(QUARTER_MS // 1000),
            kind="12",
            powerOfTenMultiplier="-3",
            uom="72",
        )
        for day, rows in _days(start_ms):
            content = self._entry(f"{blocks}/{day}", blocks, (), "")
            self._block(content, start_ms[rows], energy_milliwh[rows])

    def _block(self, content: Element, start_ms: I64, energy_milliwh: I64) -> None:
        block = SubElement(content, f"{{{_ESPI}}}IntervalBlock")
        first, end = int(start_ms[0]) // 1000, (int(start_ms[-1]) + QUARTER_MS) // 1000
        _espi(SubElement(block, f"{{{_ESPI}}}interval"), duration=str(end - first), start=str(first))
        length = str(QUARTER_MS // 1000)
        for start, energy in zip((start_ms // 1000).tolist(), energy_milliwh.tolist(), strict=True):
            reading = SubElement(block, f"{{{_ESPI}}}IntervalReading")
            _espi(SubElement(reading, f"{{{_ESPI}}}timePeriod"), duration=length, start=str(start))
            _espi(reading, value=str(energy))

    def _entry(self, own: str, above: str, related: tuple[str, ...], title: str) -> Element:
        """The content of a new entry with its links."""
        entry = _under(self.root, "entry")
        _text(entry, "id", self._id(own))
        for rel, href in (("self", own), ("up", above), *(("related", r) for r in related)):
            SubElement(entry, f"{{{_ATOM}}}link", {"rel": rel, "href": href})
        _text(entry, "title", title)
        content = _under(entry, "content")
        _text(entry, "published", self._updated)
        _text(entry, "updated", self._updated)
        return content

    def _id(self, what: str) -> str:
        return f"urn:uuid:{uuid.uuid5(_NAMES, f'{self._site.key}{what}')}"


def _days(start_ms: I64) -> Iterator[tuple[int, slice]]:
    """(UTC day since 1970, its rows) of rows sorted by start."""
    days, first = np.unique(start_ms // DAY_MS, return_index=True)
    ends = [*first.tolist()[1:], len(start_ms)][: len(first)]
    for day, begin, end in zip(days.tolist(), first.tolist(), ends, strict=True):
        yield day, slice(begin, end)


def _under(parent: Element | None, name: str) -> Element:
    tag = f"{{{_ATOM}}}{name}"
    return Element(tag) if parent is None else SubElement(parent, tag)


def _text(parent: Element, name: str, text: str) -> None:
    _under(parent, name).text = text


def _espi(parent: Element, **values: str) -> None:
    for name, text in values.items():
        SubElement(parent, f"{{{_ESPI}}}{name}").text = text


def _instant(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
