"""Line protocol of the common shape as whole columns: many times faster than line by line.

The common shape: every line has a series, numbers only and a timestamp, single spaces between them, and no
quotes, escapes or comments. Whatever is not surely of this shape is left to the exact parser, as a whole; for
the rest a law in tests/laws says that both give the same.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chowon.meters.checks import Rows, Sent
from chowon.meters.decoded import Envelope
from chowon.meters.fields import FIELDS
from chowon.meters.names import Keys, Names

LEAST_BYTES: Final = 8192
"""Some 70 lines; below that the exact parser is faster."""

_NEVER: Final = (b"\\", b'"', b"\r", b"\0", b"\xef\xbb\xbf")
_NUMBER: Final = r"-?\d+(\.\d*|[iu])?"
_FIELDS: Final = rf"^[\w.-]+={_NUMBER}(,[\w.-]+={_NUMBER})*$"
_TIME: Final = r"^-?\d+$"


def rows(
    payload: bytes,
    envelope: Envelope,
    per_ms: tuple[int, int],
    aliases: Mapping[str, tuple[str, float]],
    names_of: Callable[[bytes], Names | None],
) -> Rows | None:
    """The lines as sent, before the checks; None when any of them may need the exact parser.

    per_ms: (factor, divisor) that make milliseconds of a stamp. aliases: field → (our field, factor).
    """
    if any(part in payload for part in _NEVER):
        return None
    try:
        parts = _parts(payload)
        if parts is None:
            return None
        series, fields, time = parts
        if not (_all_match(fields, _FIELDS) and _all_match(time, _TIME)):
            return None
        sent = _sent(fields, aliases)
        stamps = time.cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:  # no UTF-8, a number too large, …
        return None
    factor, divisor = per_ms
    far = 2**62 // factor
    names = _names(series, names_of)
    if sent is None or names is None or stamps.max() > far or stamps.min() < -far:
        return None
    codes, each = names
    keys = Keys(envelope)
    return Rows(
        keys,
        np.array([keys.index(n) for n in each], np.int64)[codes],
        lambda row: each[codes[row]],
        stamps * factor // divisor,
        sent,
        lambda row: f"line {row + 1}",
    )


def _parts(payload: bytes) -> tuple[pa.Array, pa.Array, pa.Array] | None:
    """Series, fields and time of each line; None when one has other parts. Errors: ArrowInvalid."""
    text = pa.array([payload.removesuffix(b"\n")], pa.binary()).cast(pa.string())
    parts = pc.split_pattern(pc.split_pattern(text, "\n").flatten(), " ")
    if not pc.all(pc.equal(pc.list_value_length(parts), 3)).as_py():
        return None
    flat = parts.flatten()
    return flat[0::3], flat[1::3], flat[2::3]


def _all_match(texts: pa.Array, pattern: str) -> bool:
    return len(texts) > 0 and bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _names(
    series: pa.Array, names_of: Callable[[bytes], Names | None]
) -> tuple[np.ndarray, list[Names]] | None:
    """(code of each line, names by code); None when one of the series is malformed."""
    encoded = series.dictionary_encode()
    texts = [text.encode() for text in encoded.dictionary.to_pylist()]
    if any(text[:1] in (b"", b"#", b"=", b",") for text in texts):
        return None
    found = [names for text in texts if (names := names_of(text)) is not None]
    return (encoded.indices.to_numpy(), found) if len(found) == len(texts) else None


def _sent(fields: pa.Array, aliases: Mapping[str, tuple[str, float]]) -> dict[str, Sent] | None:
    """The known fields of all lines by our names; None when a line has none."""
    pairs = pc.split_pattern(fields, ",")
    row = np.repeat(np.arange(len(fields)), pc.list_value_length(pairs).to_numpy())
    parts = pc.split_pattern(pairs.flatten(), "=").flatten()  # name, value, name, value, …
    names = parts[0::2].dictionary_encode()
    codes = names.indices.to_numpy()
    known = [aliases.get(name, ("", 1.0)) for name in names.dictionary.to_pylist()]
    values = pc.utf8_rtrim(parts[1::2], "iu").cast(pa.float64()).to_numpy()
    with np.errstate(over="ignore"):  # what is beyond a float is beyond every range
        values = values * np.array([factor for _, factor in known])[codes]
    sent: dict[str, Sent] = {}
    some = np.zeros(len(fields), np.bool_)
    for field in FIELDS:
        mine = np.array([name == field.name for name, _ in known])[codes]
        if mine.any():
            column, present = np.zeros(len(fields)), np.zeros(len(fields), np.bool_)
            column[row[mine]] = values[mine]  # of two the last counts
            present[row[mine]] = True
            sent[field.name] = Sent(column, present)
            some |= present
    return sent if some.all() else None
