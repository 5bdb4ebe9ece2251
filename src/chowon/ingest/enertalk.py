"""The door for orphaned EnerTalk meters: old TLS in, readings durable, then the acknowledgement out.

A frame is acknowledged when its readings are durable, or noted as unusable. Of each connection one frame is
in hand at a time; while the store does not take it, nothing more is read from that meter. A connection that
sends what is no frame is dropped, with its reason in the ledger. Connections are bounded: one more takes the
place of the one that has been silent for longest, such as one that a meter forgot when it connected anew; is
none silent, it is refused. Both are counted.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final, TypeAlias

from chowon.errors import Overloaded, PayloadRejected, StoreUnavailable
from chowon.ingest.door import Door
from chowon.meters import enertalk as frames
from chowon.meters.decoded import Envelope
from chowon.meters.enertalk import EnerTalk, Samples

Network: TypeAlias = IPv4Network | IPv6Network
log: Final = logging.getLogger(__name__)

SOURCE: Final = "enertalk"
MOST_DEVICES: Final = 1000
"""So many devices are told apart in the stats; the one unheard for longest goes first."""


@dataclass(frozen=True, slots=True)
class EnerTalkLimits:
    """How long and how many; the defaults suit meters that speak once a second."""

    connections: int = 20
    handshake_s: float = 15.0
    idle_s: float = 120.0
    """Longest silence before a frame begins"""
    frame_s: float = 15.0
    """Longest time that one frame may take to come, and an acknowledgement to be taken"""
    first_pause_s: float = 0.2
    """First wait before the store is asked again; doubles up to `longest_pause_s`"""
    longest_pause_s: float = 10.0
    keep_trying_s: float = 60.0
    """So long the store is asked to take one frame; then the meter may try anew"""
    make_room_s: float = 10.0
    """A connection without a whole frame for so long may have to go when all are taken"""
    closing_s: float = 2.0
    accept_again_s: float = 1.0
    """Wait after the system had no more room for a connection"""


@dataclass(frozen=True, slots=True)
class HeardMeter:
    """One meter, as far as it was heard since the start."""

    device: str
    address: str
    frames: int
    last_frame_ms: int
    """When its newest frame was received, ms UTC"""


@dataclass(frozen=True, slots=True)
class EnerTalkStats:
    """The state of the door at one moment."""

    listening: bool
    connections: int
    accepted_connections: int
    refused_connections: int
    """Of addresses that are not allowed, or too many at once"""
    failed_handshakes: int
    crowded_out: int
    """Silent ones that had to make room when all connections were taken"""
    dropped_connections: int
    """For what was no frame, or came too slowly"""
    frames: int
    """Telemetry, well or not"""
    acknowledged: int
    store_waits: int
    """How often readings had to be offered again because queue or store did not take them"""
    last_problem: str | None
    meters: tuple[HeardMeter, ...]
    """Last heard first"""


class _Lies(Exception):
    """What came is no frame of a meter."""

    def __init__(self, reason: PayloadRejected) -> None:
        super().__init__("; ".join((reason.what, *map(str, reason.problems))))
        self.reason = reason


@dataclass(slots=True)
class _Counts:
    accepted: int = 0
    refused: int = 0
    crowded_out: int = 0
    failed_handshakes: int = 0
    dropped: int = 0
    frames: int = 0
    acknowledged: int = 0
    store_waits: int = 0
    last_problem: str | None = None
    meters: OrderedDict[str, HeardMeter] = field(default_factory=OrderedDict)


class EnerTalkListener:
    """Serves meters on a socket that already listens."""

    def __init__(
        self,
        door: Door,
        listener: socket.socket,
        context: ssl.SSLContext,
        *,
        networks: Sequence[Network] = (),
        samples: Samples = "mean",
        limits: EnerTalkLimits | None = None,
        now_ms: Callable[[], int],
    ) -> None:
        """networks: from which meters may come; this machine itself always may."""
        self._door, self._listener, self._context = door, listener, context
        self._networks, self._decoder = networks, EnerTalk(samples)
        self._limits, self._now_ms = limits or EnerTalkLimits(), now_ms
        self._serving: dict[asyncio.Task[None], float] = {}
        """Since when each has been silent, monotonic; never, while a frame of it is in hand"""
        self._stopping = asyncio.Event()
        self._listening = False
        self._counts = _Counts()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port on which meters are awaited."""
        host, port = self._listener.getsockname()[:2]
        return host, port

    async def run(self) -> None:
        """Belongs to the application's TaskGroup; returns after `close`, with every connection closed."""
        self._listener.setblocking(False)
        async with asyncio.TaskGroup() as group:
            accepting = group.create_task(self._accept(group))
            self._listening = True
            try:
                await self._stopping.wait()
            finally:
                self._listening = False
                for task in (accepting, *self._serving):
                    task.cancel()

    def close(self) -> None:
        """`run` closes all connections and returns; what was not acknowledged the meters send again."""
        self._stopping.set()

    def stats(self) -> EnerTalkStats:
        """Counts at this moment."""
        counts = self._counts
        return EnerTalkStats(
            listening=self._listening,
            connections=len(self._serving),
            accepted_connections=counts.accepted,
            refused_connections=counts.refused,
            crowded_out=counts.crowded_out,
            failed_handshakes=counts.failed_handshakes,
            dropped_connections=counts.dropped,
            frames=counts.frames,
            acknowledged=counts.acknowledged,
            store_waits=counts.store_waits,
            last_problem=counts.last_problem,
            meters=tuple(reversed(counts.meters.values())),
        )

    async def _accept(self, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(self._listener)
            except OSError as error:
                self._problem(f"no connection can be accepted: {error.strerror or error}")
                await asyncio.sleep(self._limits.accept_again_s)
                continue
            address = str(peer[0])
            if (refused := self._refused(address)) is not None:
                self._counts.refused += 1
                self._problem(refused)
                connection.close()
                continue
            self._counts.accepted += 1
            task = group.create_task(self._served(connection, address))
            self._serving[task] = loop.time()
            task.add_done_callback(lambda done: self._serving.pop(done, None))

    def _make_room(self, now_s: float) -> bool:
        """Whether there is room for one more connection; the longest silence may have to end for it."""
        if len(self._serving) < self._limits.connections:
            return True
        longest = min(self._serving, key=self._serving.__getitem__)
        if now_s - self._serving[longest] < self._limits.make_room_s:
            return False
        del self._serving[longest]
        longest.cancel()
        self._counts.crowded_out += 1
        return True

    def _refused(self, address: str) -> str | None:
        """Why this address gets no connection; None when it does."""
        came_from = ip_address(address.partition("%")[0])
        came_from = getattr(came_from, "ipv4_mapped", None) or came_from
        if not (came_from.is_loopback or any(came_from in network for network in self._networks)):
            return f"{address} was refused: it lies in none of [enertalk] networks"
        if not self._make_room(asyncio.get_running_loop().time()):
            return f"{address} was refused: {len(self._serving)} connections are open; raise max_connections"
        return None

    async def _served(self, connection: socket.socket, address: str) -> None:
        """One connection from handshake to end; nothing of it leaves this function."""
        try:
            reader, writer = await self._handshake(connection)
        except Exception as error:  # noqa: BLE001 - whatever a stranger sends instead of TLS
            self._counts.failed_handshakes += 1
            self._problem(f"{address}: no TLS connection ({_said(error)})")
            connection.close()
            return
        try:
            await self._frames(reader, writer, address)
        except _Lies as lie:
            self._counts.dropped += 1
            self._problem(f"{address} was dropped: {lie}")
            self._door.refused(lie.reason, f"{SOURCE} {address}", self._now_ms())
            writer.transport.abort()
        except TimeoutError:
            self._counts.dropped += 1
            self._problem(f"{address} was dropped: silent, or too slow with a frame")
            writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError) as error:
            log.info("enertalk: %s is gone (%s)", address, _said(error))
        except Exception:  # one connection must not harm the others
            self._counts.dropped += 1
            self._problem(f"{address} was dropped: a bug; the log says more")
            log.exception("enertalk: serving %s failed", address)
        finally:
            await _closed(writer, self._limits.closing_s)

    async def _handshake(
        self, connection: socket.socket
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=frames.LONGEST)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            connection,
            ssl=self._context,
            ssl_handshake_timeout=self._limits.handshake_s,
            ssl_shutdown_timeout=self._limits.closing_s,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _frames(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> None:
        """Frame after frame until the meter leaves."""
        first = True
        while (frame := await self._frame(reader)) is not None:
            kind = frame[1]
            if kind == frames.ACKNOWLEDGEMENT:
                continue  # nothing of ours asks for one
            self._speaks(until_s=float("inf"))
            if kind == frames.TELEMETRY:
                await self._take(frame, address, writer)
            told_ms = self._now_ms() if first and kind == frames.TELEMETRY else None
            first = first and kind != frames.TELEMETRY
            writer.write(frames.acknowledgement(frame, told_ms))
            async with asyncio.timeout(self._limits.frame_s):
                await writer.drain()
            self._counts.acknowledged += 1
            self._speaks(until_s=asyncio.get_running_loop().time())

    def _speaks(self, until_s: float) -> None:
        """The connection of this task is not silent before then."""
        task = asyncio.current_task()
        if task is not None and task in self._serving:
            self._serving[task] = until_s

    async def _frame(self, reader: asyncio.StreamReader) -> bytes | None:
        """The next whole frame, None when the meter has left between two."""
        try:
            async with asyncio.timeout(self._limits.idle_s):
                head = await reader.readexactly(1)
        except asyncio.IncompleteReadError:
            return None
        async with asyncio.timeout(self._limits.frame_s):
            head += await reader.readexactly(frames.HEADER_BYTES - 1)
            try:
                size = frames.size_of(head)
            except PayloadRejected as error:
                raise _Lies(error) from error
            return head + await reader.readexactly(size - frames.HEADER_BYTES)

    async def _take(self, frame: bytes, address: str, writer: asyncio.StreamWriter) -> None:
        """Returns when the frame's readings are durable, or noted as unusable. Errors: _Lies, OSError."""
        self._counts.frames += 1
        received_ms = self._now_ms()
        try:
            told = frames.parsed(frame)
        except PayloadRejected as error:
            raise _Lies(error) from error
        self._heard(told.device, address, received_ms)
        readings = self._decoder.readings(told, Envelope(received_ms))
        pause_s, waited_s = self._limits.first_pause_s, 0.0
        while True:
            try:
                await self._door.take_decoded(readings, received_ms, f"{SOURCE} {told.device}")
            except PayloadRejected:
                return  # the door has noted it; sent again it would be no better
            except (Overloaded, StoreUnavailable) as error:
                self._counts.store_waits += 1
                self._problem(str(error))
            else:
                return
            if writer.is_closing() or waited_s >= self._limits.keep_trying_s:
                raise ConnectionAbortedError("its frame could not be kept; it was not acknowledged")
            await asyncio.sleep(pause_s)
            waited_s += pause_s
            pause_s = min(2 * pause_s, self._limits.longest_pause_s)

    def _heard(self, device: str, address: str, received_ms: int) -> None:
        meters = self._counts.meters
        known = meters.get(device) or HeardMeter(device, address, 0, received_ms)
        meters[device] = replace(known, address=address, frames=known.frames + 1, last_frame_ms=received_ms)
        meters.move_to_end(device)
        if len(meters) > MOST_DEVICES:
            meters.popitem(last=False)

    def _problem(self, said: str) -> None:
        if said != self._counts.last_problem:
            log.warning("enertalk: %s", said)
        self._counts.last_problem = said


async def _closed(writer: asyncio.StreamWriter, within_s: float) -> None:
    """Closes the connection, by force when the other side does not answer."""
    writer.close()
    try:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(within_s):
                await writer.wait_closed()
    finally:
        writer.transport.abort()


def _said(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return str(error) or type(error).__name__
