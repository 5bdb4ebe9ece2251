"""Making a damaged frame whole again on the outside, so that what lies behind the checksum is reached."""

import struct
import zlib

_DSMR_POLYNOMIAL = 0xA001
_X25_POLYNOMIAL = 0x8408


def _table(polynomial: int) -> tuple[int, ...]:
    entries = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ polynomial if value & 1 else value >> 1  # noqa: PLW2901
        entries.append(value)
    return tuple(entries)


_LONGEST = 20_000
"""More is refused before its checksum is looked at."""


def _crc16(data: bytes, table: tuple[int, ...], crc: int) -> int:
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc


_DSMR, _X25 = _table(_DSMR_POLYNOMIAL), _table(_X25_POLYNOMIAL)


def binary_batch(payload: bytes) -> bytes:
    """CRC-32 of all bytes before it."""
    return payload[:-4] + struct.pack("<I", zlib.crc32(payload[:-4])) if len(payload) > 4 else payload


def dsmr_telegram(payload: bytes) -> bytes:
    """CRC-16 behind the last "!"."""
    end = payload.rfind(b"!")
    if end < 0 or len(payload) > _LONGEST:
        return payload
    return payload[: end + 1] + f"{_crc16(payload[: end + 1], _DSMR, 0):04X}\r\n".encode()


def sml_file(payload: bytes) -> bytes:
    """Start, end, and CRC-16/X.25 in front of everything that was written behind the end."""
    if len(payload) > _LONGEST:
        return payload
    start, end = b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01", b"\x1b\x1b\x1b\x1b\x1a"
    body = payload.removeprefix(start)
    at = body.rfind(end)
    fill = body[at + len(end) : at + len(end) + 1] if at >= 0 else b"\0"
    body = body[:at] if at >= 0 else body
    whole = start + body + end + (fill or b"\0")
    crc = _crc16(whole, _X25, 0xFFFF) ^ 0xFFFF
    return whole + struct.pack("<H", crc)


def enertalk_frame(payload: bytes) -> bytes:
    """Its own length in the header."""
    return (
        payload[:2] + struct.pack(">H", len(payload) & 0xFFFF) + payload[4:] if len(payload) >= 4 else payload
    )
