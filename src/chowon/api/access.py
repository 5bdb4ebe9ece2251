"""Who may do what: every route passes through `Access.check`.

Without any token, chowon serves only loopback, and only pages of its own may ask: a website that somebody
visits cannot reach in, neither by name (Host) nor from its own origin (Origin).
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from chowon.errors import NotAllowed
from chowon.ports import TokenBook

Scope = Literal["read", "write", "admin"]
ALL_SCOPES: Final = frozenset[str](("read", "write", "admin"))
LOOPBACK_NAMES: Final = frozenset(("localhost", "127.0.0.1", "::1"))
SUBPROTOCOL: Final = "chowon.v1"
_CARRIES = "chowon.token."


@dataclass(frozen=True, slots=True)
class Access:
    """The one place that decides."""

    tokens: TokenBook
    server_token: str | None
    """from the configuration; may do everything"""

    @property
    def open(self) -> bool:
        """Whether no token is needed: none is set, and app.py has bound the server to loopback."""
        return self.server_token is None and not self.tokens.names()

    def check(self, headers: Mapping[str, str], scope: Scope) -> None:
        """Let the request pass or raise NotAllowed, saying what is missing."""
        self._check_origin(headers)
        if self.open:
            return
        token = _bearer(headers)
        if token is None:
            raise NotAllowed(
                "a token is needed: send 'Authorization: Bearer …'; `chowon token issue` makes one"
            )
        if self.server_token is not None and hmac.compare_digest(token.encode(), self.server_token.encode()):
            return
        scopes = self.tokens.scopes(token)
        if scopes is None:
            raise NotAllowed("this token is unknown or revoked; `chowon token issue` makes a new one")
        if not scopes & {scope, "admin"}:
            raise NotAllowed(f"this token may not {scope}; it may {', '.join(sorted(scopes))}")

    def _check_origin(self, headers: Mapping[str, str]) -> None:
        host = urlsplit(f"//{headers.get('host', '')}")
        if self.open and host.hostname not in LOOPBACK_NAMES:
            raise NotAllowed(f"without a token only localhost is served, not {host.hostname!r}")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host.netloc:
            raise NotAllowed(f"requests from pages of {shown(origin)} are not served")


def shown(text: str) -> str:
    """Text from outside, fit for a message."""
    return "".join(c if c.isprintable() else "?" for c in text[:80])


def _bearer(headers: Mapping[str, str]) -> str | None:
    """The token of a request: the Authorization header (Bearer, or Token as Influx clients say), or the
    WebSocket subprotocol `chowon.token.…`, since browsers cannot set a header there."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() in ("bearer", "token") and token:
        return token.strip()
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        if protocol.strip().startswith(_CARRIES):
            return protocol.strip().removeprefix(_CARRIES)
    return None
