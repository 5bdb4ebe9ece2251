"""A serial line, at this machine or behind a network gateway, as a stream of payloads."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final

from chowon.errors import ExtraMissing, MeterUnavailable
from chowon.ingest.source_file import StreamSource
from chowon.meters.decoded import Decoder
from chowon.meters.dsmr import DECODER as DSMR
from chowon.meters.framing import Framer, dsmr_framer, sml_framer
from chowon.meters.sml import DECODER as SML

READ_BYTES: Final = 4096
MOST_BYTES_S: Final = 16_384
"""More than 115,200 baud carry; what comes faster is not read, so a network gateway has to wait with it."""
CONNECT_S: Final = 10.0
_HINTS: Final = {
    "dsmr": "see whether the cable sits in the P1 port, and the speed (115200; 9600 before DSMR 4)",
    "sml": "see whether the optical head sits on the meter's diode and the speed is right (mostly 9600)",
}


def decoder_of(source: StreamSource) -> Decoder:
    """What reads the payloads of a source."""
    return DSMR if source.kind == "dsmr" else SML


async def payloads(source: StreamSource) -> AsyncIterator[bytes]:
    """Whole payloads as they come, until the line fails.

    Errors: MeterUnavailable when it does, or when nothing whole comes for `silence_s`; ExtraMissing.
    """
    framer = dsmr_framer() if source.kind == "dsmr" else sml_framer()
    pace = Pace(max(MOST_BYTES_S, source.speed // 8), time.monotonic())
    async with _opened(source) as reader:
        while True:
            for payload in await _next(reader, framer, source, pace):
                yield payload


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
                data = await reader.read(READ_BYTES)
                if not data:
                    raise MeterUnavailable(f"{source.where}: the line was closed; is it plugged in?")
                heard += len(data)
                await asyncio.sleep(pace.wait_s(len(data), time.monotonic()))
                if found := framer.feed(data):
                    return found
    except TimeoutError:
        what = f"{heard} bytes but nothing whole" if heard else "nothing"
        raise MeterUnavailable(
            f"{source.where}: {what} for {source.silence_s:g} s; {_HINTS[source.kind]}"
        ) from None
    except OSError as error:
        raise MeterUnavailable(f"{source.where}: {error.strerror or error}") from error


@contextlib.asynccontextmanager
async def _opened(source: StreamSource) -> AsyncIterator[asyncio.StreamReader]:
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await _connect(source)
    except TimeoutError:
        raise MeterUnavailable(f"{source.where}: no connection within {CONNECT_S:g} s") from None
    except (OSError, ValueError) as error:
        raise MeterUnavailable(
            f"{source.where}: {getattr(error, 'strerror', None) or error}; see whether it exists and chowon "
            "may read it (group dialout)"
        ) from error
    try:
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()


async def _connect(source: StreamSource) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if source.tcp is not None:
        host, _, port = source.tcp.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        from serial_asyncio_fast import open_serial_connection  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise ExtraMissing("reading serial meters", "serial") from error
    opened: tuple[asyncio.StreamReader, asyncio.StreamWriter] = await open_serial_connection(
        url=source.serial, baudrate=source.speed
    )
    return opened
