"""Bounds and headers for every request, as plain ASGI: nothing is buffered twice."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chowon.api.answers import error_answer

DRAINED = 4
"""Times the bound: so much of a body that is too large is read before the answer."""
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


class BodyLimit:
    """Answer 413 to bodies above the bound, announced or not.

    What is left of a body that is too large, but not absurdly so, is read and thrown away: a client that is
    still sending when the connection closes would see a broken pipe instead of the answer.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int, files: Mapping[str, int] | None = None) -> None:
        """files: paths that take a file as it comes, and how large it may be."""
        self._app, self._limit, self._files = app, limit_bytes, files or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on while its body stays within the bound."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._files.get(scope["path"], self._limit)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        body = _Counted(receive, limit, int(announced) if announced.isdigit() else 0)
        noted = _Noted(send)
        try:
            await self._app(scope, body.receive, noted.send)
        except BodyTooLarge:
            if noted.answered:
                raise
            await body.drain(DRAINED * limit)
            mib = f"{limit / 2**20:g} MiB"
            if scope["path"] in self._files:
                what = f"at most {mib} a file here; `chowon import FILE --ask --url …` takes larger ones"
            else:
                what = f"at most {mib} a request; send smaller batches"
            answer = error_answer(413, "too_large", what, path=scope["path"])
            await answer(scope, receive, send)


class _Counted:
    """A request's body, counted while it is read."""

    def __init__(self, receive: Receive, limit: int, announced: int) -> None:
        self._receive, self._limit, self._announced = receive, limit, announced
        self._seen = 0
        self._more = True

    async def receive(self) -> Message:
        if self._announced > self._limit:
            raise BodyTooLarge
        message = await self._next()
        if self._seen > self._limit:
            raise BodyTooLarge
        return message

    async def drain(self, most: int) -> None:
        """Read on to the end, but not past `most` bytes in all."""
        while self._more and self._seen <= most:
            await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        self._more = message["type"] == "http.request" and message.get("more_body", False)
        return message
