"""What is known of a home as plain values, as a catalog keeps them in JSON, and back."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from chowon.domain.nilm.events.clusters import Cluster
from chowon.domain.nilm.events.following import Change, Following, OpenRun
from chowon.domain.nilm.events.known import Known, Merge, Mine, Name, NameRun, NotMine, NotThis, Split, Tap
from chowon.domain.nilm.events.spread import Spread
from chowon.errors import BadInput

VERSION: Final = 1
_KINDS: Final[dict[str, type[Tap]]] = {
    "name": Name,
    "name_run": NameRun,
    "not_this": NotThis,
    "not_mine": NotMine,
    "mine": Mine,
    "merge": Merge,
    "split": Split,
}
_SPREADS: Final = ("size", "lasts", "overshoot", "shape", "between")


@dataclass(frozen=True, slots=True)
class KeptHome:
    """What outlives a restart: readings tell the rest."""

    known: Known
    learnt_ms: int
    """Runs that ended up to here have taught it"""
    gives: bool
    """Whether the home was ever seen to give to the grid"""


@dataclass(frozen=True, slots=True)
class Tapped:
    """What a person said, and when."""

    tap: Tap
    by: str
    at_ms: int


def home_as_data(home: KeptHome) -> dict[str, Any]:
    """Values that JSON has."""
    return {"known": known_as_data(home.known), "learnt_ms": home.learnt_ms, "gives": home.gives}


def home_of_data(data: dict[str, Any]) -> KeptHome:
    """Errors: BadInput for another version."""
    return KeptHome(known_of_data(data["known"]), data["learnt_ms"], data["gives"])


def tap_as_data(tap: Tap) -> dict[str, Any]:
    """Values that JSON has."""
    kind = next(name for name, of in _KINDS.items() if type(tap) is of)
    return {"tap": kind, **asdict(tap)}


def tap_of_data(data: dict[str, Any]) -> Tap:
    """The tap that `tap_as_data` wrote."""
    facts = dict(data)
    return _KINDS[facts.pop("tap")](**facts)


def known_as_data(known: Known) -> dict[str, Any]:
    """Values that JSON has."""
    return {
        "version": VERSION,
        "next_id": known.next_id,
        "clusters": [{**asdict(one), "recent": list(one.recent)} for one in known.clusters],
        "appliance": sorted([k, v] for k, v in known.appliance.items()),
        "names": sorted([k, v] for k, v in known.names.items()),
        "refused": [list(one) for one in known.refused],
        "not_mine": sorted(known.not_mine),
        "awaited": [list(one) for one in known.awaited],
    }


def known_of_data(data: dict[str, Any]) -> Known:
    """Errors: BadInput for another version."""
    _check(data)
    return Known(
        tuple(_cluster(one) for one in data["clusters"]),
        data["next_id"],
        {k: v for k, v in data["appliance"]},  # noqa: C416 - pairs of JSON are lists
        {k: v for k, v in data["names"]},  # noqa: C416
        tuple((k, v) for k, v in data["refused"]),
        frozenset(data["not_mine"]),
        tuple((at, name) for at, name in data["awaited"]),
    )


def following_as_data(home: Following) -> dict[str, Any]:
    """Values that JSON has."""
    return {"version": VERSION, **asdict(home)}


def following_of_data(data: dict[str, Any]) -> Following:
    """Errors: BadInput for another version."""
    _check(data)
    on = tuple(
        OpenRun(**{**one, "levels": tuple((at, power_w) for at, power_w in one["levels"])})
        for one in data["on"]
    )
    return Following(on, None if data["shown"] is None else Change(**data["shown"]), data["gives"])


def _cluster(one: dict[str, Any]) -> Cluster:
    spreads = {name: Spread(**one[name]) for name in _SPREADS}
    return Cluster(**{**one, **spreads, "recent": tuple(one["recent"])})


def _check(data: dict[str, Any]) -> None:
    if data.get("version") != VERSION:
        raise BadInput(
            f"appliances of a home: version {data.get('version')}; this chowon reads {VERSION}, "
            "so learn them again from the store"
        )
