"""Finds models by themselves: every module of this folder, and of other packages, that has a MODEL."""

import difflib
import importlib
import pkgutil
from importlib.metadata import entry_points
from typing import Final

from chowon.domain.nilm.power import Home, unmeasured
from chowon.domain.quantities import MINUTE_MS
from chowon.errors import NotFound, shortened
from chowon.models import nilm
from chowon.models.nilm.interface import KeepsTraining, LearnsHome, Model

ENTRY_POINTS: Final = "chowon.nilm"
"""Entry point group by which other packages offer models."""
_NOT_OFFERED: Final = frozenset({"blueprint"})


def models() -> dict[str, Model]:
    """All models by name: those of this package, then of installed ones, which replace none."""
    modules = [
        importlib.import_module(f"{nilm.__name__}.{module.name}")
        for module in pkgutil.iter_modules(nilm.__path__)
        if module.name not in _NOT_OFFERED
    ]
    ours: list[Model] = [module.MODEL for module in modules if hasattr(module, "MODEL")]
    theirs: list[Model] = [entry.load() for entry in entry_points(group=ENTRY_POINTS)]
    found: dict[str, Model] = {}
    for model in (*ours, *theirs):
        found.setdefault(model.name, model)
    return found


def quick_models() -> dict[str, Model]:
    """Those that learn within minutes, by name."""
    return {name: one for name, one in models().items() if not isinstance(one, KeepsTraining)}


def ready_models() -> dict[str, Model]:
    """Those that come taught or learn within minutes, by name."""
    return {
        name: one for name, one in models().items() if not isinstance(one, KeepsTraining) or one.comes_taught
    }


def learning_models() -> dict[str, Model]:
    """Those that come taught and that runs of a home teach further, by name."""
    nobody = Home("nobody", unmeasured(0, MINUTE_MS, 0), {})
    return {
        name: one
        for name, one in ready_models().items()
        if isinstance(one, KeepsTraining) and isinstance(one.shipped().for_home(nobody), LearnsHome)
    }


def model(name: str) -> Model:
    """The model of this name. Errors: NotFound with close matches."""
    known = models()
    if name not in known:
        close = difflib.get_close_matches(name, known, 3, 0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(sorted(known))}"
        raise NotFound(f"no model {shortened(name)} for appliances; {hint}")
    return known[name]
