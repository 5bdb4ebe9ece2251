"""What was learnt from homes, and from which: it cannot be used on one of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from chowon.domain.nilm.power import Home
from chowon.errors import HomeSeen

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True, eq=False)
class Fitted(Generic[T]):
    """A scaler, a threshold, a model: reached only by naming the home on which it is to be used.

    What is learnt with its help (`further`) has seen its homes too.
    """

    _learnt: T
    homes: frozenset[str]
    """Ids of all homes that took part"""

    def for_home(self, home_id: str) -> T:
        """What was learnt, for a home that took no part in it. Errors: HomeSeen."""
        if home_id in self.homes:
            raise HomeSeen(
                f"home {home_id} took part in the fit (of {', '.join(sorted(self.homes))}); score on a home "
                "that did not, or fit without it"
            )
        return self._learnt

    def further(self, homes: Sequence[Home], learn: Callable[[T, Sequence[Home]], U]) -> "Fitted[U]":
        """What more homes teach on top of this."""
        return Fitted(learn(self._learnt, homes), self.homes | {home.id for home in homes})


def fitted(homes: Sequence[Home], learn: Callable[[Sequence[Home]], T]) -> Fitted[T]:
    """What these homes teach."""
    return Fitted(learn(homes), frozenset(home.id for home in homes))
