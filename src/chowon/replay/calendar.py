"""Lays a recording onto the present: the same local time of day, the same weekday, over and over.

A home recorded from a Monday on is treated as if it had gone on like that ever since: the recording repeats
every whole number of weeks, and local time in the recording's zone becomes local time in the site's zone.
Nothing is remembered for that: the same recording and zones give the same shift on every machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from chowon.domain.quantities import DAY_MS

WEEK_MS = 7 * DAY_MS


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the present that is one unbroken stretch of the recording."""

    start_ms: int
    """When it is played, ms UTC"""
    recorded_start_ms: int
    recorded_end_ms: int
    """The end of what is played, ms UTC of the recording; not part of the piece"""


@dataclass(frozen=True, slots=True)
class Shift:
    """Which instant of a recording is played when: `start_ms` at `origin_ms`, then round and round.

    Offsets to UTC are those at the moment of laying: in a zone with summer time the replayed day moves by an
    hour against the clock on the wall when the clock changes, until the recording is laid again.
    """

    start_ms: int
    """Start of the part of the recording that is played, ms UTC"""
    loop_ms: int
    """How much of it is played before it starts again"""
    origin_ms: int
    """An instant at which `start_ms` is played"""

    def recording_ms(self, time_ms: int) -> int:
        """The instant of the recording that is played at `time_ms`."""
        return self.start_ms + (time_ms - self.origin_ms) % self.loop_ms

    def pieces(self, start_ms: int, end_ms: int) -> Iterator[Piece]:
        """[start_ms, end_ms) of the present, cut where the recording starts again."""
        while start_ms < end_ms:
            recorded = self.recording_ms(start_ms)
            length = min(end_ms - start_ms, self.start_ms + self.loop_ms - recorded)
            yield Piece(start_ms, recorded, recorded + length)
            start_ms += length


def laid_onto(start_ms: int, end_ms: int, recorded_in: ZoneInfo, site: ZoneInfo, at_ms: int) -> Shift:
    """The shift that plays a recording of [start_ms, end_ms) at its own local time of day and weekday.

    at_ms: the instant whose offset to UTC counts for the site, ms UTC. What goes beyond whole weeks is not
    played; a recording shorter than a week is cut to whole days (weekdays are then lost), and one shorter
    than a day is followed by silence until the day is full.
    """
    length = end_ms - start_ms
    unit = WEEK_MS if length >= WEEK_MS else DAY_MS
    loop_ms = max(length // unit, 1) * unit
    origin_ms = start_ms + _offset_ms(start_ms, recorded_in) - _offset_ms(at_ms, site)
    return Shift(start_ms, loop_ms, origin_ms)


def _offset_ms(time_ms: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(time_ms / 1000, zone).utcoffset() or timedelta()
    return offset // timedelta(milliseconds=1)
