"""The one way in for all transports: bytes → decode → names → durable → outcome."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.errors import NotFound, PayloadRejected, Problem
from chowon.ingest.ledger import Ledger
from chowon.ingest.naming import Naming, Resolved
from chowon.ingest.past_days import EXPECTED, PastDays
from chowon.meters.decoded import Decoded, Decoder, Envelope
from chowon.meters.registry import Registry
from chowon.ports import Sink

log: Final = logging.getLogger(__name__)

IN_THREAD_BYTES: Final = 128 * 1024
"""Larger payloads are decoded in a worker thread, so that the live sockets are not kept waiting."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one payload; given only when its good readings are durable."""

    accepted: int
    rejected: int
    problems: tuple[Problem, ...]


def decoded(decoder: Decoder, payload: bytes, envelope: Envelope) -> Decoded:
    """As decoder.decode; a decoder that breaks its promise costs its payload only, not the others behind it.

    Errors: PayloadRejected.
    """
    try:
        return decoder.decode(payload, envelope)
    except PayloadRejected:
        raise
    except Exception as error:
        log.exception("decoder '%s' failed on a payload of %d bytes", decoder.name, len(payload))
        problem = Problem(
            "payload", f"{type(error).__name__} in decoder '{decoder.name}'", "a report of this bug"
        )
        raise PayloadRejected("the decoder failed", [problem]) from error


class Door:
    """Takes payloads of any known format."""

    def __init__(
        self,
        registry: Registry,
        naming: Naming,
        sink: Sink,
        ledger: Ledger,
        past_days: PastDays | None = None,
    ) -> None:
        """past_days: None where whoever sends is trusted with any stamps."""
        self._past_days = past_days
        self.registry = registry
        self.naming = naming
        self._sink = sink
        self.ledger = ledger

    async def take(self, payload: bytes, content_type: str, envelope: Envelope, source: str) -> Outcome:
        """Decodes by content type; returns when all good readings are durable.

        source: where it came from, for the ledger.
        Errors: NotFound (no such format), PayloadRejected (nothing good in it), Overloaded, StoreUnavailable.
        """
        return await self.take_with(self.registry.of_content_type(content_type), payload, envelope, source)

    async def take_with(self, decoder: Decoder, payload: bytes, envelope: Envelope, source: str) -> Outcome:
        """As `take`, for doors that know their format. Errors: as `take`, without NotFound."""
        readings = await self.read(decoder, payload, envelope, source)
        return await self.take_decoded(readings, envelope.received_ms, source, hold_ms=envelope.hold_ms)

    async def read(self, decoder: Decoder, payload: bytes, envelope: Envelope, source: str) -> Decoded:
        """The first half of `take`: what the payload says. Errors: PayloadRejected, noted in the ledger."""
        try:
            if len(payload) <= IN_THREAD_BYTES:
                return decoded(decoder, payload, envelope)
            return await asyncio.to_thread(decoded, decoder, payload, envelope)
        except PayloadRejected as error:
            self.refused(error, source, envelope.received_ms)
            raise

    async def take_decoded(
        self,
        readings: Decoded,
        received_ms: int,
        source: str,
        *,
        past: bool = False,
        hold_ms: int | None = None,
    ) -> Outcome:
        """The second half of `take`, for transports that decode by themselves.

        past: these fill a gap; they say nothing about how well the meter is heard now.
        hold_ms: as in an Envelope.
        """
        resolved = await self.naming.resolve(readings, received_ms, hold_ms)
        if self._past_days is not None and not past:
            resolved = self._bounded(resolved, self._past_days, received_ms)
        problems = (*readings.problems, *resolved.problems)
        rejected = readings.rejected + resolved.rejected
        if len(resolved.readings) == 0 and rejected:
            nothing_good = PayloadRejected(f"none of {rejected} readings can be used", problems)
            self.refused(nothing_good, source, received_ms, rejected)
            raise nothing_good
        await self._sink.submit(resolved.readings)
        self.ledger.accepted(resolved.readings, received_ms, past=past)
        if rejected:
            self.ledger.rejected(source, problems, rejected, received_ms)
        return Outcome(len(resolved.readings), rejected, problems)

    def _bounded(self, resolved: Resolved, past_days: PastDays, received_ms: int) -> Resolved:
        keep = past_days.within(resolved.readings, received_ms)
        if keep is None:
            return resolved
        lost = int(np.count_nonzero(~keep))
        problem = Problem("time", f"{lost} readings of too many days long ago", EXPECTED)
        return Resolved(
            resolved.readings.where(keep), (*resolved.problems, problem), resolved.rejected + lost
        )

    def refused(
        self, error: PayloadRejected | NotFound, source: str, received_ms: int, readings: int = 0
    ) -> None:
        """Notes a payload with nothing good in it."""
        problems = error.problems if isinstance(error, PayloadRejected) else ()
        shown = problems or (Problem("payload", "nothing usable", str(error)),)
        self.ledger.rejected_payloads += 1
        self.ledger.rejected(source, shown, readings, received_ms)
