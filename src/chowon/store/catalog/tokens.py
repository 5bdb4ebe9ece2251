"""Access tokens, kept as hashes; implements ports.TokenBook.

A token is 150 random bits, so one round of SHA-256 is enough: there is nothing to guess.
"""

import hashlib
import secrets
from collections.abc import Callable
from typing import Final

from sqlalchemy import insert, select, update

from chowon.errors import BadInput, NotFound, shortened
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.tables import tokens

PREFIX: Final = "chowon_"
"""Lets people and secret scanners see what a leaked string is."""
LENGTH: Final = 32
"""emonHub takes a key of this length and no other."""


class CatalogTokens:
    """The token book."""

    def __init__(self, catalog: Catalog, now_ms: Callable[[], int]) -> None:
        self._catalog = catalog
        self._now_ms = now_ms

    def issue(self, name: str, scopes: frozenset[str]) -> str:
        """A new token; the only time that it is shown. Errors: BadInput."""
        if not 1 <= len(name) <= 128:
            raise BadInput(f"token name {shortened(name)}: expected 1–128 characters")
        if not scopes or any(not scope or scope.split() != [scope] for scope in scopes):
            raise BadInput(f"scopes {sorted(scopes)}: expected at least one, each a word without blanks")
        token = (PREFIX + secrets.token_urlsafe(LENGTH))[:LENGTH]
        with self._catalog.writing() as connection:
            connection.execute(
                insert(tokens).values(
                    name=name,
                    sha256=_hash(token),
                    scopes=" ".join(sorted(scopes)),
                    created_ms=self._now_ms(),
                )
            )
        return token

    def scopes(self, token: str) -> frozenset[str] | None:
        """What this token may do, None if it is unknown or revoked."""
        with self._catalog.reading() as connection:
            found = connection.execute(
                select(tokens.c.scopes).where(tokens.c.sha256 == _hash(token), tokens.c.revoked_ms.is_(None))
            ).scalar()
        return None if found is None else frozenset(found.split())

    def revoke(self, name: str) -> None:
        """Stop all tokens of this name. Errors: NotFound."""
        with self._catalog.writing() as connection:
            changed = connection.execute(
                update(tokens)
                .where(tokens.c.name == name, tokens.c.revoked_ms.is_(None))
                .values(revoked_ms=self._now_ms())
            )
        if changed.rowcount == 0:
            raise NotFound(f"no token in force is called {shortened(name)}; `chowon token list` shows them")

    def names(self) -> list[str]:
        """Names of the tokens that are in force."""
        with self._catalog.reading() as connection:
            in_force = select(tokens.c.name).where(tokens.c.revoked_ms.is_(None)).distinct()
            return list(connection.execute(in_force.order_by(tokens.c.name)).scalars())

    def name(self, token: str) -> str | None:
        """What this token was issued for, None if it is unknown or revoked."""
        with self._catalog.reading() as connection:
            found: str | None = connection.execute(
                select(tokens.c.name).where(tokens.c.sha256 == _hash(token), tokens.c.revoked_ms.is_(None))
            ).scalar()
        return found


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
