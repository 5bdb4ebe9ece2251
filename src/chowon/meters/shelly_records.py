"""What a Shelly meter kept of its own while nobody listened: answers of EMData and EM1Data, for gaps.

The device stores the energy of each minute (some models: of each five) that it took and gave, not its
counters. A minute becomes one reading of mean power, (taken − given) ÷ its length, stamped at its start; the
counters on both sides of the gap say how much it was in all, these readings say when. Where both directions
occur within one minute only their difference can be told.

Sources: the vendor's pages on EMData and EM1Data (GetRecords, GetData). That `ts` is where the first interval
begins, not where it ends, is how they read; the device's own event about a minute, published a second after
the minute's end, carries the instant of its beginning (a message quoted in openHAB's issue 20155).
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from chowon.domain.quantities import I64
from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters.checks import F64, Rows, Sent, checked
from chowon.meters.decoded import Decoded, Envelope, Findings, joined, nothing
from chowon.meters.device_message import json_object, number
from chowon.meters.kept import Block, Kept
from chowon.meters.names import Keys
from chowon.meters.shelly import FAMILY, parts

Kind: TypeAlias = Literal["emdata", "em1data"]

LONGEST_PERIOD_S: Final = 3600
_FAR_S: Final = 2**40
_LARGEST: Final = 1e15
"""No meter has seen as much of anything."""
_EXPECTED: Final = "the answer of EMData.GetData or EM1Data.GetData, with its keys"


@dataclass(frozen=True, slots=True)
class _Data:
    """One block's values, by key."""

    times_ms: I64
    """(n,) int64, where each interval begins"""
    period_ms: int
    table: F64
    """(n, keys) float64, NaN where nothing was measured"""


def blocks(payload: bytes) -> tuple[Block, ...]:
    """The answer of GetRecords: which intervals the device has. Errors: PayloadRejected."""
    answer = _result(payload, "the answer of EMData.GetRecords or EM1Data.GetRecords")
    listed = answer.get("data_blocks")
    if not isinstance(listed, list):
        raise _rejected("data_blocks", listed, "a list of blocks with ts, period and records")
    found = []
    for n, block in enumerate(listed):
        start_ms, period_ms = _span(block, f"data_blocks[{n}]")
        count = block.get("records")
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < _FAR_S:
            raise _rejected(f"data_blocks[{n}].records", count, "how many intervals there are")
        found.append(Block(start_ms, period_ms, count))
    return tuple(found)


def next_ms(payload: bytes) -> int | None:
    """From where to ask on, for an answer of either kind that did not fit; None at the end.

    Errors: PayloadRejected.
    """
    after = _result(payload, _EXPECTED).get("next_record_ts")
    return _seconds(after, "next_record_ts") * 1000 if after is not None else None


def decode(
    payload: bytes,
    device: str,
    kind: Kind,
    index: int,
    envelope: Envelope,
    *,
    start_ms: int,
    end_ms: int,
) -> Decoded:
    """The answer of GetData of the component `kind`:`index` as readings of mean power.

    start_ms, end_ms: the gap; only intervals that lie in it as a whole are taken, for others hold energy that
    was measured live. Errors: PayloadRejected.
    """
    found = intervals(payload, device, kind, index, envelope, start_ms=start_ms, end_ms=end_ms)
    return joined([kept.readings for kept in found]) if found else nothing()


def intervals(
    payload: bytes,
    device: str,
    kind: Kind,
    index: int,
    envelope: Envelope,
    *,
    start_ms: int,
    end_ms: int,
) -> tuple[Kept, ...]:
    """As `decode`, each block's readings with the length of its intervals. Errors: PayloadRejected."""
    answer = _result(payload, _EXPECTED)
    keys, listed = answer.get("keys"), answer.get("data")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise _rejected("keys", keys, "the names of the values; ask with add_keys")
    if not isinstance(listed, list):
        raise _rejected("data", listed, "a list of blocks with ts, period and values")
    found = []
    for n, block in enumerate(listed):
        data = _within(_block(block, keys, f"data[{n}]"), start_ms, end_ms)
        for channel, power_w in _powers(data, keys, kind, index).items():
            present = ~np.isnan(power_w)
            if present.any():
                times, known_w = data.times_ms[present], power_w[present]
                found.append(Kept(_readings(device, channel, times, known_w, envelope), data.period_ms))
    return tuple(found)


def _within(data: _Data, start_ms: int, end_ms: int) -> _Data:
    inside = (data.times_ms >= start_ms) & (data.times_ms + data.period_ms <= end_ms)
    return _Data(data.times_ms[inside], data.period_ms, data.table[inside])


def _powers(data: _Data, keys: list[str], kind: str, index: int) -> dict[str, F64]:
    """Mean power by channel; NaN where the device has no value."""
    of_phases = [_power_w(data, keys, prefix) for _, prefix, _ in parts(kind, index) if prefix]
    return {
        channel: _power_w(data, keys, prefix) if prefix or not of_phases else np.sum(of_phases, axis=0)
        for channel, prefix, _ in parts(kind, index)
    }


def _readings(device: str, channel: str, times_ms: I64, power_w: F64, envelope: Envelope) -> Decoded:
    names = Keys(envelope)
    index = np.full(len(power_w), names.device(FAMILY.name, device, channel), np.int64)
    rows = Rows(
        names,
        index,
        lambda _: (None, None, None),
        times_ms,
        {"power_w": Sent(power_w, np.ones(len(power_w), np.bool_))},
        lambda row: f"{channel}[{row}]",
    )
    return checked(rows, envelope, Findings())


def _power_w(data: _Data, keys: list[str], prefix: str) -> F64:
    """(n,) float64, W; NaN where the device has no value."""

    def column(key: str) -> F64 | None:
        return data.table[:, keys.index(key)] if key in keys else None

    taken, given = column(f"{prefix}total_act_energy"), column(f"{prefix}total_act_ret_energy")
    if taken is None:
        return np.full(len(data.table), np.nan)
    net_wh = taken if given is None else taken - given
    return net_wh * 3_600_000 / data.period_ms


def _block(block: object, keys: list[str], where: str) -> _Data:
    """Errors: PayloadRejected."""
    start_ms, period_ms = _span(block, where)
    values = block.get("values") if isinstance(block, dict) else None
    if not isinstance(values, list):
        raise _rejected(f"{where}.values", values, "a list of intervals")
    for n, row in enumerate(values):
        if not isinstance(row, list) or len(row) != len(keys):
            raise _rejected(f"{where}.values[{n}]", row, f"{len(keys)} values, as there are keys")
    rows = [[_value(value, f"{where}.values[{n}]") for value in row] for n, row in enumerate(values)]
    times_ms = start_ms + period_ms * np.arange(len(rows), dtype=np.int64)
    return _Data(times_ms, period_ms, np.array(rows, np.float64).reshape(len(rows), len(keys)))


def _value(value: object, where: str) -> float:
    try:
        found = number(value)
    except ValueError:
        raise _rejected(where, value, "numbers") from None
    if found is None:
        return float("nan")
    if not -_LARGEST <= found <= _LARGEST:
        raise _rejected(where, value, f"numbers up to {_LARGEST:g}")
    return found


def _span(block: object, where: str) -> tuple[int, int]:
    """(start, period), ms. Errors: PayloadRejected."""
    if not isinstance(block, dict):
        raise _rejected(where, block, "an object with ts and period")
    start_s = _seconds(block.get("ts"), f"{where}.ts")
    period_s = _seconds(block.get("period"), f"{where}.period")
    if not 0 < period_s <= LONGEST_PERIOD_S:
        raise _rejected(f"{where}.period", period_s, f"seconds, 1 … {LONGEST_PERIOD_S}")
    return start_s * 1000, period_s * 1000


def _seconds(value: object, where: str) -> int:
    """Errors: PayloadRejected."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _FAR_S:
        raise _rejected(where, value, "whole seconds since 1970 UTC")
    return value


def _result(payload: bytes, expected: str) -> dict[str, object]:
    """The answer itself, which may come in the frame of a remote call. Errors: PayloadRejected."""
    answer = json_object(payload, expected)
    inner = answer.get("result")
    return inner if isinstance(inner, dict) else answer


def _rejected(where: str, found: object, expected: str) -> PayloadRejected:
    return PayloadRejected(
        "the device's records cannot be read", [Problem(where, shortened(found), expected)]
    )
