"""Cutting a stream of bytes, as a serial line brings them, into the payloads that decoders read.

What comes before the first start, or has no end within a payload's greatest length, is passed over.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from chowon.meters import dsmr, sml

Cut: TypeAlias = tuple[int, int] | None
"""Where the first whole payload lies in the bytes; None while there is none"""

_SML_END: Final = b"\x1b\x1b\x1b\x1b\x1a"
_SML_ESCAPE: Final = b"\x1b\x1b\x1b\x1b"
_SML_TAIL: Final = 3
"""Number of fill bytes and the checksum"""


class Framer:
    """Takes bytes as they come, gives whole payloads. Bounded: never holds more than the longest payload."""

    def __init__(self, start: bytes, cut: Callable[[bytes], Cut], most_bytes: int) -> None:
        self._start, self._cut, self._most = start, cut, most_bytes
        self._held = b""
        self.passed_over = 0
        """Bytes that belonged to no payload"""

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that are whole now."""
        self._held += data
        found = []
        while (cut := self._cut(self._held)) is not None:
            begin, end = cut
            self.passed_over += begin
            found.append(self._held[begin:end])
            self._held = self._held[end:]
        self._forget()
        return found

    def _forget(self) -> None:
        """Keeps only what may still become a payload."""
        held = self._held
        begin = held.find(self._start, max(0, len(held) - self._most))
        if begin < 0:
            begin = max(0, len(held) - len(self._start) + 1)
        self.passed_over += begin
        self._held = held[begin:]


def dsmr_framer() -> Framer:
    """For P1 telegrams."""
    return Framer(b"/", _dsmr_cut, dsmr.MOST_BYTES)


def sml_framer() -> Framer:
    """For SML files."""
    return Framer(sml.START, _sml_cut, sml.MOST_BYTES)


def _dsmr_cut(held: bytes) -> Cut:
    begin = held.find(b"/")
    mark = held.find(b"!", begin + 1)
    end = held.find(b"\n", mark + 1)
    if begin < 0 or mark < 0 or end < 0:
        return None
    return held.rfind(b"/", 0, mark) if _restarted(held[begin:mark]) else begin, end + 1


def _restarted(telegram: bytes) -> bool:
    """Whether another telegram begins inside, the first one's end was lost."""
    return b"\n/" in telegram


def _sml_cut(held: bytes) -> Cut:
    begin = held.find(sml.START)
    if begin < 0:
        return None
    at = begin + len(sml.START)
    while (at := held.find(_SML_END, at)) >= 0:
        if held[at - len(_SML_ESCAPE) : at] != _SML_ESCAPE:
            end = at + len(_SML_END) + _SML_TAIL
            return (held.rfind(sml.START, 0, at), end) if len(held) >= end else None
        at += 1
    return None
