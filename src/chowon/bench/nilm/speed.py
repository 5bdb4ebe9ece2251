"""How many homes a core tells apart: the live network beside the nightly one and a published shape.

Processor time of one thread, in one run on one machine: ratios mean more than figures. What is told is not
looked at here, so made-up homes and, for the published shape, random weights do.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime

from chowon.bench.nilm.seq2point import WINDOW, onnx_bytes
from chowon.domain.nilm.live import TICK_MS
from chowon.domain.nilm.power import Power
from chowon.domain.quantities import DAY_MS, MINUTE_MS
from chowon.models.nilm.live_network.front import TICKS
from chowon.models.nilm.live_network.model import opened
from chowon.models.nilm.live_network.stream import Stream
from chowon.models.nilm.network.shipped import chosen
from chowon.models.nilm.network.telling import opened as opened_nightly

APPLIANCES: Final = 10
_WARM: Final = 2 * TICKS
_NIGHT_DAYS: Final = 28
_START: Final = """
import numpy as np
from chowon.models.nilm.live_network.model import opened
from chowon.models.nilm.live_network.stream import Stream
stream = Stream(opened(), 1)
stream.step(np.full(1, 300, np.float32), np.ones(1, np.bool_), 50_000)
"""


@dataclass(frozen=True, slots=True)
class Speed:
    """One network, told for all of its kinds or for so many appliances."""

    name: str
    file_bytes: int
    appliances: int
    homes_a_core: float
    """As many keep up with one core, each told as often as `every_s` says"""
    every_s: float
    values_per_s: float
    """Told values (a home, an appliance, an interval) a second of processor time"""


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What else the live network takes."""

    homes: int
    tick_ms: float
    """Processor time of a tick of all these homes, a minute's closing shared among its ticks"""
    closing_tick_ms: float
    """Of the tick that closes a minute"""
    bytes_a_home: float
    open_ms: float
    """Time to open the weights"""
    first_answer_s: float
    """From the start of a process to its first answer, by the clock: the interpreter and all imports"""


def live(homes: int, minutes: int) -> tuple[Speed, LiveFacts]:
    """All homes at 10 s, each with as many kinds as the network knows, ten at most."""
    begun = time.perf_counter()
    weights = opened()
    open_ms = 1000 * (time.perf_counter() - begun)
    stream = Stream(weights, homes)
    stream.meters(np.ones(homes, np.bool_), every_tick=True)
    for row in range(homes):
        stream.owns(row, weights.card.kinds[:APPLIANCES])
    random = np.random.default_rng(0)
    known = np.ones(homes, np.bool_)
    spent: list[float] = []
    for tick in range(_WARM + minutes * TICKS):
        mains_w = random.uniform(50, 3000, homes).astype(np.float32)
        from_s = time.process_time()
        stream.step(mains_w, known, tick * TICK_MS)
        spent.append(time.process_time() - from_s)
    by_minute = np.array(spent[_WARM:]).reshape(minutes, TICKS)
    tick_s = float(by_minute.mean())
    appliances = min(APPLIANCES, len(weights.card.kinds))
    facts = LiveFacts(
        homes,
        round(1000 * tick_s, 4),
        round(1000 * float(by_minute[:, -1].mean()), 4),
        round(stream.bytes_a_home),
        round(open_ms, 1),
        round(_first_answer_s(), 2),
    )
    every_s = TICK_MS / 1000
    speed = Speed(
        "live",
        weights.file_bytes,
        appliances,
        round(homes * every_s / tick_s),
        every_s,
        round(homes * appliances / tick_s),
    )
    return speed, facts


def nightly() -> Speed:
    """Days of one home at a minute, told once."""
    onnx, card = chosen(())
    teller = opened_nightly(onnx, card)
    n = _NIGHT_DAYS * DAY_MS // MINUTE_MS
    mains = Power(0, MINUTE_MS, np.random.default_rng(0).uniform(50, 3000, n), np.ones(n, np.bool_))
    kinds = card.kinds[:APPLIANCES]
    teller.disaggregate(mains, kinds)
    from_s = time.process_time()
    teller.disaggregate(mains, kinds)
    spent_s = time.process_time() - from_s
    day_s = DAY_MS / 1000
    homes_a_core = round(_NIGHT_DAYS * day_s / spent_s)
    values_per_s = round(n * len(kinds) / spent_s)
    return Speed("network", len(onnx), len(kinds), homes_a_core, day_s, values_per_s)


def sequence_to_point(batch: int = 32, rounds: int = 3) -> Speed:
    """The shape of Zhang et al. 2018, one network an appliance, with random weights: a value a window.

    Errors: ExtraMissing without onnx (the extra `train`).
    """
    made = onnx_bytes(batch)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(made, options, providers=["CPUExecutionProvider"])
    mains = np.random.default_rng(0).normal(0, 1, (batch, 1, WINDOW)).astype(np.float32)
    session.run(None, {"mains": mains})
    from_s = time.process_time()
    for _ in range(rounds):
        session.run(None, {"mains": mains})
    values_per_s = batch * rounds / (time.process_time() - from_s)
    every_s = TICK_MS / 1000
    return Speed(
        "seq2point (random weights)",
        len(made),
        APPLIANCES,
        round(values_per_s * every_s / APPLIANCES),
        every_s,
        round(values_per_s),
    )


def _first_answer_s() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", _START], check=True)  # noqa: S603 - our own words
    return time.perf_counter() - begun
