"""Kinds of appliances: what counts as on, and what data sets call them."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from chowon.domain.nilm.runs import OnRule

_NUMBERED: Final = re.compile(r"_\d+$")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind."""

    name: str
    rule: OnRule
    columns: frozenset[str]


@cache
def kinds() -> dict[str, Kind]:
    """All kinds by name, as kinds.toml has them."""
    file = tomllib.loads(resources.files("chowon.bench.nilm").joinpath("kinds.toml").read_text("utf-8"))
    return {
        name: Kind(
            name,
            OnRule(row["on_w"], row["min_on_s"] * 1000, row["min_off_s"] * 1000, row["most_w"]),
            frozenset(row["columns"]),
        )
        for name, row in file.items()
    }


def kind_of(column: str) -> str | None:
    """The kind that a data set's column is of; None for what is no kind of ours."""
    plain = _NUMBERED.sub("", re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_"))
    return next((kind.name for kind in kinds().values() if plain in kind.columns), None)
