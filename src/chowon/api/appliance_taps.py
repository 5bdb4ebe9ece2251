"""What people say of a site's appliances, as JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chowon.domain.nilm.events.known import Merge, Mine, Name, NameRun, NotMine, NotThis, Split, Tap

ApplianceName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
_Id = Annotated[int, Field(ge=1, lt=2**31)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SaidName(_Said):
    """This appliance is called so."""

    tap: Literal["name"]
    appliance: _Id
    name: ApplianceName


class SaidNameOfRun(_Said):
    """What began at this instant is called so."""

    tap: Literal["name_run"]
    since_ms: Annotated[int, Field(ge=0, lt=2**42)]
    name: ApplianceName


class SaidNotThis(_Said):
    """This appliance is not called so."""

    tap: Literal["not_this"]
    appliance: _Id
    name: ApplianceName


class SaidWhose(_Said):
    """not_mine: never ask about it. mine: ask again."""

    tap: Literal["not_mine", "mine"]
    appliance: _Id


class SaidMerge(_Said):
    """Both are one appliance."""

    tap: Literal["merge"]
    appliance: _Id
    other: _Id


class SaidSplit(_Said):
    """This cluster is an appliance by itself."""

    tap: Literal["split"]
    cluster: _Id


Said = Annotated[
    SaidName | SaidNameOfRun | SaidNotThis | SaidWhose | SaidMerge | SaidSplit, Field(discriminator="tap")
]


def tap_of(said: Said) -> Tap:
    """The same for those who learn from it."""
    match said:
        case SaidName():
            return Name(said.appliance, said.name)
        case SaidNameOfRun():
            return NameRun(said.since_ms, said.name)
        case SaidNotThis():
            return NotThis(said.appliance, said.name)
        case SaidWhose():
            return NotMine(said.appliance) if said.tap == "not_mine" else Mine(said.appliance)
        case SaidMerge():
            return Merge(said.appliance, said.other)
        case SaidSplit():
            return Split(said.cluster)
