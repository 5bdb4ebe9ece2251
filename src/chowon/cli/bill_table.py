"""A bill as a table for people."""

from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.table import Table

from chowon.domain.bill import Bill, Line, NextKwh, Part, TierStanding, number_text, price_text
from chowon.domain.tariff import Text
from chowon.domain.tariff.terms import Language

_HEADS: Final = (
    Text("항목", "Line"),
    Text("수량 × 단가", "Quantity × price"),
    Text("금액", "Amount"),
    Text("적용일", "Since"),
    Text("근거", "Source"),
    Text("끝수 처리", "Rounding"),
)
_TOTAL: Final = Text("청구금액", "Total")
_UNITS: Final = {"month": Text("개월", "month"), "once": Text("회", "×"), "kWh": Text("kWh", "kWh")}


def print_bill(bill: Bill, next_kwh: NextKwh, standing: TierStanding | None, language: Language) -> None:
    """Every line with its parts, then the sources by their numbers, then what the next kWh costs."""
    console = wide_console()
    sources: list[str] = []
    period = f"{bill.period.start} – {bill.period.end}"
    table = Table(title=f"{bill.tariff_name.to(language)}, {number_text(bill.usage.kwh)} kWh, {period}")
    for head in _HEADS:
        table.add_column(head.to(language), justify="right" if head is _HEADS[2] else "left", no_wrap=True)
    for n, line in enumerate(bill.lines):
        _add_line(table, line, bill, sources, language)
        for subtotal in (s for s in bill.subtotals if s.after == n + 1):
            table.add_row(
                subtotal.label.to(language), "", _money(subtotal.amount), end_section=True, style="bold"
            )
    table.add_section()
    table.add_row(_TOTAL.to(language), "", f"{_money(bill.total)} {bill.currency}", style="bold")
    console.print(table)
    for n, source in enumerate(sources, 1):
        console.print(f"[{n}] {source}", markup=False, highlight=False)
    for remark in bill.notes:
        console.print(f"※ {remark.text.to(language)}", markup=False, highlight=False)
    console.print(_next(next_kwh, standing, language), highlight=False)


def wide_console() -> Console:
    """A console on stdout. A pipe has no width of its own: 80 columns would break the lines of a bill."""
    console = Console()
    if not console.is_terminal:
        console.width = 140
    return console


def _add_line(table: Table, line: Line, bill: Bill, sources: list[str], language: Language) -> None:
    rounding = "" if line.rounding is None else line.rounding.to(language)
    table.add_row(line.label.to(language), "", _money(line.amount), "", "", rounding)
    for part in line.parts:
        if part.source not in sources:
            sources.append(part.source)
        table.add_row(
            f"  {_part_name(part, line, bill, language)}",
            _product(part, language),
            "",
            part.since.isoformat(),
            rf"\[{sources.index(part.source) + 1}]",
        )


def _part_name(part: Part, line: Line, bill: Bill, language: Language) -> str:
    name = "" if part.label == line.label else part.label.to(language)
    if part.segment.days == bill.period.days:
        return name
    days = f"{part.segment.start:%m-%d} – {part.segment.end:%m-%d} ({part.segment.days}/{bill.period.days})"
    return f"{name} {days}".strip()


def _product(part: Part, language: Language) -> str:
    """quantity × price = amount before rounding."""
    if part.unit == "%":
        product = f"{_money(part.quantity)} × {price_text(part.price)} %"
    elif part.unit == "once":
        return _money(part.amount)
    else:
        unit = _UNITS[part.unit].to(language) if part.unit in _UNITS else part.unit
        product = f"{number_text(part.quantity)} {unit} × {_grouped(price_text(part.price))}"
    return f"{product} = {_money(part.amount)}"


def _next(next_kwh: NextKwh, standing: TierStanding | None, language: Language) -> str:
    korean = language == "ko"
    marginal = str(next_kwh.marginal_price)
    text = f"다음 1 kWh: {marginal}" if korean else f"The next kWh: {marginal}"
    if standing is None:
        return text
    tier = (
        f"{standing.count}단계 중 {standing.index}단계"
        if korean
        else f"tier {standing.index} of {standing.count}"
    )
    if standing.distance_kwh is None:
        return f"{text}; {tier}"
    left = number_text(standing.distance_kwh)
    return f"{text}; {tier}, " + (f"다음 단계까지 {left} kWh" if korean else f"{left} kWh to the next")


def _money(amount: Decimal) -> str:
    return _grouped(number_text(amount))


def _grouped(number: str) -> str:
    return format(Decimal(number), ",f")
