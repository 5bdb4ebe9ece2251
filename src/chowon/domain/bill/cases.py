"""The worked bills that stand in a tariff's own file, recomputed."""

from dataclasses import dataclass
from decimal import Decimal

from chowon.domain.bill.engine import bill
from chowon.domain.bill.outcome import Usage
from chowon.domain.clock import Period
from chowon.domain.tariff.definition import Case, Tariff


@dataclass(frozen=True, slots=True)
class WrongAmount:
    """An amount of a case that the engine computes otherwise."""

    case: Case
    line: str
    expected: Decimal
    computed: Decimal

    def __str__(self) -> str:
        where = f"case of {self.case.kwh} kWh, {self.case.start} to {self.case.end}"
        return f"{where}: {self.line} expected {self.expected}, computed {self.computed}"


def wrong_amounts(tariff: Tariff) -> list[WrongAmount]:
    """Every difference between the tariff's cases and the engine; empty when all is well."""
    wrong = []
    for case in tariff.cases:
        found = bill(tariff, Period(case.start, case.end), Usage(case.kwh), case.options)
        for line, expected in case.expect.items():
            computed = found.total if line == "total" else found.amount(line)
            if computed != expected:
                wrong.append(WrongAmount(case, line, expected, computed))
    return wrong
