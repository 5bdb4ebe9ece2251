"""A bill as plain values for JSON, as docs/reference/api.md shows it: money as decimal text."""

from decimal import Decimal
from typing import Final

from chowon.domain.bill.outcome import Bill, Line, Part, Segment, Subtotal, Tier, TierStanding
from chowon.domain.tariff.terms import Text

_DIGITS: Final = Decimal("0.0001")
_PRICE_DIGITS: Final = Decimal("0.000001")


def number_text(number: Decimal) -> str:
    """The number without exponent or trailing zeros, to four digits after the point."""
    rounded = number if number == number.to_integral_value() else number.quantize(_DIGITS)
    text = format(rounded, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def price_text(price: Decimal) -> str:
    """A part's price as `number_text`, to six digits after the point: cents per kWh have that many."""
    return f"{price.quantize(_PRICE_DIGITS).normalize():f}"


def plain_bill(bill: Bill) -> dict[str, object]:
    """Everything that the bill says."""
    return {
        "tariff": {"id": bill.tariff_id, "name": plain_text(bill.tariff_name)},
        "currency": bill.currency,
        "period": {
            "start": bill.period.start.isoformat(),
            "end": bill.period.end.isoformat(),
            "days": bill.period.days,
        },
        "usage": {"billed_kwh": number_text(bill.usage.kwh)},
        "options": dict(bill.options),
        "total": number_text(bill.total),
        "lines": [plain_line(line) for line in bill.lines],
        "subtotals": [_subtotal(s) for s in bill.subtotals],
        "notes": [plain_text(note.text) for note in bill.notes],
    }


def plain_line(line: Line) -> dict[str, object]:
    """One line with its parts."""
    return {
        "id": line.id,
        "label": plain_text(line.label),
        "amount": number_text(line.amount),
        "rounding": None if line.rounding is None else plain_text(line.rounding),
        "parts": [_part(part) for part in line.parts],
    }


def plain_standing(standing: TierStanding) -> dict[str, object]:
    """Where the use stands among the tiers; kWh as numbers."""
    return {
        "index": standing.index,
        "count": standing.count,
        "from_kwh": float(standing.from_kwh),
        "to_kwh": _kwh(standing.to_kwh),
        "distance_kwh": _kwh(standing.distance_kwh),
        "base_jump": None if standing.base_jump is None else number_text(standing.base_jump),
        "tiers": [_tier(tier) for tier in standing.tiers],
        "over": None
        if standing.over is None
        else {
            "above_kwh": float(standing.over.above_kwh),
            "energy_price": number_text(standing.over.energy_price),
            "distance_kwh": float(standing.over.distance_kwh),
        },
    }


def plain_text(text: Text) -> dict[str, str]:
    """Both languages."""
    return {"ko": text.ko, "en": text.en}


def _tier(tier: Tier) -> dict[str, object]:
    return {"upto_kwh": _kwh(tier.upto_kwh), "energy_price": number_text(tier.energy_price)}


def _kwh(kwh: Decimal | None) -> float | None:
    return None if kwh is None else round(float(kwh), 6)


def _subtotal(subtotal: Subtotal) -> dict[str, object]:
    return {
        "id": subtotal.id,
        "label": plain_text(subtotal.label),
        "amount": number_text(subtotal.amount),
        "after": subtotal.after,
    }


def _part(part: Part) -> dict[str, object]:
    return {
        "label": plain_text(part.label),
        "quantity": number_text(part.quantity),
        "unit": part.unit,
        "price": price_text(part.price),
        "amount": number_text(part.amount),
        "from": part.since.isoformat(),
        "source": part.source,
        "segment": _segment(part.segment),
    }


def _segment(segment: Segment) -> dict[str, object]:
    return {"start": segment.start.isoformat(), "end": segment.end.isoformat(), "days": segment.days}
