"""What a tariff is, and how one is read. Start with `parse` and `Tariff`."""

from chowon.domain.tariff.definition import Case, Rounding, Tariff, Text
from chowon.domain.tariff.parsing import parse

__all__ = ["Case", "Rounding", "Tariff", "Text", "parse"]
