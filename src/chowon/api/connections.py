"""How long a client may take to send a request, and who has to go when too many are still sending one.

A client that sends half a request and goes on slowly, or never, costs a connection of those that all clients
share. It gets `grace_s`, and longer only as long as its bytes keep coming at `least_bytes_s`. When most
connections are busy the one that has been sending a request for longest goes first: a meter's request is
here whole within milliseconds, so it is never the one. Over the limit uvicorn answers 503; how often, is
counted, and told in the log once a minute.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from chowon.api.seldom import EVERY_S, SeldomLog

_LATE: Final = b'{"error": {"code": "too_slow", "message": "the request took too long to come"}}'
_TOO_LATE: Final = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_LATE), _LATE)
)


_FULL: Final = "Exceeded concurrency limit."
"""uvicorn's word for a request that is refused because `[server] max_connections` are open"""


@dataclass(frozen=True, slots=True)
class Patience:
    """The defaults are those that web servers commonly use."""

    grace_s: float = 20.0
    least_bytes_s: int = 500
    """A body of 32 MiB over a slow line may well take an hour; one byte a second may not."""
    crowd: float = 0.5
    """With so large a part of the connections open, requests that come slowly are not waited for any more"""
    crowded_s: float = 1.0
    """Then a request has so long"""


@dataclass(frozen=True, slots=True)
class ConnectionStats:
    """Clients at one moment, and those that had to go since the start."""

    connections: int
    incomplete: int
    """Connections on which a request is still to come, or only a part of it has"""
    too_slow: int
    """Closed because their request did not come in time"""
    crowded_out: int
    """Closed before, because most connections were busy"""
    refused: int
    """Requests answered with 503, because as many connections were open as there may be"""


class _Cycle(Protocol):
    """A request of uvicorn's and its answer."""

    response_started: bool
    response_complete: bool
    more_body: bool


class Connections:
    """All HTTP connections of a server. Belongs to the event loop."""

    def __init__(self, most: int, patience: Patience | None = None, *, tell_every_s: float = EVERY_S) -> None:
        self.log = SeldomLog(logging.getLogger("uvicorn.error"), self._warned, tell_every_s)
        self.patience = patience or Patience()
        self._crowd = max(1, round(most * self.patience.crowd))
        self._incomplete: dict[_Connection, float] = {}
        """Since when, monotonic; the first one for longest"""
        self._open = 0
        self._looking = False
        self._too_slow = self._crowded_out = self._refused = 0

    def protocol(self, *args: Any, **options: Any) -> asyncio.Protocol:
        """One connection, as uvicorn makes them."""
        return cast("asyncio.Protocol", _Connection(self, *args, **options))

    def stats(self) -> ConnectionStats:
        """Counts at this moment."""
        late = (self._too_slow, self._crowded_out)
        return ConnectionStats(self._open, len(self._incomplete), *late, self._refused)

    def opened(self, loop: asyncio.AbstractEventLoop) -> None:
        """One more; those that have been sending for too long make room."""
        self._open += 1
        if not self._looking:
            self._make_room(loop)

    def closed(self, connection: "_Connection") -> None:
        """It is gone, or speaks WebSocket from now on."""
        self._open -= 1
        self._incomplete.pop(connection, None)

    def waits(self, connection: "_Connection", since_s: float | None) -> None:
        """since_s: from when on its request is awaited; None when it is here."""
        if since_s is None:
            self._incomplete.pop(connection, None)
        else:
            self._incomplete.setdefault(connection, since_s)

    def late(self, connection: "_Connection") -> None:
        """Its time is over."""
        self._too_slow += 1
        connection.give_up()

    def _warned(self, text: str) -> None:
        self._refused += text == _FULL

    def _make_room(self, loop: asyncio.AbstractEventLoop) -> None:
        """Now, and again when the next one has been sending for too long."""
        self._looking = False
        while self._open > self._crowd and self._incomplete:
            slowest, since_s = next(iter(self._incomplete.items()))
            due_s = since_s + self.patience.crowded_s
            if loop.time() < due_s:
                self._looking = True
                loop.call_at(due_s, self._make_room, loop)
                return
            self._crowded_out += 1
            slowest.give_up()


class _Connection(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """uvicorn's, whichever parser it found, with an eye on whether a whole request has come."""

    def __init__(self, all_: Connections, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._all = all_
        self.logger = all_.log
        self._since_s: float | None = None
        self._received = 0
        self._timer: asyncio.TimerHandle | None = None
        self._counted = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._counted = True
        self._look()
        self._all.opened(self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        if self not in self.connections:  # it speaks WebSocket from now on
            self._leave()
        else:
            self._look()

    def give_up(self) -> None:
        """Closes the connection, with an answer where none has begun."""
        cycle: _Cycle | None = self.cycle
        self._leave()
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.abort()
        else:
            self.transport.write(_TOO_LATE)
            self.transport.close()

    def _look(self) -> None:
        """Called whenever something came: what is not whole now is being waited for."""
        cycle: _Cycle | None = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            self._wait_no_more()
        elif self._since_s is None and not self.transport.is_closing():
            self._since_s, self._received = self.loop.time(), 0
            self._all.waits(self, self._since_s)
            self._timer = self.loop.call_later(self._all.patience.grace_s, self._check)

    def _check(self) -> None:
        if self._since_s is None:
            return
        patience, now_s = self._all.patience, self.loop.time()
        due_s = self._since_s + patience.grace_s + self._received / patience.least_bytes_s
        if self.flow.read_paused:  # we are who is slow
            due_s = max(due_s, now_s + patience.grace_s)
        if now_s < due_s:
            self._timer = self.loop.call_at(due_s, self._check)
        else:
            self._all.late(self)

    def _wait_no_more(self) -> None:
        self._since_s = None
        self._all.waits(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self) -> None:
        self._wait_no_more()
        if self._counted:
            self._counted = False
            self._all.closed(self)
