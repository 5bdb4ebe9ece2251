"""Green Button (NAESB ESPI): a utility's record of use by interval, an Atom feed.

Each `IntervalBlock` belongs to a `MeterReading`, that to a `ReadingType` (unit, power of ten, direction) and
to a `UsagePoint`; they stand in entries of their own and point to one another by links. Energy in Wh (uom 72)
is value × 10^powerOfTenMultiplier; direction 1 is delivered to the customer, 19 received from the customer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from chowon.domain.quantities import I64
from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters.decoded import Findings

MOST_BYTES: Final = 64 * 2**20
ELECTRICITY: Final = "0"
_WH: Final = "72"
_ATOM: Final = "{http://www.w3.org/2005/Atom}"
_ESPI: Final = "{http://naesb.org/espi}"
_FLOWS: Final = {"1": "import", "19": "export"}
_DAY_S: Final = 86_400
_LONGEST_S: Final = 31 * _DAY_S
_MOST_MILLIWH: Final = 2**53
_MOST_BLOCKS: Final = 1_000_000
_DEEPEST_LINK: Final = 32


@dataclass(frozen=True, slots=True)
class Intervals:
    """What flowed one way at one usage point, by interval, in order of time."""

    point: int
    """0 for the feed's first usage point with electricity, and so on"""
    flow: str
    """"import" or "export\""""
    start_ms: I64
    """(n,) ms UTC"""
    duration_ms: I64
    """(n,)"""
    milliwh: I64
    """(n,) energy of the interval, 0.001 Wh"""


@dataclass(frozen=True, slots=True)
class GreenButton:
    """A feed's electricity."""

    series: tuple[Intervals, ...]
    problems: tuple[Problem, ...]
    rejected: int
    """Intervals that cannot be used"""


@dataclass(slots=True)
class _Entry:
    """One Atom entry: what it holds, and where it points."""

    content: Element
    links: dict[str, set[str]] = field(default_factory=dict)


def parse(payload: bytes) -> GreenButton:
    """The electricity of a feed. Errors: PayloadRejected for what is no such feed, or has none."""
    entries = _entries(_root(payload))
    types = {
        at: e.content for e in entries if e.content.tag == f"{_ESPI}ReadingType" for at in e.links["self"]
    }
    points = _Points([e for e in entries if e.content.tag == f"{_ESPI}UsagePoint"])
    blocks = _Blocks([e for e in entries if e.content.tag == f"{_ESPI}IntervalBlock"])
    findings, refused = Findings(), [0]
    found: dict[tuple[int, str], list[tuple[int, int, int]]] = {}
    for reading in (e for e in entries if e.content.tag == f"{_ESPI}MeterReading"):
        point = points.of(reading)
        kind = next((types[at] for at in sorted(reading.links["related"]) if at in types), None)
        if point is None or kind is None or _text(kind, "uom") != _WH:
            continue  # gas, water, or a quantity other than energy
        flow = _FLOWS.get(_text(kind, "flowDirection") or "1")
        power = _whole(_text(kind, "powerOfTenMultiplier") or "0")
        if flow is None or power is None or abs(power) > 12:
            what = f"direction {_text(kind, 'flowDirection')}, power of ten {power}"
            findings.add("ReadingType", what, "direction 1 or 19, a power of ten from −12 to 12")
            continue
        rows = found.setdefault((point, flow), [])
        for block in blocks.of(reading):
            rows.extend(_rows(block, power, findings, refused))
    if not any(found.values()):
        raise _refused("no interval of electricity in Wh", "IntervalBlocks of a ReadingType with uom 72")
    series = tuple(_series(point, flow, rows) for (point, flow), rows in sorted(found.items()) if rows)
    return GreenButton(series, findings.problems(), refused[0])


def _root(payload: bytes) -> Element:
    if len(payload) > MOST_BYTES:
        raise _refused(f"{len(payload)} bytes", f"at most {MOST_BYTES}; ask the utility for a shorter time")
    try:
        root: Element = fromstring(payload)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise _refused(f"{type(error).__name__}: {shortened(str(error))}", "XML without entities") from error
    if root.tag != f"{_ATOM}feed":
        raise _refused(shortened(root.tag), "an Atom feed, as Download My Data gives it")
    return root


def _entries(root: Element) -> list[_Entry]:
    found: list[_Entry] = []
    for entry in root.findall(f"{_ATOM}entry"):
        links: dict[str, set[str]] = {"self": set(), "up": set(), "related": set()}
        for link in entry.findall(f"{_ATOM}link"):
            links.setdefault(link.get("rel", ""), set()).add(link.get("href", "").rstrip("/"))
        content = entry.find(f"{_ATOM}content")
        found.extend(_Entry(child, links) for child in (content if content is not None else ()))
    return found


class _Points:
    """Usage points by the links that lead to them."""

    def __init__(self, points: list[_Entry]) -> None:
        electric = [p for p in points if _text(p.content, "ServiceCategory/kind") in (None, ELECTRICITY)]
        self._only = len(points) <= 1 and (bool(electric) or not points)
        self._above: dict[str, int] = {}
        self._at: dict[str, int] = {}
        for n, point in enumerate(electric):
            for link in point.links["self"]:
                self._above.setdefault(link, n)
            for link in point.links["self"] | point.links["related"]:
                self._at.setdefault(link, n)

    def of(self, reading: _Entry) -> int | None:
        """Which one a meter reading belongs to; the only one, where links don't say.

        None for one without electricity.
        """
        ups = reading.links["up"]
        found = [self._at[up] for up in ups if up in self._at]
        found += [self._above[above] for up in ups for above in _above(up) if above in self._above]
        return min(found, default=0 if self._only else None)


class _Blocks:
    """Blocks of intervals by the links under which a meter reading names them."""

    def __init__(self, blocks: list[_Entry]) -> None:
        self._blocks = blocks
        self._at: dict[str, list[int]] = {}
        self._given = 0
        for n, block in enumerate(blocks):
            ups = block.links["up"]
            for link in block.links["self"] | ups | {up.rsplit("/", 1)[0] for up in ups}:
                self._at.setdefault(link, []).append(n)

    def of(self, reading: _Entry) -> Iterator[Element]:
        """Those of a meter reading, in the feed's order. Errors: PayloadRejected."""
        near = reading.links["related"] | reading.links["self"]
        for n in sorted({n for link in near for n in self._at.get(link, ())}):
            self._given += 1
            if self._given > _MOST_BLOCKS:
                raise _refused("blocks that belong to many readings at once", "each block once")
            yield self._blocks[n].content


def _above(link: str) -> Iterator[str]:
    """What stands above a link: "a/b/c" is below "a/b" and "a"."""
    for _ in range(_DEEPEST_LINK):
        link, slash, _last = link.rpartition("/")
        if not slash:
            return
        yield link


def _rows(
    block: Element, power: int, findings: Findings, refused: list[int]
) -> Iterator[tuple[int, int, int]]:
    """(start ms, duration ms, milliwh) of each interval that can be used."""
    for n, reading in enumerate(block.findall(f"{_ESPI}IntervalReading")):
        row = _row(reading, power)
        if row is not None:
            yield row
            continue
        refused[0] += 1
        cells = [_text(reading, path) for path in ("timePeriod/start", "timePeriod/duration", "value")]
        findings.add(
            f"IntervalReading[{n}] of the block at {_text(block, 'interval/start')}",
            "start {}, duration {}, value {}".format(*(shortened(cell) for cell in cells)),
            "start and duration in seconds (up to 31 days), and a value of 0 or more",
        )


def _row(reading: Element, power: int) -> tuple[int, int, int] | None:
    start = _whole(_text(reading, "timePeriod/start"))
    duration = _whole(_text(reading, "timePeriod/duration"))
    value = _whole(_text(reading, "value"))
    if start is None or duration is None or value is None:
        return None
    milliwh = _scaled(value, power + 3)
    if milliwh is None or not 0 <= start < 2**33 or not 0 < duration <= _LONGEST_S:
        return None
    return start * 1000, duration * 1000, milliwh


def _scaled(value: int, power: int) -> int | None:
    """value × 10^power, to the nearest whole; None below 0 or beyond what a reading holds."""
    if value < 0 or len(str(value)) + power > 18:
        return None
    scaled = value * 10**power if power >= 0 else round(value / 10**-power)
    return scaled if scaled < _MOST_MILLIWH else None


def _series(point: int, flow: str, rows: list[tuple[int, int, int]]) -> Intervals:
    """In order of time; of equal starts the one that stands last in the feed."""
    latest: Mapping[int, tuple[int, int, int]] = {row[0]: row for row in rows}
    columns = np.array([latest[start] for start in sorted(latest)], np.int64).reshape(-1, 3).T
    return Intervals(point, flow, columns[0], columns[1], columns[2])


def _text(element: Element, path: str) -> str | None:
    found: Any = element.find("/".join(f"{_ESPI}{part}" for part in path.split("/")))
    return None if found is None or found.text is None else found.text.strip()


def _whole(text: str | None) -> int | None:
    try:
        return int(text) if text is not None and len(text) <= 20 else None
    except ValueError:
        return None


def _refused(found: str, expected: str) -> PayloadRejected:
    return PayloadRejected("the Green Button file cannot be read", [Problem("file", found, expected)])
