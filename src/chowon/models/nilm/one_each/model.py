"""A design as a model of the bench: it comes without weights and is taught by the homes of a protocol."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from chowon.domain.nilm.fitted import Fitted, taught_by
from chowon.domain.nilm.power import Home
from chowon.domain.nilm.runs import OnRule
from chowon.errors import ExtraMissing, NotFound
from chowon.models.nilm.interface import Disaggregator
from chowon.models.nilm.kept import training_name
from chowon.models.nilm.one_each.design import STEP_MS, Design, Settings
from chowon.models.nilm.one_each.windows import Scale, course


@dataclass(frozen=True, slots=True)
class OneEach:
    """A model (models.nilm.interface.Model) of one network for each kind."""

    name: str
    design: Design
    settings: Settings
    kept: Path | None = None
    """Where finished networks are kept and taken from"""
    within_mains: bool = False
    comes_taught: bool = False

    def keeping_in(self, folder: Path) -> "OneEach":
        """The same, with each kind's network kept in a folder as soon as it is finished."""
        return replace(self, kept=folder)

    def lookahead_ms(self, step_ms: int) -> int | None:
        """As models.nilm.interface.Model; to the end of a minute, where the grid is finer."""
        rest_of_tile = self.settings.tells - 1 if self.design.whole_tile else 0
        return (self.settings.context + rest_of_tile) * STEP_MS + max(0, STEP_MS - step_ms)

    def fit(self, homes: Sequence[Home], rules: Mapping[str, OnRule], seed: int) -> Disaggregator:
        """As models.nilm.interface.Model. Errors: ExtraMissing without torch; BadInput for coarse homes."""
        try:
            from chowon.models.nilm.one_each.telling import Teller  # noqa: PLC0415
        except ModuleNotFoundError as missing:
            raise ExtraMissing(f"model {self.name}", "train") from missing
        found = {kind: self._taught(homes, kind, rule, seed) for kind, rule in rules.items()}
        return Teller(self.design, self.settings, {kind: one for kind, one in found.items() if one})

    def shipped(self, without: Collection[str] = ()) -> Fitted[Disaggregator]:  # noqa: ARG002
        """It comes without weights. Errors: NotFound, always."""
        raise NotFound(
            f"model {self.name}: it comes without weights; teach it homes (--train, or a protocol)"
        )

    def _taught(self, homes: Sequence[Home], kind: str, rule: OnRule, seed: int) -> tuple[Any, Scale] | None:
        from chowon.models.nilm.one_each import training  # noqa: PLC0415

        path = None if self.kept is None else self.kept / f"{self._name(homes, kind, rule, seed)}.pt"
        if path is not None and path.exists():
            return training.kept(self.design, self.settings, path)
        taught = course(homes, kind, rule, self.settings, centred=self.design.centred)
        if taught is None:
            return None
        network = training.train(self.design, self.settings, taught, kind, seed)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            training.keep(network, taught.scale, path)
        return network, taught.scale

    def _name(self, homes: Sequence[Home], kind: str, rule: OnRule, seed: int) -> str:
        said = [sorted(taught_by(homes)), kind, asdict(rule), seed, asdict(self.settings)]
        return training_name(f"{self.name}-{kind}", said)
