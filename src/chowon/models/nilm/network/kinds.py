"""How each kind takes part in the network's lessons (kinds.toml)."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Lesson:
    """One kind."""

    usual_w: float
    per_day: float = 0.0
    """How many runs are put into a day"""
    standing: bool = False
    """In the home day and night: its whole trace is laid, not single runs"""
    bends: bool = False
    """Its runs may be stretched in time"""
    one_power: bool = False
    """A home's always takes the same power"""


@cache
def lessons() -> dict[str, Lesson]:
    """All kinds by name, in the order of the file."""
    text = resources.files("chowon.models.nilm.network").joinpath("kinds.toml").read_text("utf-8")
    return {name: Lesson(**row) for name, row in tomllib.loads(text).items()}
