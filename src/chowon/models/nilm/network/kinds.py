"""How each kind takes part in the network's lessons (kinds.toml)."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from chowon.domain.tariff import Text


@dataclass(frozen=True, slots=True)
class Lesson:
    """One kind."""

    ko: str
    en: str
    usual_w: float
    per_day: float = 0.0
    """How many runs are put into a day"""
    standing: bool = False
    """In the home day and night: its whole trace is laid, not single runs"""
    bends: bool = False
    """Its runs may be stretched in time"""
    one_power: bool = False
    """A home's always takes the same power"""

    @property
    def label(self) -> Text:
        """What people call it."""
        return Text(self.ko, self.en)


@cache
def lessons() -> dict[str, Lesson]:
    """All kinds by name, in the order of the file."""
    text = resources.files("chowon.models.nilm.network").joinpath("kinds.toml").read_text("utf-8")
    return {name: Lesson(**row) for name, row in tomllib.loads(text).items()}
