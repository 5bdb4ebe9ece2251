"""What a tariff must be told besides the kWh of a period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chowon.domain.tariff import kinds
from chowon.domain.tariff.definition import Tariff
from chowon.domain.tariff.terms import any_holds

_GIVEN_BACK: Final = ("export", "net", "net_import", "net_export")


@dataclass(frozen=True, slots=True)
class Needs:
    """What the lines of a tariff ask for."""

    hours: bool
    """The use by hour, or the registers of a time-of-use meter"""
    export: bool
    """What is given to the grid"""
    demand: bool
    """The greatest demand"""
    series: tuple[str, ...]
    """Price series, by name"""
    options: tuple[str, ...]
    """Options that lines refer to, without default and not stated"""


def needs_of(tariff: Tariff, chosen: Mapping[str, str] | None = None) -> Needs:
    """What any customer may need; with every option in `chosen`, what this customer needs."""
    lines = tuple(line for line in tariff.lines if chosen is None or any_holds(line.when, chosen))
    asked = {name for line in lines for name in _options_of(line)}
    known = chosen or {}
    open_ = (o.id for o in tariff.options.values() if o.id in asked and o.default is None)
    return Needs(
        hours=any(
            isinstance(line, kinds.TimeOfUse | kinds.TieredTimeOfUse | kinds.PriceSeries) for line in lines
        ),
        export=tariff.net_kwh or any(getattr(line, "of", None) in _GIVEN_BACK for line in lines),
        demand=any(isinstance(line, kinds.Demand) and line.measured for line in lines),
        series=_series_of(lines),
        options=tuple(name for name in open_ if name not in known),
    )


def _series_of(lines: Sequence[kinds.Line]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line.series for line in lines if isinstance(line, kinds.PriceSeries)))


def _options_of(line: kinds.Line) -> tuple[str, ...]:
    """The numeric options that the line's amount depends on."""
    if isinstance(line, kinds.Demand):
        return () if line.kw_option is None else (line.kw_option,)
    if isinstance(line, kinds.PerPoint):
        return (line.option,)
    if isinstance(line, kinds.Fixed | kinds.TieredFixed | kinds.TieredEnergy):
        return () if line.times is None else (line.times,)
    return ()
