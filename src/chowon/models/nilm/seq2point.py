"""Sequence to point (Zhang, Zhong, Wang, Goddard & Sutton, AAAI 2018): from a window to its midpoint.

Five convolutions and a dense layer of 1,024, one network for each kind, wrong by the squared error of the
standardised power. The window is 59 minutes: as long as the paper's 599 samples of 6 s, odd so that it has a
midpoint, and with its half hour after that midpoint a value still counts as settled. The network slides over
64 neighbouring midpoints at once, which is the same network on 64 windows and costs less. The paper's epochs
don't fit two cores: 400 steps of 1,024 midpoints are 410,000, about three quarters of one pass over a year of
one home.
"""

from typing import TYPE_CHECKING, Any, Final

from chowon.models.nilm.interface import Model
from chowon.models.nilm.one_each.design import Design, Lesson, Settings
from chowon.models.nilm.one_each.model import OneEach

if TYPE_CHECKING:
    from torch import Tensor

SETTINGS: Final = Settings(context=29, tells=64, steps=400, batch=16, rate=1e-3)
LAYERS: Final = ((30, 10), (30, 8), (40, 6), (50, 5), (50, 5))
"""Filters and width of each convolution"""
DENSE: Final = 1024


def _build(settings: Settings) -> Any:
    from torch import nn  # noqa: PLC0415 - an extra

    from chowon.models.nilm.one_each.training import convolutions  # noqa: PLC0415 - needs torch

    left = 2 * settings.context + 1 - sum(width - 1 for _, width in LAYERS)
    dense = [nn.Conv1d(LAYERS[-1][0], DENSE, left), nn.ReLU(), nn.Conv1d(DENSE, 1, 1)]
    return nn.Sequential(*convolutions(LAYERS), *dense)


def _told(network: Any, mains: "Tensor") -> "Tensor":
    return network(mains)[:, 0]


def _wrong(network: Any, lesson: Lesson) -> "Tensor":
    error = (_told(network, lesson.mains) - lesson.power) * lesson.known
    return (error * error).sum() / lesson.known.sum()


DESIGN: Final = Design(_build, _wrong, _told, centred=True, whole_tile=False)
MODEL: Final[Model] = OneEach("seq2point", DESIGN, SETTINGS)
