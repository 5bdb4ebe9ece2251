"""How well an appliance's power was told: one pure function a measure.

Arrays are (n,) W of the same known intervals; true power is `true_w`, the estimate `told_w`. A measure that
has no value (no energy, no run) is None, never 0.
"""

from typing import Final

import numpy as np

from chowon.domain.nilm.power import F64
from chowon.domain.nilm.runs import Runs, overlapped, states
from chowon.domain.quantities import DAY_MS, I64, Bools

_W_MS_PER_KWH: Final = 3.6e9


def energy_kwh(power_w: F64, step_ms: int) -> float:
    """The energy of known intervals."""
    return float(power_w.sum()) * step_ms / _W_MS_PER_KWH


def mae_w(true_w: F64, told_w: F64 | float) -> float | None:
    """Mean absolute error, W. With 0.0 for `told_w` it is that of the zero predictor."""
    return float(np.abs(true_w - told_w).mean()) if len(true_w) else None


def energy_error_pct(true_kwh: float, told_kwh: float) -> float | None:
    """(told − true) / true in per cent: below 0 too little was told."""
    return 100 * (told_kwh - true_kwh) / true_kwh if true_kwh > 0 else None


def signal_aggregate_error(true_kwh: float, told_kwh: float) -> float | None:
    """SAE, |told − true| / true (Zhong et al. 2014), 0 or more."""
    return abs(told_kwh - true_kwh) / true_kwh if true_kwh > 0 else None


def summed_error_pct(true_kwh: F64, told_kwh: F64) -> float | None:
    """Σ |told − true| / Σ true over months, in per cent: months don't make up for each other."""
    whole = float(true_kwh.sum())
    return 100 * float(np.abs(told_kwh - true_kwh).sum()) / whole if whole > 0 else None


def mean_error_kwh(true_kwh: F64, told_kwh: F64) -> float | None:
    """Mean of |told − true| over months, kWh. It has a value where the appliance took nothing, too."""
    return float(np.abs(told_kwh - true_kwh).mean()) if len(true_kwh) else None


def matched_energy(true_w: F64, told_w: F64) -> float | None:
    """Σ min(true, told) / Σ max(true, told): the energy that stands at the right time, 0–1.

    Neither telling too much nor too little helps. None where both are 0 throughout.
    """
    either = float(np.maximum(true_w, told_w).sum())
    return float(np.minimum(true_w, told_w).sum()) / either if either > 0 else None


def f1(true_on: Bools, told_on: Bools) -> float | None:
    """F1 of being on, by interval. None where it is never on and never told to be."""
    hits = int((true_on & told_on).sum())
    either = int(true_on.sum()) + int(told_on.sum())
    return 2 * hits / either if either else None


def event_f1(true: Runs, told: Runs, within: int) -> float | None:
    """F1 of starts of runs: a told start counts for one true start at most `within` intervals away.

    Starts are paired in order of time, the earliest that fit first, which pairs as many as can be.
    """
    if not len(true) and not len(told):
        return None
    pairs = _pairs(true.start, told.start, within)
    return 2 * pairs / (len(true) + len(told))


def false_alarms_per_day(true: Runs, told: Runs, n: int, step_ms: int, known: int) -> float | None:
    """Told runs that overlap no true run, a day of known time. n: intervals in all, `known` of them known."""
    if not known:
        return None
    wrong = int((~overlapped(told, states(n, true))).sum())
    return wrong * DAY_MS / (known * step_ms)


def runs_found(true: Runs, told: Runs, n: int) -> float | None:
    """The share of true runs that a told run overlaps, 0–1."""
    return float(overlapped(true, states(n, told)).mean()) if len(true) else None


def median_delay_s(true: Runs, told: Runs, n: int, step_ms: int, lookahead_ms: int) -> float | None:
    """Median time from the start of a run until it can be told, over the runs that are.

    An interval is told when it is over and the model's look-ahead too: so never less than one step.
    """
    on = states(n, told)
    found = overlapped(true, on)
    if not found.any():
        return None
    told_places = np.flatnonzero(on)
    start = true.start[found]
    first = told_places[np.searchsorted(told_places, start)]
    return float(np.median((first - start + 1) * step_ms + lookahead_ms)) / 1000


def _pairs(true: I64, told: I64, within: int) -> int:
    """How many can be paired. A loop over runs, of which there are few."""
    pairs, at = 0, 0
    for start in true.tolist():
        while at < len(told) and told[at] < start - within:
            at += 1
        if at < len(told) and told[at] <= start + within:
            pairs, at = pairs + 1, at + 1
    return pairs
