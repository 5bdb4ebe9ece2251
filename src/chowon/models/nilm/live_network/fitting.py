"""Homes in, weights of the live network and their card out. Needs the extra `train`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chowon.domain.nilm.power import Home
from chowon.domain.nilm.runs import OnRule
from chowon.domain.quantities import MINUTE_MS
from chowon.errors import BadInput
from chowon.models.nilm.network.fitting import Taught, Teach, Tell

if TYPE_CHECKING:
    from chowon.models.nilm.network.loop import Settings

_BATCH: Final = 16
_BLURRED: Final = 0.1
"""With more of it, what is not yet sure is told as nothing: a small error, and too little energy"""


def _teach(
    homes: Sequence[Home],
    rules: Mapping[str, OnRule],
    step_ms: int,
    seed: int,
    settings: "Settings",
    kept: Path | None,
    tell: Tell,
) -> Taught:
    from chowon.models.nilm.live_network import exporting, gates, training  # noqa: PLC0415

    if step_ms != MINUTE_MS:
        raise BadInput(f"live network: found homes every {step_ms / 1000:g} s; it is taught by the minute")
    of = training.shelves(homes, rules)
    own = replace(settings, batch=_BATCH, blurred_weight=_BLURRED)
    network = training.train(of, seed, own, kept, tell)
    found = gates.gates_of(network, of, seed, settings.steps)
    return Taught(of.minutes.kinds, exporting.onnx_bytes(network), gates=found)


WAY: Final[tuple[str, Teach]] = ("live", _teach)
"""For models.nilm.network.fitting.fit"""
