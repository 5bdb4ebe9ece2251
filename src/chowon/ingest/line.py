"""A serial line, at this machine or behind a network gateway, as a stream of payloads."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Literal

from chowon.errors import ExtraMissing
from chowon.ingest.reach import host_and_port, unopened, unreachable
from chowon.ingest.source_file import StreamSource
from chowon.ingest.trouble import SourceTrouble
from chowon.meters.decoded import Decoder
from chowon.meters.dsmr import DECODER as DSMR
from chowon.meters.framing import Framer, dsmr_framer, sml_framer
from chowon.meters.sml import DECODER as SML

READ_BYTES: Final = 4096
MOST_BYTES_S: Final = 16_384
"""More than 115,200 baud carry; what comes faster is not read, so a network gateway has to wait with it."""
CONNECT_S: Final = 10.0
_SEVEN_BITS: Final = bytes(byte & 0x7F for byte in range(256))
"""Meters before DSMR 4 send 7 bits and a parity (7E1): read as 8 bits, the parity is the highest one."""
_SEVEN_BITS_UP_TO_BAUD: Final = 9600


@dataclass(frozen=True, slots=True)
class Heard:
    """What a line said by itself."""

    kind: Literal["dsmr", "sml"] | None
    """None: nothing whole"""
    payload: bytes
    heard_bytes: int


def decoder_of(source: StreamSource) -> Decoder:
    """What reads the payloads of a source."""
    return DSMR if source.kind == "dsmr" else SML


async def payloads(source: StreamSource) -> AsyncIterator[bytes]:
    """Whole payloads as they come, until the line fails.

    Errors: SourceTrouble when it does, or when nothing whole comes for `silence_s`; ExtraMissing.
    """
    framer = dsmr_framer() if source.kind == "dsmr" else sml_framer()
    pace = Pace(max(MOST_BYTES_S, source.speed // 8), time.monotonic())
    async with _opened(source) as reader:
        while True:
            for payload in await _next(reader, framer, source, pace):
                yield payload


async def listened(source: StreamSource, within_s: float) -> Heard:
    """The first whole payload of either kind that comes within a time.

    Errors: SourceTrouble when the line cannot be opened or is closed; ExtraMissing.
    """
    framers: tuple[tuple[Literal["dsmr", "sml"], Framer], ...] = (
        ("dsmr", dsmr_framer()),
        ("sml", sml_framer()),
    )
    heard = 0
    async with _opened(source) as reader:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while True:
                    data = await _read(reader, source)
                    heard += len(data)
                    for kind, framer in framers:
                        if found := framer.feed(_plain(data, kind, source)):
                            return Heard(kind, found[-1], heard)
    return Heard(None, b"", heard)


class Pace:
    """How long to wait so that no more than `per_s` bytes a second are read; one second's worth at once."""

    def __init__(self, per_s: int, now_s: float) -> None:
        self._per_s, self._paid_s = per_s, now_s

    def wait_s(self, n_bytes: int, now_s: float) -> float:
        """The pause after so many bytes more. now_s: on a clock that never goes back."""
        self._paid_s = max(self._paid_s, now_s - 1.0) + n_bytes / self._per_s
        return max(0.0, self._paid_s - now_s)


async def _next(
    reader: asyncio.StreamReader, framer: Framer, source: StreamSource, pace: Pace
) -> list[bytes]:
    """The next whole payloads."""
    heard = 0
    try:
        async with asyncio.timeout(source.silence_s):
            while True:
                data = await _read(reader, source)
                heard += len(data)
                await asyncio.sleep(pace.wait_s(len(data), time.monotonic()))
                if found := framer.feed(_plain(data, source.kind, source)):
                    return found
    except TimeoutError:
        what = "garbled" if heard else "silent"
        raise SourceTrouble(
            f"{what}_{source.kind}", where=source.where, s=f"{source.silence_s:g}", bytes=heard
        ) from None


async def _read(reader: asyncio.StreamReader, source: StreamSource) -> bytes:
    try:
        data = await reader.read(READ_BYTES)
    except OSError as error:
        raise SourceTrouble("line_failed", path=source.where, why=error.strerror or str(error)) from error
    if not data:
        raise SourceTrouble("closed", where=source.where)
    return data


def _plain(data: bytes, kind: str, source: StreamSource) -> bytes:
    seven = kind == "dsmr" and source.serial is not None and source.speed <= _SEVEN_BITS_UP_TO_BAUD
    return data.translate(_SEVEN_BITS) if seven else data


@contextlib.asynccontextmanager
async def _opened(source: StreamSource) -> AsyncIterator[asyncio.StreamReader]:
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await _connect(source)
    except TimeoutError:
        raise SourceTrouble("no_answer", where=source.where, s=f"{CONNECT_S:g}") from None
    except (OSError, ValueError) as error:
        if source.tcp is not None and isinstance(error, OSError):
            raise unreachable(source.tcp, error) from error
        raise unopened(source.where, error) from error
    try:
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()


async def _connect(source: StreamSource) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if source.tcp is not None:
        return await asyncio.open_connection(*host_and_port(source.tcp))
    try:
        from serial_asyncio_fast import open_serial_connection  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise ExtraMissing("reading serial meters", "serial") from error
    opened: tuple[asyncio.StreamReader, asyncio.StreamWriter] = await open_serial_connection(
        url=source.serial, baudrate=source.speed
    )
    return opened
