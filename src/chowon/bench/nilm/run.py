"""Running an experiment: fit on the homes that teach, score on the others, beside zero and mean."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from chowon.bench.nilm.homes import GapRules, home_on_grid, zero_share
from chowon.bench.nilm.kinds import kinds as known_kinds
from chowon.bench.nilm.naming import WITH_NAMED, learning, named, since
from chowon.bench.nilm.opening import NO_MAINS, HomeFacts, coverage, opened
from chowon.bench.nilm.protocol import Goal, Protocol
from chowon.bench.nilm.readers import recording
from chowon.bench.nilm.scoring import ApplianceScore, Billing, billing, score, truth_of, value_of
from chowon.domain.nilm.fitted import Fitted, fitted, taught_by
from chowon.domain.nilm.levels import facts_of, means_of
from chowon.domain.nilm.power import Home, Power
from chowon.domain.nilm.runs import OnRule
from chowon.errors import DataSetInvalid, HomeSeen
from chowon.models.nilm.interface import Disaggregator, KeepsTraining, LearnsHome, Model
from chowon.models.nilm.learnt import learnt
from chowon.models.nilm.registry import model as model_named

BASELINES = ("zero", "mean")
"""In every table"""


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the seeds."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """A model on an appliance of a home."""

    model: str
    value: str
    """provisional, settled or nightly"""
    home: str
    kind: str
    learnt: bool
    """False: no home that taught the model has this kind; it was scored as 0 W"""
    figures: dict[str, Spread | None]
    seeds: tuple[int, ...] = ()
    """Where it ran with fewer than the protocol's"""


@dataclass(frozen=True, slots=True)
class Results:
    """An experiment's outcome, as it goes into docs/benchmarks/nilm/."""

    protocol: str
    title: str
    note: str
    step_s: float
    seeds: tuple[int, ...]
    tariff: str
    bill_month: str
    rules: dict[str, OnRule]
    homes: tuple[HomeFacts, ...]
    rows: tuple[Row, ...]
    goals: dict[str, Goal]


def run(
    protocol: Protocol,
    data: Path,
    models: Sequence[str],
    tell: Callable[[str], None] = lambda _: None,
    kept: Path | None = None,
    seeds: int | None = None,
) -> Results:
    """The experiment with these models, zero and mean always among them.

    A protocol in which no home teaches takes the models as they come, for each home without that home; where
    none of a model's weights leave a home out, the model is not scored there, and `tell` says so.
    data: the folder of data sets. tell: hears what is being done. kept: where models whose training takes
    long keep it. seeds: so many of the protocol's, the first ones (zero and mean, which use no chance, take
    all). Errors: NotFound, DataSetInvalid, …
    """
    asked = [_keeping(model_named(name), kept) for name in dict.fromkeys((*BASELINES, *models))]
    bill = billing(protocol.tariff, protocol.bill_month)
    _nobody_seen(protocol, data)
    experiment = _opened(protocol, data, bill, tell)
    rows: list[Row] = []
    for model in asked:
        rows += _rows(
            experiment, model, protocol.seeds if model.name in BASELINES else protocol.seeds[:seeds]
        )
    return Results(
        protocol.name,
        protocol.title,
        protocol.note,
        protocol.step_ms / 1000,
        protocol.seeds,
        protocol.tariff,
        protocol.bill_month.isoformat(),
        dict(protocol.rules),
        experiment.facts,
        tuple(rows),
        dict(protocol.goals),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Experiment:
    """A protocol with its homes open."""

    protocol: Protocol
    train: Sequence[Home]
    test: Sequence[tuple[Home, Sequence[str]]]
    """(home, the kinds that it has not)"""
    facts: tuple[HomeFacts, ...]
    means: Fitted[dict[str, float]] | None
    """Of those that teach; None where no home does"""
    bill: Billing
    tell: Callable[[str], None]


def _opened(protocol: Protocol, data: Path, bill: Billing, tell: Callable[[str], None]) -> _Experiment:
    facts: list[HomeFacts] = []
    train: list[Home] = []
    for spec in protocol.train:
        tell(f"reading {spec.id}")
        for home, known in opened(protocol, spec, data, "train"):
            train.append(home)
            facts.append(known)
    means = fitted(train, lambda homes: _means(homes, protocol.rules)) if train else None
    test: list[tuple[Home, Sequence[str]]] = []
    for spec in protocol.test:
        tell(f"reading {spec.id}")
        [(home, known)] = opened(protocol, spec, data, "test")
        _no_copy(home, train)
        test.append((home, spec.absent))
        facts.append(known)
    return _Experiment(protocol, train, test, tuple(facts), means, bill, tell)


def _rows(experiment: _Experiment, model: Model, seeds: tuple[int, ...]) -> list[Row]:
    """A model's, of every home and kind, over these seeds."""
    protocol = experiment.protocol
    found: dict[tuple[str, str, str], list[tuple[bool, ApplianceScore]]] = {}
    for seed in seeds:
        for name, home_id, kind, scored in _scored(experiment, model, seed):
            found.setdefault((name, home_id, kind), []).append(scored)
    value = value_of(model.lookahead_ms(protocol.step_ms), protocol.step_ms)
    fewer = () if seeds == protocol.seeds else seeds
    return [
        Row(name, value, home_id, kind, scored[0][0], _spreads([one for _, one in scored]), fewer)
        for (name, home_id, kind), scored in found.items()
    ]


def _scored(
    experiment: _Experiment, model: Model, seed: int
) -> Iterator[tuple[str, str, str, tuple[bool, ApplianceScore]]]:
    """(model, home, kind, (learnt?, figures)) of a model with one seed; without homes that none of its
    weights leave out. Where people name runs, also as these taught it."""
    protocol, train, tell = experiment.protocol, experiment.train, experiment.tell
    tell(f"{model.name}, seed {seed}")
    taught = _taught(model, train, protocol.rules, seed) if train else None
    for home, absent in experiment.test:
        own = taught or model.shipped(taught_by([home]))
        if taught is None and own.homes & taught_by([home]):
            tell(f"{model.name}: none of its weights leave {home.id} out; not scored there")
            continue
        means = experiment.means or _shipped_means(taught_by([home]))
        truths = _truths(home, absent, protocol.rules)
        said = named(truths, protocol.rules, protocol.naming, seed) if protocol.naming else {}
        later = {kind: since(truth, said.get(kind)) for kind, truth in truths.items()}
        ways = {model.name: own}
        if said and isinstance(learns := own.for_home(home), LearnsHome):
            ways[f"{model.name}{WITH_NAMED}"] = Fitted(learning(learns, home, said), own.homes)
        for name, way in ways.items():
            for kind, scored in _compared(model, way, means, home, later, protocol.rules, experiment.bill):
                yield name, home.id, kind, scored


@dataclass(frozen=True, slots=True)
class Zeroshot:
    """One recording, scored."""

    path: str
    home: str
    hours: float
    coverage: float
    zero_mains_share: float
    appliances: dict[str, ApplianceScore]
    not_learnt: tuple[str, ...]
    seen_sources: tuple[str, ...]
    """Recordings that a composed home was made of and that taught the model: its figures are too good"""


def zero_shot(
    paths: Sequence[Path],
    model: Model,
    step_ms: int,
    bill: Billing,
    gaps: GapRules,
    train: Sequence[Path] = (),
    absent: Sequence[str] = (),
    seed: int = 0,
) -> list[Zeroshot]:
    """Recordings that the model has never seen. Without `train` it is as it comes, without their homes.

    A home that was composed of recordings which taught the shipped model is scored, and they are named.
    Errors: HomeSeen for a recording of a home that taught it; NotFound, RecordingInvalid.
    """
    rules = {kind.name: kind.rule for kind in known_kinds().values()}
    names = list(rules)
    homes = [home_on_grid(recording.read(path), step_ms, names, gaps, others=True) for path in train]
    own = None
    if train:
        own = _taught(model, homes, rules, seed), fitted(homes, lambda teachers: _means(teachers, rules))
    found = []
    for path in paths:
        raw = recording.read(path)
        taught, means = own or (model.shipped(taught_by([raw])), _shipped_means(taught_by([raw])))
        seen = frozenset() if own else raw.sources & (taught.homes | means.homes)
        raw = replace(raw, sources=raw.sources - seen)  # told, not refused: no weights leave them all out
        taught.for_home(raw)  # before anything of a home that may not be scored is read
        if not raw.mains:
            raise DataSetInvalid(f"{path} cannot be scored", [NO_MAINS])
        home = home_on_grid(raw, step_ms, names, gaps)
        _no_copy(home, homes)
        scored = scored_home(model, taught, means, home, absent, rules, bill)
        found.append(_zeroshot(path, home, scored, seen))
    return found


def _zeroshot(
    path: Path, home: Home, scored: list[tuple[str, tuple[bool, ApplianceScore]]], seen: Collection[str]
) -> Zeroshot:
    return Zeroshot(
        str(path),
        home.id,
        round(home.mains.hours, 1),
        coverage(home.mains),
        zero_share(home),
        {kind: one for kind, (_, one) in scored},
        tuple(kind for kind, (told, _) in scored if not told),
        tuple(sorted(seen)),
    )


def scored_home(
    model: Model,
    taught: Fitted[Disaggregator],
    means: Fitted[dict[str, float]],
    home: Home,
    absent: Sequence[str],
    rules: Mapping[str, OnRule],
    bill: Billing,
) -> list[tuple[str, tuple[bool, ApplianceScore]]]:
    """(kind, (learnt?, figures)) of each kind whose truth is known. The model is given mains and kinds only.

    Errors: HomeSeen.
    """
    return _compared(model, taught, means, home, _truths(home, absent, rules), rules, bill)


def _compared(
    model: Model,
    taught: Fitted[Disaggregator],
    means: Fitted[dict[str, float]],
    home: Home,
    truths: Mapping[str, Power],
    rules: Mapping[str, OnRule],
    bill: Billing,
) -> list[tuple[str, tuple[bool, ApplianceScore]]]:
    told = taught.for_home(home).disaggregate(home.mains, list(truths))
    lookahead_ms = model.lookahead_ms(home.mains.step_ms)
    mean_w = means.for_home(home)
    return [
        (
            kind,
            (
                kind in told,
                score(home.mains, truth, told.get(kind), rules[kind], lookahead_ms, mean_w.get(kind), bill),
            ),
        )
        for kind, truth in truths.items()
    ]


def _truths(home: Home, absent: Sequence[str], rules: Mapping[str, OnRule]) -> dict[str, Power]:
    """Of the kinds of which it is known."""
    found = {kind: truth_of(home, kind, kind in absent) for kind in rules}
    return {kind: truth for kind, truth in found.items() if truth is not None}


def _keeping(model: Model, kept: Path | None) -> Model:
    return model.keeping_in(kept) if kept is not None and isinstance(model, KeepsTraining) else model


def _taught(
    model: Model, homes: Sequence[Home], rules: Mapping[str, OnRule], seed: int
) -> Fitted[Disaggregator]:
    return fitted(homes, lambda teachers: model.fit(teachers, rules, seed))


def _means(homes: Sequence[Home], rules: Mapping[str, OnRule]) -> dict[str, float]:
    return means_of(facts_of(homes, rules))


def _shipped_means(without: Collection[str]) -> Fitted[dict[str, float]]:
    return learnt(without).further([], lambda facts, _: means_of(facts))


def _nobody_seen(protocol: Protocol, data: Path) -> None:
    """Asked before samples are read and models fitted for hours. Errors: HomeSeen."""
    teachers = [raw for spec in protocol.train for raw in spec.open_all(data)]
    for spec in protocol.test:
        Fitted(None, taught_by(teachers)).for_home(spec.open(data))


def _no_copy(home: Home, teachers: Sequence[Home]) -> None:
    """Errors: HomeSeen where the home taught under another name."""
    for teacher in teachers:
        if teacher.measured and np.array_equal(home.mains.power_w, teacher.mains.power_w):
            raise HomeSeen(
                f"home {home.id} has the same mains as {teacher.id}, which took part in the fit: a copy "
                "under another name; score another home"
            )


def _spreads(scored: Sequence[ApplianceScore]) -> dict[str, Spread | None]:
    by_seed = [asdict(one) for one in scored]
    found: dict[str, Spread | None] = {}
    for name in by_seed[0]:
        values = [one[name] for one in by_seed]
        missing = any(value is None for value in values)
        found[name] = (
            None if missing else Spread(sum(values) / len(values), float(min(values)), float(max(values)))
        )
    return found
