"""Bounds and headers for every request, as plain ASGI: nothing is buffered twice."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chowon.api.answers import error_answer

DRAINED = 4
"""Times the bound: so much of a body that is too large is read before the answer."""
AT_ONCE = 8
"""Times the bound: so much of all bodies that are being read or worked on is held at once."""
FOR_ALL = 0.8
"""The part of that which anybody may fill; the rest is for bodies that are small."""
SMALL_PART = 128
"""A body is small up to this part of the bound: 256 KiB of 32 MiB, some 2,000 readings."""
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class SecurityHeaders:
    """Set the headers that keep pages of others out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add headers to the answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class ServerStop:
    """Answer 503 to requests that are still open when the server stops waiting for them.

    uvicorn cancels them then, and cancels at no other time; it says so itself, in one line. A cancellation
    that left the application would be one traceback a request in the log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer it when it is cancelled before an answer has begun."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        noted = _Noted(send)
        try:
            await self._app(scope, receive, noted.send)
        except asyncio.CancelledError:
            if not noted.answered:  # else uvicorn closes the connection: half an answer is seen as half
                what = "the server stops; send this again later"
                answer = error_answer(503, "unavailable", what, path=scope["path"])
                await answer(scope, receive, send)


class _Noted:
    """Knows whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.answered = False

    async def send(self, message: Message) -> None:
        self.answered = True
        await self._send(message)


class BodyTooLarge(Exception):
    """A body went past the bound while it was read."""


class TooManyBodies(Exception):
    """All bodies that are being read are together as large as they may be."""


class BodyLimit:
    """Answer 413 to bodies above the bound, announced or not, and 503 when all together are too much.

    What is left of a body that is refused, but not absurdly large, is read and thrown away: a client that is
    still sending when the connection closes would see a broken pipe instead of the answer.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int, files: Mapping[str, int] | None = None) -> None:
        """files: paths that take a file as it comes, onto the disk, and how large it may be."""
        self._app, self._limit, self._files = app, limit_bytes, files or {}
        self._room = _Room(AT_ONCE * limit_bytes, limit_bytes // SMALL_PART)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on while its body stays within the bounds."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._files.get(scope["path"], self._limit)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        room = None if scope["path"] in self._files else self._room
        body = _Counted(receive, limit, int(announced) if announced.isdigit() else 0, room)
        noted = _Noted(send)
        try:
            await self._app(scope, body.receive, noted.send)
        except (BodyTooLarge, TooManyBodies) as refused:
            if noted.answered:
                raise
            body.let_go()
            await body.drain(DRAINED * limit)
            answer = _refusal(refused, limit, scope["path"], of_file=scope["path"] in self._files)
            await answer(scope, receive, send)
        finally:
            body.let_go()


def _refusal(refused: BodyTooLarge | TooManyBodies, limit: int, path: str, *, of_file: bool) -> Response:
    if isinstance(refused, TooManyBodies):
        return error_answer(503, "unavailable", "too much is being sent at once; send it again", path=path)
    mib = f"{limit / 2**20:g} MiB"
    what = f"at most {mib} a request; send smaller batches"
    if of_file:
        what = f"at most {mib} a file here; `chowon import FILE --ask --url …` takes larger ones"
    return error_answer(413, "too_large", what, path=path)


class _Room:
    """Bytes of all bodies that are in memory: bounded, the last fifth is for those that are small so far."""

    def __init__(self, most: int, small: int) -> None:
        self._most, self._small = most, small
        self._held = 0

    def take(self, further: int, seen: int) -> None:
        """Some more of a body of which `seen` bytes came in all. Errors: TooManyBodies."""
        most = self._most if seen <= self._small else self._most * FOR_ALL
        if self._held + further > most:
            raise TooManyBodies
        self._held += further

    def give(self, held: int) -> None:
        """A body is done with."""
        self._held -= held


class _Counted:
    """A request's body, counted while it is read."""

    def __init__(self, receive: Receive, limit: int, announced: int, room: _Room | None) -> None:
        self._receive, self._limit, self._announced, self._room = receive, limit, announced, room
        self._seen = self._held = 0
        self._more = True

    async def receive(self) -> Message:
        if self._announced > self._limit:
            raise BodyTooLarge
        message = await self._next()
        if self._seen > self._limit:
            raise BodyTooLarge
        further = len(message.get("body", b""))
        if self._room is not None:
            self._room.take(further, self._seen)
            self._held += further
        return message

    def let_go(self) -> None:
        """What was read of it is not held any more."""
        if self._room is not None:
            self._room.give(self._held)
            self._held = 0

    async def drain(self, most: int) -> None:
        """Read on to the end, but not past `most` bytes in all."""
        while self._more and self._seen <= most:
            await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        self._more = message["type"] == "http.request" and message.get("more_body", False)
        return message
