"""Who may do what: every route passes through `Access.check`.

Without any token, chowon serves only loopback, and only pages of its own may ask: a website that somebody
visits cannot reach in, neither by name (Host) nor from its own origin (Origin).
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol
from urllib.parse import SplitResult, urlsplit

from chowon.errors import NotAllowed
from chowon.ports import TokenBook

Scope = Literal["read", "write", "admin"]
ALL_SCOPES: Final = frozenset[str](("read", "write", "admin"))
LOOPBACK_NAMES: Final = frozenset(("localhost", "127.0.0.1", "::1"))
SUBPROTOCOL: Final = "chowon.v1"
REMEMBERED_MS: Final = 2000
REMEMBERED_TOKENS: Final = 1000
_CARRIES = "chowon.token."
_OWN_PAGES: Final = frozenset(("same-origin", "none"))
"""What a browser says of a request that no other site has made; "none": somebody typed the address."""


class RememberedTokens:
    """A token book's answers, remembered for a moment: a request costs no look into the catalog.

    A token that is revoked works for at most `REMEMBERED_MS` more.
    """

    def __init__(self, book: TokenBook, now_ms: Callable[[], int]) -> None:
        self._book, self._now_ms = book, now_ms
        self._since_ms = now_ms()
        self._names: list[str] | None = None
        self._scopes: dict[str, frozenset[str] | None] = {}

    def names(self) -> list[str]:
        """As TokenBook.names."""
        self._forget()
        if self._names is None:
            self._names = self._book.names()
        return self._names

    def scopes(self, token: str) -> frozenset[str] | None:
        """As TokenBook.scopes."""
        self._forget()
        if token not in self._scopes:
            if len(self._scopes) >= REMEMBERED_TOKENS:
                self._scopes.clear()
            self._scopes[token] = self._book.scopes(token)
        return self._scopes[token]

    def name(self, token: str) -> str | None:
        """As TokenBook.name; not remembered, since only what is written down asks for it."""
        return self._book.name(token)

    def _forget(self) -> None:
        if not 0 <= self._now_ms() - self._since_ms < REMEMBERED_MS:
            self._since_ms, self._names = self._now_ms(), None
            self._scopes.clear()


class KnownTokens(Protocol):
    """What access must know of tokens."""

    def names(self) -> list[str]:
        """Names of the tokens in force."""

    def scopes(self, token: str) -> frozenset[str] | None:
        """What this token may do, None if it is unknown or revoked."""

    def name(self, token: str) -> str | None:
        """What this token was issued for, None if it is unknown or revoked."""


@dataclass(frozen=True, slots=True)
class Access:
    """The one place that decides."""

    tokens: KnownTokens
    server_token: str | None
    """from the configuration; may do everything"""

    @property
    def open(self) -> bool:
        """Whether no token is needed: none is set, and app.py has bound the server to loopback."""
        return self.server_token is None and not self.tokens.names()

    def check(self, headers: Mapping[str, str], scope: Scope, token: str | None = None) -> None:
        """Let the request pass or raise NotAllowed, saying what is missing.

        token: where a dialect carries it elsewhere than in a header; the header goes first.
        """
        self._check_origin(headers)
        if self.open:
            return
        token = _token(headers) or token
        if not token:
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

    def who(self, headers: Mapping[str, str]) -> str:
        """Who asks, for what is written down: a token's name, "server" for the configuration's, "local"."""
        token = _token(headers)
        if self.open or token is None:
            return "local"
        if self.server_token is not None and hmac.compare_digest(token.encode(), self.server_token.encode()):
            return "server"
        return self.tokens.name(token) or "local"

    def _check_origin(self, headers: Mapping[str, str]) -> None:
        host = _split(f"//{headers.get('host', '')}")
        if self.open and host.hostname not in LOOPBACK_NAMES:
            raise NotAllowed(f"without a token only localhost is served, not {shown(str(host.hostname))!r}")
        if headers.get("sec-fetch-site", "none") not in _OWN_PAGES:  # a GET from elsewhere has no Origin
            raise NotAllowed("requests from pages of others are not served")
        origin = headers.get("origin")
        if origin is not None and _split(origin).netloc != host.netloc:
            raise NotAllowed(f"requests from pages of {shown(origin)} are not served")


def shown(text: str) -> str:
    """Text from outside, fit for a message."""
    return "".join(c if c.isprintable() else "?" for c in text[:80])


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        raise NotAllowed(f"{shown(address)!r} is no address") from None


def _token(headers: Mapping[str, str]) -> str | None:
    """The token of a request: the Authorization header (Bearer; Token as Influx clients say; the password of
    Basic), or the WebSocket subprotocol `chowon.token.…`, since browsers cannot set a header there."""
    kind, _, credentials = headers.get("authorization", "").partition(" ")
    if kind.lower() in ("bearer", "token") and credentials:
        return credentials.strip()
    if kind.lower() == "basic" and credentials:
        return _password(credentials)
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        if protocol.strip().startswith(_CARRIES):
            return protocol.strip().removeprefix(_CARRIES)
    return None


def _password(credentials: str) -> str | None:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        return None
