"""What the next kWh of a site costs."""

from dataclasses import dataclass
from decimal import Decimal

from chowon.live.money import price_of


@dataclass(frozen=True, slots=True)
class Price:
    """Of the next kWh."""

    per_kwh: Decimal
    currency: str

    def of(self, wh: float) -> Decimal:
        """What so many Wh cost."""
        return price_of(wh, self.per_kwh, self.currency)
