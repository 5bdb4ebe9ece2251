"""Which channel each line is of. A sender names the same series in the same order in each body."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.quantities import I64
from chowon.meters.decoded import Envelope
from chowon.meters.names import Keys, Names

MOST_BYTES: Final = 4 * 1024 * 1024
"""Text of so many bytes in all is remembered; with more, all starts anew."""
_PLAIN: Final = re.compile(rb'[^\\"\r#=,][^\\"\r]*+')


@dataclass(frozen=True, slots=True)
class Series:
    """The channels of n lines."""

    keys: Keys
    key_index: I64
    """(n,) int64, position in keys.keys; −1 where the names are wrong"""
    names: tuple[Names, ...]
    """By code."""
    code: I64
    """(n,) int64"""

    def names_at(self, row: int) -> Names:
        """The names that a line was sent with."""
        return self.names[self.code[row]]


class _Remembered:
    """The series of bodies that came before; any thread may ask."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, ...], Series] = {}
        self._bytes = 0

    def get(self, texts: tuple[bytes, ...]) -> Series | None:
        return self._known.get(texts)

    def put(self, texts: tuple[bytes, ...], series: Series) -> None:
        size = sum(map(len, texts))
        if self._bytes + size > MOST_BYTES:
            self._known, self._bytes = {}, 0
        if size <= MOST_BYTES:
            self._known[texts] = series
            self._bytes += size


_remembered = _Remembered()


def series_of(
    texts: Sequence[bytes], envelope: Envelope, names_of: Callable[[bytes], Names | None]
) -> Series | None:
    """The series of n lines, without spaces; None when one of them may need the exact parser."""
    return remembered_series(tuple(texts), lambda: texts, envelope, names_of)


def remembered_series(
    key: tuple[bytes, ...],
    texts: Callable[[], Sequence[bytes]],
    envelope: Envelope,
    names_of: Callable[[bytes], Names | None],
) -> Series | None:
    """As `series_of`; key: what only these texts in this order have."""
    if envelope.site is not None or envelope.meter is not None:
        return _read(texts(), envelope, names_of)
    series = _remembered.get(key)
    if series is None:
        series = _read(texts(), envelope, names_of)
        if series is not None:
            _remembered.put(key, series)
    return series


def _read(
    texts: Sequence[bytes], envelope: Envelope, names_of: Callable[[bytes], Names | None]
) -> Series | None:
    codes = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    if not all(map(_PLAIN.fullmatch, codes)):
        return None
    names = [found for text in codes if (found := names_of(text)) is not None]
    if len(names) < len(codes):
        return None
    keys = Keys(envelope)
    positions = np.array([keys.index(each) for each in names], np.int64)
    code = np.fromiter(map(codes.__getitem__, texts), np.int64, len(texts))
    return Series(keys, positions[code], tuple(names), code)
