"""The live network's settled values: what ran twenty minutes ago, from what was so far."""

from typing import Final

from chowon.models.nilm.interface import Model
from chowon.models.nilm.live_network.model import Live

MODEL: Final[Model] = Live("live-settled", settled=True)
