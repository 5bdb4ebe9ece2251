"""The state of every channel as arrays: a batch of readings is a few numpy operations, however many homes.

A reading that comes in order adds exactly the energy that a recomputation from raw would give. One that
comes late or again cannot: its channel is marked for `reconcile`, which sets it from the store. So is one
whose counter begins another quarter of an hour: the store settles the one that is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chowon.domain.energy import Held, held, import_dwms
from chowon.domain.quantities import ABSENT_I32, ABSENT_I64, I32, I64, MINUTE_MS, QUARTER_MS, U32, Bools
from chowon.domain.readings import Readings, latest
from chowon.live.quarters import Quarters, QuarterSums
from chowon.live.steps import LastStep, means, told

NEVER = np.int64(-(2**62))
"""Stands for "no reading yet" where a time is expected."""
GAP_SHOWN_MS = 15 * MINUTE_MS
"""A gap is pointed out for this long after it ended."""


@dataclass(frozen=True, slots=True)
class Window:
    """The instants, ms UTC, between which a channel's energy is summed up."""

    day_start_ms: int
    day_end_ms: int
    period_start_ms: int
    period_end_ms: int


@dataclass(frozen=True, slots=True)
class Sums:
    """What the store says about one channel: the basis that live state goes on from."""

    last_ms: int | None
    """Time of the newest reading with power, ms UTC; None when there is none."""
    last_dw: int
    """Its power, 0.1 W."""
    last_voltage_dv: int | None
    today_dwms: int
    today_known_ms: int
    period_dwms: int
    period_known_ms: int
    gap_end_ms: int | None
    """Where the channel's newest gap ended, ms UTC; None when it had none lately."""
    open_ms: int
    """From here on, ms UTC, it is reckoned from one look at raw readings: the quarter that is not over."""
    quarters: QuarterSums | None = None
    """The period's energy by quarter of an hour, where it was asked for."""
    step: LastStep | None = None
    """The newest step of its counter; None when it told none lately."""


class ChannelStates:
    """Arrays over channels, a "slot" each. Not thread-safe: one owner, the live loop.

    The arrays have room to grow; slots from `slots` are the only valid indices.
    """

    hold_ms: I64
    """the longest silence that a sample bridges"""
    last_ms: I64
    """time of the newest sample, NEVER before the first"""
    last_dw: I32
    voltage_dv: I32
    gap_end_ms: I64
    """where the newest gap ended, NEVER without one"""
    counted_ms: I64
    """when its import counter was read last, NEVER without one"""
    counted_milliwh: I64
    step_ms: I64
    """how long the counter's newest step lasted, 0 without one that is plausible"""
    step_dw: I32
    """mean power over that step"""
    today_dwms: I64
    today_known_ms: I64
    period_dwms: I64
    period_known_ms: I64
    day_start_ms: I64
    day_end_ms: I64
    period_start_ms: I64
    period_end_ms: I64
    _channel: U32
    _dirty: Bools

    def __init__(self) -> None:
        self._count = 0
        self._slot_of: dict[int, int] = {}
        self._lookup: I64 = np.full(16, -1, np.int64)
        self.quarters = Quarters()
        for name, (dtype, value) in _COLUMNS.items():
            setattr(self, name, np.full(16, value, dtype))

    def __len__(self) -> int:
        return self._count

    def add(self, channel: int, hold_ms: int, window: Window) -> None:
        """Make room for a channel, or set a known one; new or changed, its sums must come from the store."""
        slot = self._slot_of.get(channel)
        if slot is not None and self.hold_ms[slot] == hold_ms and self.window_of(slot) == window:
            return  # of a site with a thousand channels one more must not cost a thousand questions
        if slot is None:
            slot = self._new_slot(channel)
        self.hold_ms[slot] = hold_ms
        self._set_window(np.array([slot]), window)
        if self.quarters.follows(slot):
            self.quarters.follow(slot, window.period_start_ms, window.period_end_ms)
        self._dirty[slot] = True

    def slots(self, channels: Sequence[int]) -> I64:
        """(n,) the slots of these channels. Errors: KeyError for one that was never added."""
        return np.array([self._slot_of[c] for c in channels], np.int64)

    def knows_all(self, channel: U32) -> bool:
        """Whether each of these channels (n,) has a slot."""
        return bool((self._slots_of_array(channel) >= 0).all())

    def knows(self, channel: int) -> bool:
        """Whether this channel has a slot."""
        return channel in self._slot_of

    def follow_quarters(self, slot: int, wanted: bool) -> None:
        """Whether energy by quarter of an hour is kept for this slot; a new one is set from the store."""
        if not wanted:
            self.quarters.leave(slot)
        elif not self.quarters.follows(slot):
            self.quarters.follow(slot, int(self.period_start_ms[slot]), int(self.period_end_ms[slot]))
            self._dirty[slot] = True

    def apply(self, readings: Readings) -> None:
        """Take in a durable batch. Readings of unknown channels are passed over."""
        self._see_counters(readings)
        if readings.power_dw is None or not len(readings):
            return
        slot = self._slots_of_array(readings.channel)
        fresh = latest(readings.where((slot >= 0) & (readings.power_dw != ABSENT_I32)))
        if not len(fresh):
            return
        slot = self._slots_of_array(fresh.channel)
        in_order = fresh.time_ms > self.last_ms[slot]
        same = (fresh.time_ms == self.last_ms[slot]) & (fresh.power_dw == self.last_dw[slot])
        self._dirty[slot[~(in_order | same)]] = True  # the very same once more changes nothing
        fresh, slot = fresh.where(in_order), slot[in_order]
        if len(fresh):
            self._extend(fresh, slot)

    def move_windows(self, slots: I64, window: Window) -> None:
        """A new day or period has begun for these slots: sums restart, from the store where data is newer."""
        backwards = slots[self.day_start_ms[slots] > window.day_start_ms]
        new_period = slots[self.period_start_ms[slots] != window.period_start_ms]
        self._set_window(slots, window)
        for sums in (self.today_dwms, self.today_known_ms):
            sums[slots] = 0
        for sums in (self.period_dwms, self.period_known_ms):
            sums[new_period] = 0
        for slot in new_period[[self.quarters.follows(s) for s in new_period.tolist()]].tolist():
            self.quarters.follow(slot, window.period_start_ms, window.period_end_ms)
        self._dirty[slots[self.last_ms[slots] > window.day_start_ms]] = True
        self._dirty[backwards] = True

    def window_of(self, slot: int) -> Window:
        """The window that a slot sums up in."""
        return Window(
            int(self.day_start_ms[slot]),
            int(self.day_end_ms[slot]),
            int(self.period_start_ms[slot]),
            int(self.period_end_ms[slot]),
        )

    def set_from_store(self, channel: int, sums: Sums) -> None:
        """Set a channel from a recomputation. What came in meanwhile has to be applied again."""
        slot = self._slot_of[channel]
        self.last_ms[slot] = NEVER if sums.last_ms is None else sums.last_ms
        self.last_dw[slot] = sums.last_dw
        self.voltage_dv[slot] = ABSENT_I32 if sums.last_voltage_dv is None else sums.last_voltage_dv
        self.today_dwms[slot] = sums.today_dwms
        self.today_known_ms[slot] = sums.today_known_ms
        self.period_dwms[slot] = sums.period_dwms
        self.period_known_ms[slot] = sums.period_known_ms
        self.gap_end_ms[slot] = NEVER if sums.gap_end_ms is None else sums.gap_end_ms
        step = sums.step or LastStep(int(NEVER), 0, 0, 0)
        self.counted_ms[slot], self.counted_milliwh[slot] = step.end_ms, step.milliwh
        self.step_ms[slot], self.step_dw[slot] = step.lasted_ms, step.power_dw
        if sums.quarters is not None:
            self.quarters.set(slot, sums.quarters)

    def mark_dirty(self, channels: Sequence[int]) -> None:
        """These channels' sums must be set from the store."""
        self._dirty[self.slots(channels)] = True

    def take_dirty(self) -> list[int]:
        """The channels whose sums must be set from the store; they count as clean from here on."""
        slots = np.flatnonzero(self._dirty[: self._count])
        self._dirty[slots] = False
        return [int(c) for c in self._channel[slots]]

    def _see_counters(self, readings: Readings) -> None:
        """Note the newest steps; late readings and new quarters of an hour are for the store."""
        slot = self._slots_of_array(readings.channel)
        known = (slot >= 0) & told(readings)
        if not known.any():
            return
        slot, time_ms = slot[known], readings.time_ms[known]
        seen_ms = self.counted_ms[slot]
        late = time_ms < seen_ms
        turned = (seen_ms != NEVER) & (time_ms // QUARTER_MS > seen_ms // QUARTER_MS)
        self._dirty[slot[late | turned]] = True
        if readings.import_milliwh is None:
            np.maximum.at(self.counted_ms, slot, time_ms)
            return
        value = readings.import_milliwh[known]
        order = np.lexsort((time_ms, slot))
        for at in (order[_next_to_last(slot[order])], order[_last(slot[order])]):
            self._step(slot[at], time_ms[at], value[at])

    def _step(self, slot: I64, time_ms: I64, value: I64) -> None:
        """A counter's next reading, one a slot."""
        newer = (time_ms > self.counted_ms[slot]) & (value != ABSENT_I64)
        slot, time_ms, value = slot[newer], time_ms[newer], value[newer]
        before = self.counted_ms[slot]
        lasted_ms, power_dw = means(before, self.counted_milliwh[slot], time_ms, value)
        self.step_ms[slot], self.step_dw[slot] = lasted_ms, power_dw
        self.counted_ms[slot], self.counted_milliwh[slot] = time_ms, value

    def _extend(self, fresh: Readings, slot: I64) -> None:
        """Add in-order readings, sorted by (channel, time), behind what each channel had last."""
        touched = np.unique(slot)
        before = touched[self.last_ms[touched] != NEVER]
        chain = latest(
            Readings(
                np.concatenate([self._channel[before], fresh.channel]),
                np.concatenate([self.last_ms[before], fresh.time_ms]),
                np.concatenate([self.last_dw[before], fresh.power_dw]),
            )
        )
        chain_slot = self._slots_of_array(chain.channel)
        pieces = held(chain, self.hold_ms[chain_slot])
        self._add_energy(pieces, chain_slot)
        silent = np.zeros(len(chain), np.bool_)
        silent[:-1] = (pieces.held_ms[:-1] == 0) & (chain_slot[1:] == chain_slot[:-1])
        after = np.flatnonzero(silent) + 1
        np.maximum.at(self.gap_end_ms, chain_slot[after], chain.time_ms[after])
        ends = np.flatnonzero(np.append(slot[1:] != slot[:-1], [True]))
        self.last_ms[slot[ends]] = fresh.time_ms[ends]
        assert fresh.power_dw is not None
        self.last_dw[slot[ends]] = fresh.power_dw[ends]
        if fresh.voltage_dv is not None:
            told = fresh.voltage_dv != ABSENT_I32
            self.voltage_dv[slot[told]] = fresh.voltage_dv[told]

    def _add_energy(self, pieces: Held, slot: I64) -> None:
        for energy, covered, start, end in (
            (self.today_dwms, self.today_known_ms, self.day_start_ms, self.day_end_ms),
            (self.period_dwms, self.period_known_ms, self.period_start_ms, self.period_end_ms),
        ):
            begin = np.clip(pieces.time_ms, start[slot], end[slot])
            stop = np.clip(pieces.time_ms + pieces.held_ms, start[slot], end[slot])
            inside = Held(pieces.channel, begin, pieces.power_dw, stop - begin)
            np.add.at(energy, slot, import_dwms(inside))
            np.add.at(covered, slot, inside.held_ms)
        self.quarters.add(pieces, slot)

    def _slots_of_array(self, channel: U32) -> I64:
        known = channel < len(self._lookup)
        return np.where(known, self._lookup[np.where(known, channel, 0)], -1)

    def _set_window(self, slots: I64, window: Window) -> None:
        self.day_start_ms[slots] = window.day_start_ms
        self.day_end_ms[slots] = window.day_end_ms
        self.period_start_ms[slots] = window.period_start_ms
        self.period_end_ms[slots] = window.period_end_ms

    def _new_slot(self, channel: int) -> int:
        slot = self._count
        self._count += 1
        if self._count > len(self._channel):
            for name, (dtype, value) in _COLUMNS.items():
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.full(len(old), value, dtype)]))
        if channel >= len(self._lookup):
            wider = np.full(max(channel + 1, 2 * len(self._lookup)), -1, np.int64)
            wider[: len(self._lookup)] = self._lookup
            self._lookup = wider
        self._lookup[channel] = slot
        self._channel[slot] = channel
        self._slot_of[channel] = slot
        return slot


def _last(slot: I64) -> I64:
    """Where the last row of each slot is; sorted."""
    return np.flatnonzero(np.append(slot[1:] != slot[:-1], True))


def _next_to_last(slot: I64) -> I64:
    """Where the row before that is, of slots that have one."""
    before = _last(slot) - 1
    found: I64 = before[(before >= 0) & (slot[before] == slot[before + 1])]
    return found


_COLUMNS: dict[str, tuple[type[np.generic], object]] = {
    "_channel": (np.uint32, 0),
    "hold_ms": (np.int64, 0),
    "last_ms": (np.int64, NEVER),
    "last_dw": (np.int32, 0),
    "voltage_dv": (np.int32, ABSENT_I32),
    "gap_end_ms": (np.int64, NEVER),
    "counted_ms": (np.int64, NEVER),
    "counted_milliwh": (np.int64, 0),
    "step_ms": (np.int64, 0),
    "step_dw": (np.int32, 0),
    "today_dwms": (np.int64, 0),
    "today_known_ms": (np.int64, 0),
    "period_dwms": (np.int64, 0),
    "period_known_ms": (np.int64, 0),
    "day_start_ms": (np.int64, 0),
    "day_end_ms": (np.int64, 0),
    "period_start_ms": (np.int64, 0),
    "period_end_ms": (np.int64, 0),
    "_dirty": (np.bool_, False),
}
