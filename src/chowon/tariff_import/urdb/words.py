"""The words of an imported tariff, in both languages."""

from collections.abc import Sequence
from typing import Final

from chowon.domain.tariff.terms import Text

FIXED: Final = Text("기본요금", "Fixed charge")
MORE_METERS: Final = Text("추가 계량기 요금", "Additional meters")
METERS_OPTION: Final = Text("추가 계량기 수", "Additional meters")
ENERGY: Final = Text("전력량요금", "Energy charge")
FUEL: Final = Text("연료비조정요금", "Fuel adjustment")
EXPORT: Final = Text("역송 전력 보상", "Credit for export")
FLAT_DEMAND: Final = Text("수요전력요금", "Demand charge")
TIMED_DEMAND: Final = Text("시간대별 수요전력요금", "Time-of-use demand charge")
MINIMUM: Final = Text("최저요금 보전", "Up to the minimum charge")

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def period(number: int) -> Text:
    """A period of energy, numbered from 0; URDB's pages number from 1."""
    return Text(f"{number + 1}구간", f"Period {number + 1}")


def demand_period(number: int) -> Text:
    """A period of demand, likewise."""
    return Text(f"수요전력 {number + 1}구간", f"Demand period {number + 1}")


def of_period(words: Text, number: int) -> Text:
    """A line of one period."""
    return Text(f"{words.ko} ({number + 1}구간)", f"{words.en} (period {number + 1})")


def months(runs: Sequence[tuple[int, int]]) -> Text:
    """Runs of months, (first, last) from 1 to 12, both included."""
    ko = ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in runs)
    en = ", ".join(_MONTHS[a - 1] if a == b else f"{_MONTHS[a - 1]}–{_MONTHS[b - 1]}" for a, b in runs)
    return Text(f"{ko}월", en)


def months_id(runs: Sequence[tuple[int, int]]) -> str:
    """The same as a name in the file: jun_sep, jan_and_mar_may."""
    names = (_MONTHS[a - 1] if a == b else f"{_MONTHS[a - 1]}_{_MONTHS[b - 1]}" for a, b in runs)
    return "_and_".join(names).lower()
