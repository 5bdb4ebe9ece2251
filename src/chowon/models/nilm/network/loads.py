"""Made-up loads of no kind: what else draws power in homes, so that it isn't taken for an appliance.

Plain shapes with random sizes; nothing here is ever a truth that the network is taught to tell.
"""

from typing import Final

import numpy as np

from chowon.models.nilm.network.library import F32

STEP_MS: Final = 10_000
_A_MINUTE: Final = 6


def any_load(rng: np.random.Generator) -> F32:
    """(n,) W at 10-s intervals."""
    made = rng.choice(_SHAPES, p=_SHARES)(rng)
    return np.asarray(np.maximum(made, 0.0), np.float32)


def _thermostat(rng: np.random.Generator) -> np.ndarray:
    """A plate, an oven, a heater: full power, now and then."""
    power_w = rng.uniform(300, 3000)
    period, duty = rng.uniform(1.5, 25), rng.uniform(0.15, 0.85)
    minutes = np.arange(int(rng.uniform(15, 240) * _A_MINUTE)) / _A_MINUTE
    made = ((minutes + rng.uniform(0, period)) % period < duty * period) * power_w
    if rng.random() < 0.5:
        made[minutes < rng.uniform(2, 12)] = power_w  # heats up first
    return made


def _flat(rng: np.random.Generator) -> np.ndarray:
    """A toaster, a hair dryer, an iron, a lamp: below what a kettle takes."""
    power_w = np.exp(rng.uniform(np.log(100), np.log(1700)))
    return np.full(int(np.exp(rng.uniform(0, np.log(120))) * _A_MINUTE) + 3, power_w)


def _long_and_strong(rng: np.random.Generator) -> np.ndarray:
    """An immersion heater: longer than any kettle boils."""
    return np.full(int(rng.uniform(8, 120) * _A_MINUTE), rng.uniform(1700, 3600))


def _compressor(rng: np.random.Generator) -> np.ndarray:
    """An air conditioner, a heat pump: rises, wavers, pauses."""
    n = int(rng.uniform(30, 300) * _A_MINUTE)
    rise = 0.6 + 0.4 * np.minimum(1.0, np.arange(n) / rng.uniform(6, 200))
    made = rng.uniform(400, 2500) * rise * (1 + 0.05 * rng.standard_normal(n))
    if rng.random() < 0.5:
        made *= np.arange(n) / _A_MINUTE % rng.uniform(10, 40) < rng.uniform(5, 30)
    return made


def _car(rng: np.random.Generator) -> np.ndarray:
    return np.full(int(rng.uniform(60, 400) * _A_MINUTE), rng.uniform(3000, 7500))


_SHAPES: Final = np.array([_thermostat, _flat, _long_and_strong, _compressor, _car], dtype=object)
_SHARES: Final = (0.35, 0.35, 0.1, 0.1, 0.1)
