"""How fast replayed time runs: one clock that server and meter share, so that both mean the same `now`.

At speed 1 it is the clock on the wall. Faster, readings are stamped ahead of the wall clock, and every part
that asks for `now` (checks on arrival, bills, live state) must ask this clock, not the machine's.
"""

import json
from dataclasses import asdict, dataclass

from chowon.errors import BadInput, shortened


@dataclass(frozen=True, slots=True)
class Clock:
    """Virtual time: `anchor_virtual_ms` at `anchor_wall_ms`, then `speed` times as fast.

    It goes on while nothing runs. Kept (as JSON, by the caller), it continues after a restart as if there
    had been none.
    """

    anchor_wall_ms: int
    """ms since 1970 UTC by the machine's clock"""
    anchor_virtual_ms: int
    """ms since 1970 UTC, virtual, at that moment"""
    speed: int = 1
    """How many virtual seconds pass in a real one; at least 1"""

    def __post_init__(self) -> None:
        if self.speed < 1:
            raise BadInput(f"clock: speed {self.speed}; expected a whole number from 1 on")

    def now_ms(self, wall_ms: int) -> int:
        """Virtual time when the machine's clock shows `wall_ms`."""
        return self.anchor_virtual_ms + (wall_ms - self.anchor_wall_ms) * self.speed

    def to_json(self) -> str:
        """For a file that lets a restart continue."""
        return json.dumps(asdict(self))


def starting(wall_ms: int, speed: int = 1) -> Clock:
    """A clock that shows the machine's time now and runs `speed` times as fast from here on."""
    return Clock(wall_ms, wall_ms, speed)


def from_json(text: str) -> Clock:
    """The clock that `to_json` wrote. Errors: BadInput."""
    expected = 'expected {"anchor_wall_ms": int, "anchor_virtual_ms": int, "speed": int}'
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise BadInput(f"clock: found {shortened(text)}; {expected}") from error
    names = set(Clock.__dataclass_fields__)
    if (
        not isinstance(fields, dict)
        or set(fields) != names
        or any(type(v) is not int for v in fields.values())
    ):
        raise BadInput(f"clock: found {shortened(fields)}; {expected}")
    return Clock(**fields)
