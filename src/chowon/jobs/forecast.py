"""The end of a period under a forecast that somebody hands in: a use a day, or energy by interval."""

from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from chowon.domain.bill import Prepared, Profile
from chowon.domain.clock import midnight_ms
from chowon.domain.estimate import Quarters
from chowon.domain.quantities import DAY_MS, I64, QUARTER_MS
from chowon.domain.sites import Site
from chowon.errors import UsageInvalid
from chowon.jobs.measured import measured
from chowon.jobs.profile import DWMS_PER_KWH, site_profile
from chowon.jobs.unmeasured import Outlook, outlook_on, path_of, quarters_of, with_more
from chowon.ports import History

_NO_STEP = "forecast: found steps of {} min; expected a quarter, half or whole hour"


@dataclass(frozen=True, slots=True)
class ADay:
    """So many kWh a day, evenly."""

    kwh: Decimal

    def __post_init__(self) -> None:
        if not 0 <= self.kwh < 10**9:
            raise UsageInvalid(f"kWh a day: found {self.kwh}; expected 0 or more, below 10^9")


def outlook_under(
    history: History, site: Site, prepared: Prepared, now_ms: int, forecast: ADay | Profile
) -> Outlook:
    """The end of the period: what was measured so far, and the forecast from now on. Gaps are not filled.

    Errors: StoreUnavailable; UsageInvalid for a period that is over, a forecast that lacks a part of what is
    to come, and as a bill has.
    """
    end_ms = midnight_ms(prepared.period.end, ZoneInfo(site.timezone))
    if now_ms >= end_ms:
        raise UsageInvalid(f"the period ended on {prepared.period.end}; expected one that still runs")
    found = measured(history, site, prepared)
    of = quarters_of(site, prepared)
    more = _to_come(forecast, of, now_ms)
    read = found.quarters or site_profile(history, site, found.from_ms, found.to_ms)
    end = with_more(prepared, read, more)
    return outlook_on(site, prepared, found, now_ms, end, path_of(of, more[0], now_ms))


def _to_come(forecast: ADay | Profile, of: Quarters, now_ms: int) -> tuple[I64, I64]:
    """(import, export), each (n,) deciwatt-milliseconds, of what is to come of each quarter."""
    to_come_ms = of.to_come_ms(now_ms)
    if isinstance(forecast, ADay):
        dwms = np.rint(float(forecast.kwh * DWMS_PER_KWH) / DAY_MS * to_come_ms).astype(np.int64)
        return dwms, np.zeros_like(dwms)
    step_ms = forecast.step_ms
    if step_ms % QUARTER_MS:
        raise UsageInvalid(_NO_STEP.format(step_ms / 60_000))
    places = (of.start_ms - forecast.start_ms) // step_ms
    wanted = to_come_ms > 0
    if (places[wanted] < 0).any() or (places[wanted] >= len(forecast)).any():
        raise UsageInvalid(
            f"forecast: found {forecast.start_ms} to {forecast.end_ms} ms UTC; expected all of the rest of "
            f"the period, from {now_ms} to {int(of.start_ms[-1]) + QUARTER_MS}"
        )
    share = np.where(wanted, to_come_ms / step_ms, 0.0)
    at = np.clip(places, 0, len(forecast) - 1)

    def of_each(energy: I64 | None) -> I64:
        if energy is None:
            return np.zeros(len(share), np.int64)
        dwms: I64 = np.rint(energy[at] * (DWMS_PER_KWH / forecast.per_kwh) * share).astype(np.int64)
        return dwms

    return of_each(forecast.import_energy), of_each(forecast.export_energy)
