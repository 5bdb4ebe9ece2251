"""The homes and plugs that teach a network that is to be passed on, as a list in TOML."""

import tomllib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from chowon.bench.nilm.homes import home_on_grid
from chowon.bench.nilm.kinds import kinds as known_kinds
from chowon.bench.nilm.protocol import HomeSpec, home_problems, home_spec, typed_problems
from chowon.bench.nilm.readers import recording
from chowon.domain.nilm.fitted import taught_by
from chowon.domain.nilm.power import Home
from chowon.domain.nilm.runs import OnRule
from chowon.errors import NotFound, Problem, ProtocolInvalid

_KEYS: Final = {"step_s": int, "home": list}


@dataclass(frozen=True, slots=True)
class Teaching:
    """Who teaches, and on which grid."""

    step_ms: int
    homes: tuple[HomeSpec, ...]

    def open(
        self, data: Path, unseen: Collection[str] = (), tell: Callable[[str], None] = lambda _: None
    ) -> tuple[list[Home], tuple[str, ...]]:
        """(homes, licences of their data) without those that are, or are part of, what must stay unseen."""
        homes: list[Home] = []
        licences: dict[str, None] = {}
        for spec in self.homes:
            tell(f"reading {spec.id}")
            for raw in spec.open_all(data):
                if taught_by([raw]) & set(unseen):
                    continue
                step_ms, kinds = spec.step_ms or self.step_ms, list(known_kinds())
                homes.append(
                    home_on_grid(raw, step_ms, kinds, spec.gaps, spec.from_ms, spec.to_ms, others=True)
                )
                dataset, licence = raw.id.partition("/")[0], raw.facts.get("licence", "not said")
                licences[f"{dataset}: {licence}"] = None
        return homes, tuple(licences)


def rules() -> dict[str, OnRule]:
    """When each kind is on."""
    return {kind.name: kind.rule for kind in known_kinds().values()}


def names_of(path: Path) -> frozenset[str]:
    """The home in this recording and all that it was composed of. Errors: as readers.recording.read."""
    return taught_by([recording.read(path)])


def load(path: Path | None = None) -> Teaching:
    """The list in this file, or the one that comes with chowon. Errors: NotFound, ProtocolInvalid."""
    if path is None:
        own = resources.files("chowon.bench.nilm").joinpath("teaching.toml")
        return parse(own.read_text("utf-8"), "teaching.toml")
    if not path.is_file():
        raise NotFound(f"{path}: no such list of homes that teach")
    return parse(path.read_text("utf-8"), path.name)


def parse(text: str, name: str) -> Teaching:
    """Errors: ProtocolInvalid with every problem found."""
    try:
        file = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProtocolInvalid(f"{name} is not TOML", [Problem(name, str(error), "TOML 1.0")]) from error
    problems = typed_problems(file, _KEYS, set(), name)
    for at, home in enumerate(file["home"] if not problems else ()):
        problems += home_problems(home, f"{name}: home {at + 1}", teaches=True)
    problems += [
        Problem(f"{name}: {home['id']}", f"step_s {step_s}", f"a part of the grid's {file['step_s']} s")
        for home in (file["home"] if not problems else ())
        if (step_s := home.get("step_s", file["step_s"])) < 1 or file["step_s"] % step_s
    ]
    if problems:
        raise ProtocolInvalid(f"{name} cannot teach", problems)
    return Teaching(file["step_s"] * 1000, tuple(home_spec(home) for home in file["home"]))
