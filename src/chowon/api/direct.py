"""What meters send comes many times a second: straight to its endpoint, past routing and validation.

Only endpoints that take nothing but the request: they say the same as through their route, which stays for
the documentation and for whoever asks in another way.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, ExceptionHandler, Receive, Scope, Send

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Direct:
    """Answers POST to these paths; everything else goes on."""

    def __init__(
        self, app: ASGIApp, posts: Mapping[str, Endpoint], handlers: Mapping[object, ExceptionHandler]
    ) -> None:
        """handlers: those of the application, so that errors are answered alike."""
        self._app, self._posts = app, posts
        self._answering = ExceptionMiddleware(self._answer, handlers=handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        hot = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._posts
        await (self._answering if hot else self._app)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._posts[scope["path"]](Request(scope, receive, send))
        await response(scope, receive, send)
