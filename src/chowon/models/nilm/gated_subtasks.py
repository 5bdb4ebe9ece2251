"""Subtask gated network, SGN (Shin, Joo, Yim, Lee, Moon & Rhee, AAAI 2019): power times how likely it is on.

Two networks of one shape, six convolutions and a dense layer of 1,024 each, read a window and tell all of
its middle: one the power, the other whether it is on. What is told is their product; wrong is the squared
error of the product plus the cross entropy of being on. The middle is 32 minutes with 30 on either side. The
paper's epochs don't fit two cores: 400 steps of 32 windows are 410,000 minutes, about three quarters of one
pass over a year of one home; the rate (1e-3) suits so few.
"""

from typing import TYPE_CHECKING, Any, Final

from chowon.models.nilm.interface import Model
from chowon.models.nilm.one_each.design import Design, Lesson, Settings
from chowon.models.nilm.one_each.model import OneEach

if TYPE_CHECKING:
    from torch import Tensor

SETTINGS: Final = Settings(context=30, tells=32, steps=400, batch=32, rate=1e-3)
LAYERS: Final = ((30, 10), (30, 8), (40, 6), (50, 5), (50, 5), (50, 5))
"""Filters and width of each convolution, of both networks"""
DENSE: Final = 1024


def _build(settings: Settings) -> Any:
    from torch import nn  # noqa: PLC0415 - an extra

    return nn.ModuleDict({"power": _half(settings), "on": _half(settings)})


def _half(settings: Settings) -> Any:
    from torch import nn  # noqa: PLC0415

    from chowon.models.nilm.one_each.training import convolutions  # noqa: PLC0415 - needs torch

    left = settings.window - sum(width - 1 for _, width in LAYERS)
    dense = [nn.Linear(LAYERS[-1][0] * left, DENSE), nn.ReLU(), nn.Linear(DENSE, settings.tells)]
    return nn.Sequential(*convolutions(LAYERS), nn.Flatten(), *dense)


def _told(network: Any, mains: "Tensor") -> "Tensor":
    return network["power"](mains) * network["on"](mains).sigmoid()


def _wrong(network: Any, lesson: Lesson) -> "Tensor":
    from torch.nn import functional  # noqa: PLC0415

    logit = network["on"](lesson.mains)
    error = network["power"](lesson.mains) * logit.sigmoid() - lesson.power
    crossed = functional.binary_cross_entropy_with_logits(logit, lesson.on, reduction="none")
    return ((error * error + crossed) * lesson.known).sum() / lesson.known.sum()


DESIGN: Final = Design(_build, _wrong, _told, centred=False, whole_tile=True)
MODEL: Final[Model] = OneEach("sgn", DESIGN, SETTINGS)
