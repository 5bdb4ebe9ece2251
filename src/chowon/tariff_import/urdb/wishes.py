"""What URDB doesn't say about a rate, and whoever imports it must."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is asked for beside the file."""

    timezone: str
    """IANA name: URDB's hours are local ones, but it doesn't say of which place."""
    label: str | None = None
    """The item that is meant, where there are several."""
    since: date | None = None
    """First day of the tariff, where URDB has no start date or it is meant to begin later."""
    without_export: bool = False
    """Leave out what a rate says about energy given to the grid: the site gives none."""
    without_attrs: bool = False
    """Leave out energyattrs, demandattrs and fixedattrs: charges in words, which somebody has read."""
