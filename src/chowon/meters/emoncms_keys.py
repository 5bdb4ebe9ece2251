"""What the keys of emonCMS inputs mean: the one table behind its HTTP and its MQTT way in.

A node is a device of the family "emon", a numbered input is a channel of that number, and an input without
a number is the channel "main". emonCMS itself knows no units; these are the ones that the project's own
firmware and emonHub's node settings send under these names: power in W, Vrms in V. An unnamed
number (`csv=100,200`, and most of what `bulk` holds) can be anything; it is offered as power in W on the
channel of its position, and the person who places the device says which of them is.

A key that is not in the table (a temperature, a pulse count) is no electricity as far as anyone knows. E1 …
are left out on purpose: they are net, so they fall while power flows back, which no counter of ours may do.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from chowon.meters.decoded import Family
from chowon.meters.names import DEFAULT_NAME

FAMILY: Final = Family("emon", "emonPi, emonTx (OpenEnergyMonitor)", hold_s=30)
"""They send every 5 to 10 s; a node is the same device whether it comes by HTTP or by MQTT."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One input of a node."""

    channel: str | None
    """None: of the node as a whole; each of its channels with power has it."""
    field: str
    """A name of meters.fields.FIELDS."""
    factor: float
    """Brings the value into the field's unit."""


_QUANTITIES: Final = (
    (r"power|real_?power|active_?power|watts?|w|p|ct", "power_w", 1.0),
    (r"reactive_?power|reactive|var|q", "reactive_var", 1.0),
    (r"vrms|voltage|volts?|v", "voltage_v", 1.0),
    (r"irms|current|amps|i", "current_a", 1.0),
    (r"frequency|freq|hz|f", "frequency_hz", 1.0),
    (r"wh|energy_?wh|import_?wh", "import_wh", 1.0),
    (r"kwh|energy_?kwh|import_?kwh", "import_wh", 1000.0),
    (r"export_?wh", "export_wh", 1.0),
    (r"export_?kwh", "export_wh", 1000.0),
)
_NUMBERED: Final = [(re.compile(rf"(?:{names})_?(\d*)"), f, by) for names, f, by in _QUANTITIES]
_WORD: Final = re.compile(
    r"(.+)_(power|watts?|w|reactive|var|vrms|voltage|volts?|v|irms|current|amps|frequency|freq|hz|wh|kwh)"
)
_PLACES: Final = frozenset(
    ("use", "house", "grid", "mains", "main", "solar", "pv", "generation", "consumption", "load", "import")
)
"""Words by which people call an input that is power."""
_WHOLE: Final = frozenset(("voltage_v", "frequency_hz"))
"""Measured once for all channels of a node when sent without a number."""
_LONGEST: Final = 100


def meaning(key: str) -> Meaning | None:
    """What stands under this key, None for what is no electricity. A bare number is a value's position."""
    return _meaning(key) if len(key) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _meaning(key: str) -> Meaning | None:
    name = key.strip().lower()
    if name.isdecimal():
        return Meaning(str(int(name)), "power_w", 1.0)
    for pattern, field, factor in _NUMBERED:
        found = pattern.fullmatch(name)
        if found is not None:
            whole = field in _WHOLE and not found[1]
            return Meaning(None if whole else found[1] or DEFAULT_NAME, field, factor)
    if name in _PLACES:
        return Meaning(name, "power_w", 1.0)
    worded = _WORD.fullmatch(name)
    if worded is None:
        return None
    of_word = meaning(worded[2])
    return None if of_word is None else Meaning(worded[1], of_word.field, of_word.factor)
