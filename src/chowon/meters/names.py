"""From the names in a payload to channel keys: each different name is checked once, a bad one is named."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np

from chowon.domain.quantities import I64
from chowon.domain.sites import UNPLACED, ChannelKey
from chowon.errors import Problem, shortened
from chowon.meters.decoded import Envelope
from chowon.meters.fields import KEY_RULE, is_key, key_from

Names: TypeAlias = tuple[str | None, str | None, str | None]
"""(site, meter, channel) as sent; None where left out."""

DEFAULT_NAME = "main"
"""A meter or channel that is not named."""

REMEMBERED_NAMES: Final = 20_000
"""The same names come with every payload; so many are checked once."""
_LONGEST_REMEMBERED: Final = 64
"""A longer one is no key."""


class Keys:
    """The channels of one payload, each with its position."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._by_names: dict[Names, int] = {}
        self._positions: dict[ChannelKey, int] = {}
        self._keys: tuple[ChannelKey, ...] = ()

    @property
    def keys(self) -> tuple[ChannelKey, ...]:
        """The good ones, by position; the same object for as long as there are no more."""
        if len(self._keys) < len(self._positions):
            self._keys = tuple(self._positions)
        return self._keys

    def indices(self, names: Sequence[Names]) -> I64:
        """(n,) int64, position in `keys` for each row; −1 where a name is missing or wrong."""
        known = self._by_names
        try:
            return np.array([known[name] for name in names], np.int64)
        except KeyError:
            for name in dict.fromkeys(names):
                self.index(name)
        return np.array([known[name] for name in names], np.int64)

    def index(self, names: Names) -> int:
        """Position in `keys`, −1 when a name is missing or wrong."""
        found = self._by_names.get(names)
        if found is None:
            key = self._key(names)
            found = -1 if key is None else self._positions.setdefault(key, len(self._positions))
            self._by_names[names] = found
        return found

    def device(self, family: str, device: str, channel: str = DEFAULT_NAME) -> int:
        """Position in `keys` of a channel of a device that has no place yet; its names are made to fit."""
        key = ChannelKey(UNPLACED + family, key_from(device), key_from(channel))
        return self._positions.setdefault(key, len(self._positions))

    def problems(self, names: Names, where: str) -> list[Problem]:
        """What is wrong with these names. where: the reading, e.g. "readings[3]"."""
        found: list[Problem] = []
        for part, name, given in self._parts(names):
            if name is not None and not is_key(name):
                found.append(Problem(f"{where}.{part}", shortened(name), KEY_RULE))
            elif name is not None and given is not None and name != given:
                expected = f"'{given}', as in the topic, or nothing"
                found.append(Problem(f"{where}.{part}", shortened(name), expected))
            elif name is None and given is not None and not is_key(given):
                found.append(Problem(f"topic, {part}", shortened(given), KEY_RULE))
            elif name is None and given is None and part == "site":
                found.append(Problem(f"{where}.{part}", "nothing", f"the site's name: {KEY_RULE}"))
        return found

    def _key(self, names: Names) -> ChannelKey | None:
        if self._envelope.site is None and self._envelope.meter is None:
            short = all(name is None or len(name) <= _LONGEST_REMEMBERED for name in names)
            return _plain_key(names) if short else None
        if self.problems(names, ""):
            return None
        site, meter, channel = (name or given for _, name, given in self._parts(names))
        return ChannelKey(site or "", meter or DEFAULT_NAME, channel or DEFAULT_NAME)

    def _parts(self, names: Names) -> tuple[tuple[str, str | None, str | None], ...]:
        site, meter, channel = names
        return (
            ("site", site, self._envelope.site),
            ("meter", meter, self._envelope.meter),
            ("channel", channel, None),
        )


@lru_cache(maxsize=REMEMBERED_NAMES)
def _plain_key(names: Names) -> ChannelKey | None:
    """The key where the payload alone names its channels; None when a name is missing or wrong."""
    site, meter, channel = names[0], names[1] or DEFAULT_NAME, names[2] or DEFAULT_NAME
    if site is None or not all(name is None or is_key(name) for name in names):
        return None
    return ChannelKey(site, meter, channel)
