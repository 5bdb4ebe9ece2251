"""The homes of an experiment, opened onto its grid, with what must be known of each before it is believed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from chowon.bench.nilm.homes import RawHome, home_on_grid, zero_share
from chowon.bench.nilm.protocol import HomeSpec, Protocol
from chowon.domain.nilm.power import Home, Power
from chowon.errors import DataSetInvalid, Problem

NO_MAINS: Final = Problem("mains", "none: plugs", "a measured home; plugs can teach, and not be scored")


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """What must be known of a home before its figures are believed."""

    id: str
    role: str
    hours: float
    """Known time of its mains; without any, of its best known column"""
    coverage: float
    zero_mains_share: float
    licence: str
    clock: str
    note: str
    measured: bool = True
    """False: plugs; nobody measured the mains"""


def opened(
    protocol: Protocol, spec: HomeSpec, data: Path, role: Literal["train", "test"]
) -> list[tuple[Home, HomeFacts]]:
    """The homes that this part of a protocol names: one, or many that teach. These bring their other loads.

    Errors: DataSetInvalid for a home that is hardly known, and for one to be scored without mains;
    ProtocolInvalid, NotFound, …
    """
    found = []
    for raw in spec.open_all(data) if role == "train" else [spec.open(data)]:
        home = home_on_grid(
            raw,
            spec.step_ms or protocol.step_ms,
            list(protocol.rules),
            spec.gaps,
            spec.from_ms,
            spec.to_ms,
            others=role == "train",
        )
        found.append((home, _facts(protocol, raw, home, role)))
    return found


def coverage(power: Power) -> float:
    """The share of its time for which it is known."""
    return round(float(power.known.mean()), 4) if len(power) else 0.0


def _facts(protocol: Protocol, raw: RawHome, home: Home, role: str) -> HomeFacts:
    if role == "test" and not raw.mains:
        raise DataSetInvalid(f"home {home.id} cannot be scored by {protocol.name}", [NO_MAINS])
    columns = [*home.appliances.values(), *home.others.values()]
    shown = home.mains if raw.mains else max(columns, key=lambda power: power.hours)
    covered = coverage(shown)
    if raw.mains and covered < protocol.least_coverage:
        problem = Problem("mains", f"known for {covered:.0%}", f"{protocol.least_coverage:.0%} or more")
        raise DataSetInvalid(f"home {home.id} cannot be used by {protocol.name}", [problem])
    return HomeFacts(
        home.id,
        role,
        round(shown.hours, 1),
        covered,
        zero_share(home),
        raw.facts.get("licence", ""),
        raw.facts.get("clock", ""),
        raw.facts.get("note", ""),
        bool(raw.mains),
    )
