"""What a tariff is, and how one is read. Start with `parse` and `Tariff`."""

from chowon.domain.tariff.definition import Case, Tariff
from chowon.domain.tariff.parsing import parse
from chowon.domain.tariff.terms import Rounding, Text

__all__ = ["Case", "Rounding", "Tariff", "Text", "parse"]
