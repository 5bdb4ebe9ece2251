"""What was learnt from homes, and from which: it cannot be used on one of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from chowon.domain.nilm.power import Home
from chowon.errors import HomeSeen

T = TypeVar("T")
U = TypeVar("U")

_SHOWN: Final = 12
"""Names in a message: a fit of many plugs has hundreds"""


class Sourced(Protocol):
    """A home that knows what it was made of."""

    @property
    def id(self) -> str:
        """The same wherever it is read from."""

    @property
    def sources(self) -> frozenset[str]:
        """Ids of the recordings that it was composed of; none where it was measured itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted(Generic[T]):
    """A scaler, a threshold, a model: reached only by naming the home on which it is to be used.

    What is learnt with its help (`further`) has seen its homes too.
    """

    _learnt: T
    homes: frozenset[str]
    """Ids of all homes that took part, and of what they were composed of: `taught_by`"""

    def for_home(self, home: Sourced) -> T:
        """What was learnt, for a home that took no part in it, nor any of its sources. Errors: HomeSeen."""
        if home.id in self.homes:
            raise HomeSeen(
                f"home {home.id} took part in the fit (of {_listed(self.homes)}); score on a home that did "
                "not, or fit without it"
            )
        if shared := home.sources & self.homes:
            raise HomeSeen(
                f"home {home.id} is composed of recordings that took part in the fit: {_listed(shared)}; "
                "score on another home, or fit without them"
            )
        return self._learnt

    def further(self, homes: Sequence[Home], learn: Callable[[T, Sequence[Home]], U]) -> "Fitted[U]":
        """What more homes teach on top of this."""
        return Fitted(learn(self._learnt, homes), self.homes | taught_by(homes))


def fitted(homes: Sequence[Home], learn: Callable[[Sequence[Home]], T]) -> Fitted[T]:
    """What these homes teach."""
    return Fitted(learn(homes), taught_by(homes))


def taught_by(homes: Iterable[Sourced]) -> frozenset[str]:
    """The ids of these homes, and of all that they were composed of."""
    return frozenset(name for home in homes for name in (home.id, *home.sources))


def _listed(names: frozenset[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
