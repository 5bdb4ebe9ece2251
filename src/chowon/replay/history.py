"""What a replay has already played: the past of a recorded home, for filling a store before it goes live."""

from collections.abc import Iterator, Sequence

from chowon.domain.quantities import DAY_MS
from chowon.replay.calendar import Shift
from chowon.replay.recording import MAIN, Recording, Samples, joined


def played(
    recording: Recording, shift: Shift, start_ms: int, end_ms: int, channels: Sequence[str] = (MAIN,)
) -> Samples:
    """What the replay shows in [start_ms, end_ms), stamped with the time at which it is played."""
    parts = []
    for piece in shift.pieces(start_ms, end_ms):
        part = recording.slice(piece.recorded_start_ms, piece.recorded_end_ms, channels)
        moved_ms = part.time_ms + (piece.start_ms - piece.recorded_start_ms)
        parts.append(Samples(moved_ms, part.power_dw, part.voltage_dv))
    return joined(parts) if parts else recording.slice(0, 0, channels)


def history(
    recording: Recording,
    shift: Shift,
    start_ms: int,
    end_ms: int,
    *,
    channels: Sequence[str] = (MAIN,),
    chunk_ms: int = DAY_MS,
) -> Iterator[Samples]:
    """All of [start_ms, end_ms) in order of time, at most `chunk_ms` at once; silent chunks are left out.

    A player that goes on with `since_ms = end_ms - 1` shows each later instant, and no instant twice.
    """
    while start_ms < end_ms:
        chunk_end_ms = min(start_ms + chunk_ms, end_ms)
        samples = played(recording, shift, start_ms, chunk_end_ms, channels)
        if len(samples):
            yield samples
        start_ms = chunk_end_ms
