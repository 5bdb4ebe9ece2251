"""What a solar roof gives in an ordinary year: the sun's place, the month's clouds, the roof's slope.

It holds no single day's weather: every day of a month has that month's ordinary share of sunshine. Sources:
- the sun's place: NOAA Global Monitoring Laboratory, "General Solar Position Calculations";
- light at the ground from hours of sunshine: Allen et al. 1998, FAO Irrigation and Drainage Paper 56, eq. 35
  (a = 0.25, b = 0.50), and its extraterrestrial radiation, eq. 21-23 (solar constant 1367 W/m²);
- its diffuse part: Erbs, Klein, Duffie 1982, Solar Energy 28, 293-302;
- on a slope: Liu, Jordan 1963, isotropic sky, the ground reflecting 0.2;
- from light to energy: PVWatts 5 (NREL/TP-6A20-62641), system losses 14 %, inverter 96 %, without heat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chowon.domain.quantities import DAY_MS, HOUR_MS, I64, MINUTE_MS
from chowon.errors import UsageInvalid

F64: TypeAlias = NDArray[np.float64]

SOLAR_CONSTANT_W: Final = 1367.0
"""W/m², outside the atmosphere"""
PERFORMANCE: Final = 0.86 * 0.96
"""Energy at the meter / energy that the panels would give by their rated power"""
_GROUND: Final = 0.2
_YEAR_DAYS: Final = 365.25
_FINE_MS: Final = 5 * MINUTE_MS
"""The sun is looked at this often within an interval."""
SEOUL_SUNSHINE_H: Final = (
    169.6, 170.8, 198.2, 206.3, 223.0, 189.1, 123.6, 156.1, 179.7, 206.5, 157.3, 162.9,
)  # fmt: skip
"""Hours of sunshine by month, Seoul, normals 1991-2020 (Korea Meteorological Administration)"""
_DAYLIGHT_SEOUL_H: Final = (
    301.4, 297.3, 364.9, 389.4, 434.1, 436.5, 444.4, 417.8, 370.1, 345.2, 301.8, 293.6,
)  # fmt: skip
"""Hours from sunrise to sunset by month at 37.57° N (FAO 56, eq. 34)"""
ORDINARY_SUNSHINE: Final = (0.5,) * 12
SUNSHINE: Final[Mapping[str, Sequence[float]]] = {
    "Asia/Seoul": tuple(n / m for n, m in zip(SEOUL_SUNSHINE_H, _DAYLIGHT_SEOUL_H, strict=True)),
}
"""Share of the daylight that is sunshine, by month, where it is known by time zone; else half of it"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a roof is, and how sunny it is there."""

    latitude: float
    """Degrees north"""
    longitude: float
    """Degrees east"""
    sunshine: Sequence[float] = ORDINARY_SUNSHINE
    """(12,) share of the daylight that is sunshine, 0-1, January first"""

    def __post_init__(self) -> None:
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            raise UsageInvalid(
                f"place: found {self.latitude}° N, {self.longitude}° E; expected -90 to 90 and -180 to 180"
            )


@dataclass(frozen=True, slots=True)
class Roof:
    """The panels. Errors: UsageInvalid."""

    kwp: float
    """Rated power, kW"""
    azimuth: float = 180.0
    """Where they look, degrees from north over east: 180 is south"""
    tilt: float = 30.0
    """Degrees from level"""

    def __post_init__(self) -> None:
        bounds = (("kwp", self.kwp, 100_000), ("azimuth", self.azimuth, 360), ("tilt", self.tilt, 90))
        for name, number, most in bounds:
            if not 0 <= number <= most:
                raise UsageInvalid(f"solar: {name}: found {number}; expected 0 to {most}")


def production(place: Place, roof: Roof, start_ms: int, step_ms: int, n: int, per_kwh: int) -> I64:
    """(n,) what the roof gives in each interval, `per_kwh` a kWh. Instants ms UTC."""
    times = max(1, step_ms // _FINE_MS)
    fine_ms = step_ms / times
    middle_ms: F64 = start_ms + (np.arange(n * times, dtype=np.float64) + 0.5) * fine_ms
    mean_w = irradiance_w(place, roof, middle_ms).reshape(n, times).mean(axis=1)
    kwh = mean_w / 1000 * roof.kwp * PERFORMANCE * (step_ms / HOUR_MS)
    energy: I64 = np.rint(kwh * per_kwh).astype(np.int64)
    return energy


def irradiance_w(place: Place, roof: Roof, time_ms: F64) -> F64:
    """(n,) light on the panels, W/m², at these instants."""
    cos_zenith, cos_panel, outside_w = _sun(place, roof, time_ms)
    month = (time_ms / DAY_MS).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    clearness = 0.25 + 0.50 * np.asarray(place.sunshine, np.float64)[month]
    level_w = clearness * outside_w * np.maximum(cos_zenith, 0)
    part = _diffuse_part(clearness)
    direct_w = np.where(cos_zenith > 0, (1 - part) * clearness * outside_w, 0)
    tilt = np.radians(roof.tilt)
    sky_w = part * level_w * (1 + np.cos(tilt)) / 2
    ground_w = _GROUND * level_w * (1 - np.cos(tilt)) / 2
    found: F64 = direct_w * np.maximum(cos_panel, 0) + sky_w + ground_w
    return found


def _diffuse_part(clearness: F64) -> F64:
    """Of the light on level ground (Erbs et al.)."""
    k = clearness
    found: F64 = np.where(
        k <= 0.22,
        1 - 0.09 * k,
        np.where(k <= 0.80, 0.9511 - 0.1604 * k + 4.388 * k**2 - 16.638 * k**3 + 12.336 * k**4, 0.165),
    )
    return found


def _sun(place: Place, roof: Roof, time_ms: F64) -> tuple[F64, F64, F64]:
    """(cosine of the sun's zenith angle, of its angle to the panels, W/m² outside the atmosphere)."""
    days = time_ms / DAY_MS
    year = 2 * np.pi * ((days % _YEAR_DAYS) - 0.5) / _YEAR_DAYS
    equation_min = 229.18 * (
        0.000075
        + 0.001868 * np.cos(year)
        - 0.032077 * np.sin(year)
        - 0.014615 * np.cos(2 * year)
        - 0.040849 * np.sin(2 * year)
    )
    declination = (
        0.006918
        - 0.399912 * np.cos(year)
        + 0.070257 * np.sin(year)
        - 0.006758 * np.cos(2 * year)
        + 0.000907 * np.sin(2 * year)
        - 0.002697 * np.cos(3 * year)
        + 0.00148 * np.sin(3 * year)
    )
    minutes = days % 1 * 1440 + equation_min + 4 * place.longitude
    hour, latitude = np.radians(minutes / 4 - 180), np.radians(place.latitude)
    up = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour)
    east = -np.cos(declination) * np.sin(hour)
    north = np.cos(latitude) * np.sin(declination) - np.sin(latitude) * np.cos(declination) * np.cos(hour)
    tilt, azimuth = np.radians(roof.tilt), np.radians(roof.azimuth)
    panel = np.cos(tilt) * up + np.sin(tilt) * (np.sin(azimuth) * east + np.cos(azimuth) * north)
    outside_w = SOLAR_CONSTANT_W * (1 + 0.033 * np.cos(2 * np.pi * days / _YEAR_DAYS))
    return up, panel, outside_w
