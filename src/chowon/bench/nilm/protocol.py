"""An experiment written down: which homes teach, which are scored, on what grid, by what rules.

A home that teaches is never scored: a protocol that says otherwise is refused, and what is fitted carries the
homes that it saw (chowon.domain.nilm.fitted).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final

from chowon.bench.nilm.homes import GapRules, RawHome
from chowon.bench.nilm.kinds import kinds as known_kinds
from chowon.bench.nilm.naming import Naming
from chowon.bench.nilm.readers import READERS, reader, recording
from chowon.domain.nilm.runs import OnRule
from chowon.errors import NotFound, Problem, ProtocolInvalid, shortened

_KEYS: Final = {
    "title": str,
    "note": str,
    "step_s": int,
    "seeds": list,
    "kinds": list,
    "least_coverage": float,
    "tariff": str,
    "bill_month": date,
    "train": list,
    "test": list,
}
_OPTIONAL: Final = {"note", "on", "goal", "naming"}
_HOME_KEYS: Final = {
    "id": str,
    "path": str,
    "reader": str,
    "home": str,
    "from": datetime,
    "to": datetime,
    "zero_mains_is_gap": bool,
    "frozen_mains_s": int,
    "absent": list,
}
_TEACHER_KEYS: Final = {**_HOME_KEYS, "step_s": int, "without": list}
"""What a home that teaches may say too"""
_RULE_KEYS: Final = frozenset({"on_w", "min_on_s", "min_off_s", "most_w"})


@dataclass(frozen=True, slots=True)
class HomeSpec:
    """One home of an experiment."""

    id: str
    path: str
    """Within the folder of data sets; of recordings that teach, a folder or a pattern of files too"""
    reader: str
    home: str
    gaps: GapRules
    from_ms: int | None
    to_ms: int | None
    absent: tuple[str, ...]
    """Kinds that the home surely has not: what is told of them is a false alarm"""
    step_ms: int | None = None
    """A grid finer than the protocol's, for a home that teaches: chowon.domain.nilm.power.coarser"""
    without: tuple[str, ...] = ()
    """Of many: these are left out, by their ids or by whole parts of these ("D33E1F", "D33E1F/kettle")"""

    def open(self, data: Path) -> RawHome:
        """The home, in this folder of data sets. Errors: ProtocolInvalid if it is another one."""
        raw = reader(self.reader)(data / self.path, self.home)
        if raw.id != self.id:
            raise self._another(raw)
        return raw

    def open_all(self, data: Path) -> list[RawHome]:
        """The homes: that one, or all of a folder or pattern, whose ids begin with this one's.

        Errors: ProtocolInvalid for another one, and where `without` names what is not there.
        """
        path = data / self.path
        if self.reader != "recording" or not (path.is_dir() or set("*?[") & set(path.name)):
            return [self.open(data)]
        homes = recording.read_all(path)
        for raw in homes:
            if not raw.id.startswith(f"{self.id}/"):
                raise self._another(raw)
        left_out = {name: [raw.id for raw in homes if _is_part(name, raw.id)] for name in self.without}
        unknown = [name for name, ids in left_out.items() if not ids]
        if unknown:
            problem = Problem("without", ", ".join(unknown), f"parts of ids such as {homes[0].id}")
            raise ProtocolInvalid(f"homes {self.id} cannot be used", [problem])
        return [raw for raw in homes if not any(raw.id in ids for ids in left_out.values())]

    def _another(self, raw: RawHome) -> ProtocolInvalid:
        problem = Problem("id", repr(self.id), f"{raw.id!r}, as the files in {self.path} say")
        return ProtocolInvalid(f"home {self.id} is another one", [problem])


@dataclass(frozen=True, slots=True)
class Goal:
    """What a model is to reach on an appliance."""

    mae_w: float
    """At most"""
    f1: float | None = None
    """At least"""


@dataclass(frozen=True, slots=True)
class Protocol:
    """An experiment."""

    name: str
    title: str
    note: str
    step_ms: int
    seeds: tuple[int, ...]
    rules: Mapping[str, OnRule]
    """By kind, in the order of the tables"""
    least_coverage: float
    """A home whose mains are known for less of its time is refused"""
    tariff: str
    bill_month: date
    """All months are billed as this one"""
    train: tuple[HomeSpec, ...]
    test: tuple[HomeSpec, ...]
    goals: Mapping[str, Goal]
    """By kind; those that have one"""
    naming: Naming | None = None
    """What people say of the homes that are scored: all is scored from the last run on that they named"""


def names() -> list[str]:
    """The protocols that come with chowon."""
    folder = resources.files("chowon.bench.nilm").joinpath("protocols")
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load(name: str) -> Protocol:
    """A protocol that comes with chowon, or the one in this TOML file. Errors: NotFound, ProtocolInvalid."""
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise NotFound(f"protocol {name}: no such file")
        return parse(path.read_text("utf-8"), path.stem)
    if name not in names():
        raise NotFound(f"no protocol {shortened(name)}; there are {', '.join(names())}, or name a TOML file")
    file = resources.files("chowon.bench.nilm").joinpath("protocols", f"{name}.toml")
    return parse(file.read_text("utf-8"), name)


def parse(text: str, name: str) -> Protocol:
    """The protocol in this TOML. Errors: ProtocolInvalid with every problem found."""
    try:
        file = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProtocolInvalid(
            f"protocol {name} is not TOML", [Problem(name, str(error), "TOML 1.0")]
        ) from error
    problems = typed_problems(file, {**_KEYS, "on": dict, "goal": dict, "naming": dict}, _OPTIONAL, name)
    for role in ("train", "test"):
        for at, home in enumerate(file.get(role, ()) if not problems else ()):
            problems += home_problems(home, f"{name}: {role} {at + 1}", teaches=role == "train")
    problems += [] if problems else _meaning(file, name)
    if problems:
        raise ProtocolInvalid(f"protocol {name} cannot be run", problems)
    return Protocol(
        name,
        file["title"],
        file.get("note", "").strip(),
        file["step_s"] * 1000,
        tuple(file["seeds"]),
        {kind: _rule(kind, file.get("on", {}).get(kind, {})) for kind in file["kinds"]},
        file["least_coverage"],
        file["tariff"],
        file["bill_month"],
        tuple(home_spec(home) for home in file["train"]),
        tuple(home_spec(home) for home in file["test"]),
        {kind: Goal(goal["mae_w"], goal.get("f1")) for kind, goal in file.get("goal", {}).items()},
        Naming(**file["naming"]) if "naming" in file else None,
    )


def home_problems(table: Mapping[str, Any], where: str, *, teaches: bool) -> list[Problem]:
    """What is wrong with a home's table."""
    keys = _TEACHER_KEYS if teaches else _HOME_KEYS
    problems = typed_problems(table, keys, set(keys) - {"id", "path"}, where)
    if table.get("reader", "recording") not in READERS:
        problems.append(Problem(where, shortened(table["reader"]), f"one of {', '.join(READERS)}"))
    return problems


def typed_problems(
    table: Mapping[str, Any], keys: Mapping[str, type], optional: set[str], where: str
) -> list[Problem]:
    """Keys that are missing, unknown, or of another type."""
    missing = [
        Problem(where, f"no {key}", keys[key].__name__) for key in keys if key not in table.keys() | optional
    ]
    unknown = [
        Problem(where, shortened(key), f"one of {', '.join(keys)}") for key in table.keys() - keys.keys()
    ]
    wrong = [
        Problem(f"{where}: {key}", shortened(value), keys[key].__name__)
        for key, value in table.items()
        if key in keys and not isinstance(value, keys[key])
    ]
    return [*missing, *unknown, *wrong]


def _meaning(file: Mapping[str, Any], name: str) -> list[Problem]:
    on: dict[str, Any] = file.get("on", {})
    goals: dict[str, Any] = file.get("goal", {})
    asked = {*file["kinds"], *on, *goals, *(kind for home in file["test"] for kind in home.get("absent", ()))}
    problems = [
        Problem(f"{name}: kinds", shortened(kind), f"one of {', '.join(known_kinds())}")
        for kind in sorted(asked - known_kinds().keys())
    ]
    both = {home["id"] for home in file["train"]} & {home["id"] for home in file["test"]}
    problems += [
        Problem(f"{name}: test", f"{home}, which teaches too", "other homes") for home in sorted(both)
    ]
    problems += [
        Problem(
            f"{name}: on.{kind}", ", ".join(sorted(rule.keys() - _RULE_KEYS)), ", ".join(sorted(_RULE_KEYS))
        )
        for kind, rule in on.items()
        if rule.keys() - _RULE_KEYS
    ]
    problems += [
        Problem(f"{name}: goal.{kind}", shortened(goal), "mae_w and perhaps f1")
        for kind, goal in goals.items()
        if not {"mae_w"} <= goal.keys() <= {"mae_w", "f1"}
    ]
    naming = file.get("naming", {"runs": 1, "days": 1})
    if naming.keys() != {"runs", "days"} or not all(isinstance(n, int) and n > 0 for n in naming.values()):
        problems.append(Problem(f"{name}: naming", shortened(naming), "runs and days, 1 and more"))
    if not file["test"] or not file["kinds"] or not file["seeds"]:
        problems.append(Problem(name, "no home to score, no kind or no seed", "at least one of each"))
    if file["step_s"] < 1 or not 0 <= file["least_coverage"] <= 1:
        problems.append(Problem(name, "step_s or least_coverage", "1 s or more; 0 to 1"))
    problems += [
        Problem(f"{name}: {home['id']}", f"step_s {step_s}", f"a part of the grid's {file['step_s']} s")
        for home in file["train"]
        if (step_s := home.get("step_s", file["step_s"])) < 1 or file["step_s"] % step_s
    ]
    return problems


def home_spec(table: Mapping[str, Any]) -> HomeSpec:
    """The home of a table that `home_problems` finds nothing wrong with."""
    frozen_s, step_s = table.get("frozen_mains_s"), table.get("step_s")
    return HomeSpec(
        table["id"],
        table["path"],
        table.get("reader", "recording"),
        table.get("home", ""),
        GapRules(table.get("zero_mains_is_gap", False), None if frozen_s is None else frozen_s * 1000),
        _instant(table.get("from")),
        _instant(table.get("to")),
        tuple(table.get("absent", ())),
        None if step_s is None else step_s * 1000,
        tuple(table.get("without", ())),
    )


def _is_part(name: str, home_id: str) -> bool:
    """Is it the id, or does it stand in it as one whole part or several?"""
    return f"/{name}/" in f"/{home_id}/"


def _instant(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def _rule(kind: str, changed: Mapping[str, float]) -> OnRule:
    usual = known_kinds()[kind].rule
    return OnRule(
        changed.get("on_w", usual.on_w),
        round(changed.get("min_on_s", usual.min_on_ms / 1000) * 1000),
        round(changed.get("min_off_s", usual.min_off_ms / 1000) * 1000),
        changed.get("most_w", usual.most_w),
    )
