"""What comes beside a network's weights: what it tells, what taught it, and under which licence."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from chowon.domain.nilm.runs import OnRule
from chowon.errors import BadInput

FORMAT = 1
TRUSTED_F1: Final = 0.5
"""On homes that it had never seen, a kind must be told this well before people are told of it"""
TRUSTED_MONTH_PCT: Final = 50.0
"""And its months must be off by less before they are put into bills"""


@dataclass(frozen=True, slots=True)
class Card:
    """A model card, kept as JSON beside the weights."""

    kinds: tuple[str, ...]
    """In the order of the network's outputs"""
    step_ms: int
    rules: Mapping[str, OnRule]
    """When each kind was taught to be on"""
    homes: tuple[str, ...]
    """All homes and plugs that taught it; none of them can be scored with it"""
    seed: int
    steps: int
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """How likely a kind must be on for the nightly network to tell it, where not the usual threshold"""
    licences: tuple[str, ...] = ()
    """Of the data that taught it, with the attribution they ask for"""
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By kind, on homes that did not teach a network of the same settings"""
    gates: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """As thresholds, for each output of the live network: "tick", "minute", "settled" """

    @property
    def trusted(self) -> tuple[str, ...]:
        """The kinds that people may be told of."""
        return tuple(kind for kind in self.kinds if self.figures.get(kind, {}).get("f1", 0.0) >= TRUSTED_F1)

    @property
    def billed(self) -> tuple[str, ...]:
        """Those of them whose months are told well enough, too."""
        return tuple(
            kind for kind in self.trusted if self.figures[kind]["month_energy_error_pct"] < TRUSTED_MONTH_PCT
        )

    @property
    def once_seen(self) -> tuple[str, ...]:
        """The others that people may be told of once they have seen them run: told well enough then.

        Also those of which no home at hand can say it.
        """
        others = (kind for kind in self.kinds if kind not in self.billed)
        return tuple(kind for kind in others if self.figures.get(kind, {}).get("named_f1", 1.0) >= TRUSTED_F1)


def write(card: Card, path: Path) -> None:
    """The same card, the same bytes."""
    path.write_text(json.dumps({"format": FORMAT} | asdict(card), indent=1, sort_keys=True) + "\n", "utf-8")


def read(text: str, named: str) -> Card:
    """A card. Errors: BadInput where it is of another format."""
    found = json.loads(text)
    if found.pop("format", None) != FORMAT:
        raise BadInput(f"{named}: no model card of format {FORMAT}; make the weights anew: chowon train nilm")
    found["rules"] = {kind: OnRule(**rule) for kind, rule in found["rules"].items()}
    return Card(**(found | {name: tuple(found[name]) for name in ("kinds", "homes", "licences")}))
