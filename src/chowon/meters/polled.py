"""Readings from the values that a device gave when it was asked."""

from collections.abc import Mapping

import numpy as np

from chowon.meters.checks import Rows, Sent, checked
from chowon.meters.decoded import Decoded, Envelope, Findings
from chowon.meters.names import Keys, Names


def readings(values: Mapping[tuple[str, str], float], envelope: Envelope, time_ms: int) -> Decoded:
    """One reading a channel. values: (channel, field of meters.fields.FIELDS) → value in the field's unit."""
    channels = list(dict.fromkeys(channel for channel, _ in values))
    fields = dict.fromkeys(field for _, field in values)
    names: list[Names] = [(None, None, channel) for channel in channels]
    keys = Keys(envelope)
    return checked(
        Rows(
            keys,
            keys.indices(names),
            lambda row: names[row],
            np.full(len(channels), time_ms, np.int64),
            {field: _sent([values.get((channel, field)) for channel in channels]) for field in fields},
            lambda row: channels[row],
        ),
        envelope,
        Findings(),
    )


def _sent(values: list[float | None]) -> Sent:
    present = np.array([value is not None for value in values], np.bool_)
    return Sent(np.array([0.0 if value is None else value for value in values]), present)
