"""How many days of the past a channel may touch: one that sends stamps from anywhere makes a file for each.

The lake keeps a file a day. History sent in order, or a device that catches up, touches few days at a time; a
clock that jumps about touches another one with every reading, and each costs as much to keep as a whole day.
"""

from typing import Final

import numpy as np

from chowon.domain.allowance import Allowance
from chowon.domain.quantities import DAY_MS, Bools
from chowon.domain.readings import Readings

RECENT_MS: Final = 2 * DAY_MS
"""What is not older is no past day."""
AT_ONCE: Final = 5000
"""Days of the past of one channel: more than 13 years of history ..."""
PER_S: Final = 0.1
"""... and then one in ten seconds. A command that reads files into the data folder has no such bound."""
EXPECTED: Final = (
    f"at most {AT_ONCE} different days of the past of one channel: check the meter's clock, or take history "
    "in with `chowon import` while the server is stopped"
)


class PastDays:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._allowance = Allowance(PER_S, AT_ONCE)
        self._last: dict[int, int] = {}
        """channel → the past day that it touched last: going on with it is free"""

    def within(self, readings: Readings, received_ms: int) -> Bools | None:
        """(n,) which may be kept; None: all."""
        old = readings.time_ms < received_ms - RECENT_MS
        if not old.any():
            return None
        keep = np.ones(len(readings), np.bool_)
        days = readings.time_ms // DAY_MS
        for channel in np.unique(readings.channel[old]).tolist():
            mine = old & (readings.channel == channel)
            touched = np.unique(days[mine])
            fresh = int(np.count_nonzero(touched != self._last.get(channel, -1)))
            if self._allowance.takes(channel, received_ms / 1000, fresh):
                self._last[channel] = int(days[mine][-1])
            else:
                keep[mine] = False
        return None if keep.all() else keep
