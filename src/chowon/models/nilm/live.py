"""The live network's provisional values: what runs now, from what was so far."""

from typing import Final

from chowon.models.nilm.interface import Model
from chowon.models.nilm.live_network.model import Live

MODEL: Final[Model] = Live("live", settled=False)
