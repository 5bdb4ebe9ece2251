"""chowon's compact binary batch, for meters and concentrators that send many readings in one message.

The byte layout stands in docs/reference/binary-batch.md. All numbers are little endian.
"""

import struct
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chowon.domain.quantities import I64, Bools
from chowon.domain.readings import absent_of
from chowon.domain.sites import ChannelKey
from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters.checks import Rows, Sent, checked
from chowon.meters.decoded import Column, Decoded, Envelope, Findings
from chowon.meters.fields import FIELDS
from chowon.meters.names import Keys, Names

MAGIC: Final = b"CHWN"
VERSION: Final = 1
_HEADER: Final = struct.Struct("<4sBBHI")
"""magic, version, mask of quantities, number of names, number of readings"""
_WIDTHS: Final[dict[int, np.dtype[np.signedinteger[Any]]]] = {
    1: np.dtype("<i1"),
    2: np.dtype("<i2"),
    4: np.dtype("<i4"),
    8: np.dtype("<i8"),
}


class ChowonBinary:
    """Decoder of `application/vnd.chowon.batch`, and of such batches on `chowon/v1/{site}/{meter}`."""

    name = "chowon-binary"
    content_types = ("application/vnd.chowon.batch",)
    topics = ("chowon/v1/{site}/{meter}",)
    magic = MAGIC

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        body = _body(payload)
        reader = _Reader(body)
        _, _, mask, n_names, n = reader.unpack(_HEADER)
        if n > len(body):  # each reading takes at least a byte: no memory for a number that lies
            raise _rejected(
                "header, number of readings", str(n), f"at most {len(body)}, the bytes that follow"
            )
        if mask >> len(FIELDS):
            raise _rejected("header, quantities", f"bits {mask:#x}", f"only bits 0 … {len(FIELDS) - 1}")
        names = [_names(reader.text(), position) for position in range(n_names)]
        keys = Keys(envelope)
        known = np.array([keys.index(name) for name in names], np.int64)
        which = _channel_of(reader, n_names, n)
        time_ms = reader.integers(n)
        sent = {f.name: _sent(reader, n) for bit, f in enumerate(FIELDS) if mask >> bit & 1}
        reader.end()
        rows = Rows(
            keys,
            known[which],
            lambda row: names[which[row]],
            time_ms,
            sent,
            "readings[{}]".format,
        )
        return checked(rows, envelope, Findings())


DECODER: Final = ChowonBinary()


def encode(decoded: Decoded, envelope: Envelope | None = None) -> bytes:
    """The readings as one batch. With an envelope that names site and meter only the channel is written."""
    present = [f for f in FIELDS if f.column in decoded.columns]
    mask = sum(1 << bit for bit, f in enumerate(FIELDS) if f in present)
    parts = [_HEADER.pack(MAGIC, VERSION, mask, len(decoded.keys), len(decoded))]
    for key in decoded.keys:
        text = _written(key, envelope).encode()
        parts.append(bytes([len(text)]) + text)
    if len(decoded.keys) > 1:
        parts.append(decoded.key_index.astype("<u2").tobytes())
    parts.append(_packed(decoded.time_ms))
    for f in present:
        column = decoded.columns[f.column]
        here = column != absent_of(f.column)
        parts.append(b"\0" if here.all() else b"\1" + np.packbits(here, bitorder="little").tobytes())
        parts.append(_packed(column[here]))
    body = b"".join(parts)
    return body + struct.pack("<I", zlib.crc32(body))


class _Reader:
    """Reads parts of a batch one after the other; never past its end. Errors: PayloadRejected."""

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._at = 0

    def take(self, size: int) -> memoryview:
        part = self._body[self._at : self._at + size]
        if len(part) < size:
            raise _rejected(f"byte {self._at}", f"{len(part)} bytes left", f"{size} more bytes")
        self._at += size
        return part

    def unpack(self, form: struct.Struct) -> tuple[Any, ...]:
        return form.unpack(self.take(form.size))

    def text(self) -> str:
        at = self._at
        raw = bytes(self.take(self.take(1)[0]))
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise _rejected(f"byte {at}", shortened(raw), "a name in UTF-8") from None

    def integers(self, n: int) -> I64:
        """(n,) int64 from the first one and the differences of the others."""
        if n == 0:
            return np.zeros(0, np.int64)
        width = self.take(1)[0]
        kind = _WIDTHS.get(width)
        if kind is None:
            raise _rejected(f"byte {self._at - 1}", f"width {width}", "1, 2, 4 or 8")
        steps = np.empty(n, np.int64)
        steps[:1] = np.frombuffer(self.take(8), "<i8")
        steps[1:] = np.frombuffer(self.take((n - 1) * width), kind)
        return np.cumsum(steps)  # wraps where the bytes are nonsense; the range checks see it

    def bits(self, n: int) -> Bools:
        raw = np.frombuffer(self.take((n + 7) // 8), np.uint8)
        return np.unpackbits(raw, count=n, bitorder="little").astype(np.bool_)

    def end(self) -> None:
        left = len(self._body) - self._at
        if left:
            raise _rejected(f"byte {self._at}", f"{left} more bytes", "the end")


def _body(payload: bytes) -> memoryview:
    """All but the checksum. Errors: PayloadRejected."""
    if len(payload) < _HEADER.size + 4 or not payload.startswith(MAGIC):
        raise _rejected("byte 0", shortened(payload[:8]), f"a batch that begins with {MAGIC!r}")
    if payload[4] != VERSION:
        raise _rejected("byte 4", f"version {payload[4]}", f"version {VERSION}")
    body = memoryview(payload)[:-4]
    (written,) = struct.unpack("<I", payload[-4:])
    if (found := zlib.crc32(body)) != written:
        raise _rejected(
            "last 4 bytes", f"{written:#010x}", f"CRC-32 {found:#010x} of all bytes before; send it again"
        )
    return body


def _channel_of(reader: _Reader, n_names: int, n: int) -> NDArray[np.int64]:
    """(n,) int64, position in the table of names."""
    if n_names == 1 or n == 0:
        return np.zeros(n, np.int64)
    which = np.frombuffer(reader.take(2 * n), "<u2").astype(np.int64)
    if which.max() >= n_names:
        raise _rejected("channel of a reading", str(which.max()), f"below {n_names}, the number of names")
    return which


def _sent(reader: _Reader, n: int) -> Sent:
    form = reader.take(1)[0]
    if form > 1:
        raise _rejected("form of a quantity", str(form), "0 (all present) or 1 (bitmap)")
    present = reader.bits(n) if form else np.ones(n, np.bool_)
    values = np.zeros(n, np.int64)
    values[present] = reader.integers(int(np.count_nonzero(present)))
    return Sent(values, present)


def _names(text: str, position: int) -> Names:
    parts = text.split("/")
    if len(parts) == 1:
        return None, None, text
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    raise _rejected(f"names[{position}]", shortened(text), "'channel' or 'site/meter/channel'")


def _written(key: ChannelKey, envelope: Envelope | None) -> str:
    local = envelope is not None and (key.site, key.meter) == (envelope.site, envelope.meter)
    return key.channel if local else str(key)


def _packed(values: Column) -> bytes:
    if len(values) == 0:
        return b""
    wide = values.astype(np.int64)
    steps = np.diff(wide)
    low, high = (int(steps.min()), int(steps.max())) if len(steps) else (0, 0)
    width = next(w for w in _WIDTHS if -(1 << (8 * w - 1)) <= low and high < 1 << (8 * w - 1))
    return bytes([width]) + wide[:1].astype("<i8").tobytes() + steps.astype(_WIDTHS[width]).tobytes()


def _rejected(where: str, found: str, expected: str) -> PayloadRejected:
    return PayloadRejected("the batch cannot be read", [Problem(where, found, expected)])
