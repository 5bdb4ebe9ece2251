"""The live network: its provisional values as a model of the bench, and streams of it for a server."""

import functools
from collections.abc import Callable, Mapping
from typing import Final

from chowon.models.nilm.interface import Model
from chowon.models.nilm.live_network.model import Live
from chowon.models.nilm.live_network.stream import Stream, Weights
from chowon.models.nilm.network.shipped import LIVE, chosen

MODEL: Final[Model] = Live("live", settled=False)


def streams() -> tuple[Callable[[int], Stream], Mapping[str, float]]:
    """(makes a stream of so many homes, the kinds that people may be told of and how well each is settled, as
    F1 in homes that it never saw). Errors: NotFound."""
    onnx, card = chosen((), LIVE)
    weights = functools.cache(lambda: Weights(onnx, card))
    return lambda homes: Stream(weights(), homes), {kind: card.figures[kind]["f1"] for kind in card.trusted}
