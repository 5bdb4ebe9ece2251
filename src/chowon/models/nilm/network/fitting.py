"""Homes in, weights and their card out. Needs the extra `train`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from chowon.domain.nilm.fitted import taught_by
from chowon.domain.nilm.power import Home
from chowon.domain.nilm.runs import OnRule
from chowon.errors import ExtraMissing
from chowon.models.nilm.kept import training_name
from chowon.models.nilm.network.card import Card, read, write
from chowon.models.nilm.network.gates import gates_of
from chowon.models.nilm.network.library import library

if TYPE_CHECKING:
    from chowon.models.nilm.network.loop import Settings

_NAME: Final = "network-3"
"""Anew where lessons or errors change: what was kept of trainings before is not taken up"""
WINDOW: Final = 1024
STEPS: Final = 4000
MEMBERS: Final = 2
"""Networks that are taught, by other chance, and made one: each errs elsewhere"""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A trained network."""

    onnx: bytes
    card: Card


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What a teaching comes to."""

    kinds: tuple[str, ...]
    onnx: bytes
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """As the card's"""
    gates: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """As the card's"""


Tell: TypeAlias = Callable[[int, float], None]
Teach: TypeAlias = Callable[
    [Sequence[Home], Mapping[str, OnRule], int, int, "Settings", Path | None, Tell],
    Taught,
]
"""From homes, rules, the grid's step, a seed, settings, and where it is kept"""


def fit(
    homes: Sequence[Home],
    rules: Mapping[str, OnRule],
    seed: int,
    step_ms: int,
    steps: int = STEPS,
    kept: Path | None = None,
    tell: Tell = lambda _step, _loss: None,
    licences: Sequence[str] = (),
    way: tuple[str, Teach] | None = None,
) -> Weights:
    """A network taught by these homes and plugs.

    kept: a folder; weights of the same homes, rules, seed and steps that are there are taken, a training that
    was interrupted is taken up, and what comes out is kept. tell: hears the step and how wrong it was. way:
    the name and the teaching of another network than the one that is told over whole recordings.
    Errors: ExtraMissing without torch.
    """
    try:
        from chowon.models.nilm.network.loop import Settings  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise ExtraMissing("training", "train") from missing
    name, teach = way or (_NAME, _teach)
    chosen = Settings(steps=steps)
    ids = tuple(sorted(taught_by(homes)))
    key = _key(name, ids, rules, seed, step_ms, chosen)
    begun = None if kept is None else kept / f"{key}.pt"
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        if (found := _kept(kept / key)) is not None:
            return found
    taught = teach(homes, rules, step_ms, seed, chosen, begun, tell)
    card = Card(
        taught.kinds,
        step_ms,
        {kind: rules[kind] for kind in taught.kinds},
        ids,
        seed,
        steps,
        taught.thresholds,
        tuple(licences),
        gates=taught.gates,
    )
    weights = Weights(taught.onnx, card)
    if kept is not None:
        keep(weights, kept / key)
    return weights


def _teach(
    homes: Sequence[Home],
    rules: Mapping[str, OnRule],
    step_ms: int,
    seed: int,
    settings: "Settings",
    kept: Path | None,
    tell: Tell,
) -> Taught:
    from chowon.models.nilm.network import exporting, together, training  # noqa: PLC0415

    of = library(homes, rules, step_ms, WINDOW)

    def taught(member: int) -> bytes:
        own = None if kept is None else kept.with_stem(f"{kept.stem}-{member}")
        before = member * settings.steps
        network = training.train(
            of, seed * MEMBERS + member, settings, own, lambda step, loss: tell(before + step, loss)
        )
        return exporting.onnx_bytes(network)

    onnx = together.together([taught(member) for member in range(MEMBERS)])
    return Taught(of.kinds, onnx, gates_of(onnx, of, seed, settings.steps))


def keep(weights: Weights, path: Path) -> None:
    """Write the weights and, last, their card: NAME.onnx and NAME.json."""
    path.with_name(f"{path.name}.onnx").write_bytes(weights.onnx)
    write(weights.card, path.with_name(f"{path.name}.json"))


def _kept(path: Path) -> Weights | None:
    card, onnx = path.with_name(f"{path.name}.json"), path.with_name(f"{path.name}.onnx")
    return Weights(onnx.read_bytes(), read(card.read_text("utf-8"), str(card))) if card.exists() else None


def _key(
    name: str, ids: Sequence[str], rules: Mapping[str, OnRule], seed: int, step_ms: int, settings: "Settings"
) -> str:
    """One name for one training."""
    said = [list(ids), {kind: asdict(rule) for kind, rule in sorted(rules.items())}, seed, step_ms]
    return training_name(name, [*said, asdict(settings)])
