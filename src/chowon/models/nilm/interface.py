"""What a model that tells appliances apart is asked. Copy blueprint.py to begin one.

tests/laws/test_nilm_models_laws.py holds for every model: no negative power, the same answer for the same
seed, unknown where the mains are unknown, within the mains where declared, and no look-ahead beyond what is
declared.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from chowon.domain.nilm.fitted import Fitted
from chowon.domain.nilm.power import Home, Power
from chowon.domain.nilm.runs import OnRule, Runs


class Disaggregator(Protocol):
    """A model that has learnt."""

    def disaggregate(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """The power of each of these kinds that it can tell, on the grid of `mains`.

        kinds: what the home has. A kind left out is one that this model never learnt.
        """


@runtime_checkable
class LearnsHome(Protocol):
    """A disaggregator that runs of a home, named by people, can teach."""

    def teachable(self) -> Sequence[str]:
        """The kinds of which such runs teach it anything."""

    def taught(self, mains: Power, ran: Mapping[str, Runs], not_ran: Mapping[str, Runs]) -> Disaggregator:
        """The same, for the home of these mains. The same for the same input; the one asked is not changed.

        ran, not_ran: by kind, intervals of `mains` in which people saw one run, or saw none run.
        """


class Model(Protocol):
    """A way to tell appliances apart."""

    @property
    def name(self) -> str:
        """As the command line calls it."""

    @property
    def within_mains(self) -> bool:
        """Does the sum of all kinds never exceed the mains?"""

    def lookahead_ms(self, step_ms: int) -> int | None:
        """How far past an interval's end it looks to tell that interval; None: the whole recording."""

    def fit(self, homes: Sequence[Home], rules: Mapping[str, OnRule], seed: int) -> Disaggregator:
        """Learn the kinds in `rules` from labelled homes. No global random state: all chance from `seed`.

        Mains of some may be known nowhere (`Home.measured`): plugs, perhaps on a finer grid than the others.
        They tell what an appliance takes and for how long, not how much of it a home uses.
        """

    def shipped(self, without: Collection[str] = ()) -> Fitted[Disaggregator]:
        """As it comes with chowon, with the homes that it learnt from.

        without: homes and recordings to leave out, where what was learnt can be told apart by homes; else
        they stay in, and cannot be scored. Errors: NotFound if the model comes without weights.
        """


@runtime_checkable
class KeepsTraining(Protocol):
    """A model whose training takes long and can be kept."""

    @property
    def comes_taught(self) -> bool:
        """Do weights come with chowon (`Model.shipped`)? Else it can only be taught."""

    def keeping_in(self, folder: Path) -> Model:
        """The same model: it keeps trainings in this folder, and takes up or uses those that are there."""
