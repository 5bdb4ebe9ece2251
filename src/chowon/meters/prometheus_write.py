"""Prometheus remote write 1.0, unpacked: samples of power, voltage, … among whatever else is written.

Our own metrics name a place: `chowon_power_watts{site="home",meter="main",channel="main"}` (meter and channel
are "main" when left out; other labels, such as job and instance, are passed over). Metrics of others are
devices of the family "prometheus": the built-in ones below and those of the setting `prometheus.metrics` say
which quantity a metric is and which labels name device and channel. All other metrics are no electricity.

Prometheus sends each metric by itself, in any order and any request, so each quantity has a millisecond of
its own: its stamp plus its position among readings.QUANTITIES. What is sent again lands where it was.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from google.protobuf.message import DecodeError

from chowon.domain.quantities import I64
from chowon.domain.readings import QUANTITIES
from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters.checks import Rows, Sent, checked
from chowon.meters.decoded import Decoded, Envelope, Family, Findings
from chowon.meters.fields import BY_NAME
from chowon.meters.names import Keys, Names
from chowon.meters.prometheus_messages import Label, WriteRequest

FAMILY: Final = Family("prometheus", "Prometheus", hold_s=150)
"""Prometheus asks once a minute until somebody says otherwise."""

OWN: Final = {
    "chowon_power_watts": ("power_w", 1.0),
    "chowon_reactive_power_vars": ("reactive_var", 1.0),
    "chowon_voltage_volts": ("voltage_v", 1.0),
    "chowon_current_amperes": ("current_a", 1.0),
    "chowon_frequency_hertz": ("frequency_hz", 1.0),
    "chowon_import_watthours_total": ("import_wh", 1.0),
    "chowon_export_watthours_total": ("export_wh", 1.0),
    "chowon_import_joules_total": ("import_wh", 1 / 3600),
    "chowon_export_joules_total": ("export_wh", 1 / 3600),
}
"""Metric → (our field, factor)."""

REMEMBERED_SERIES: Final = 20_000
LONGEST_REMEMBERED: Final = 2048
"""Bytes of all labels; what is longer is read each time, so that nobody fills memory with names."""


@dataclass(frozen=True, slots=True)
class ForeignMetric:
    """What a metric of somebody else's means."""

    metric: str
    quantity: str
    """A name of meters.fields.FIELDS."""
    factor: float = 1.0
    """Brings the value into the unit of the quantity."""
    device: tuple[str, ...] = ("instance",)
    """Labels whose values, joined by "/", name the device."""
    channel: tuple[str, ...] = ()
    """Labels whose values, joined by "/", name the channel; none: "main"."""


BUILT_IN: Final = tuple(
    ForeignMetric(f"{prefix}_sensor_{name}", quantity, factor, ("entity",))
    for prefix in ("homeassistant", "hass")
    for name, quantity, factor in (
        ("power_w", "power_w", 1.0),
        ("power_kw", "power_w", 1000.0),
        ("voltage_v", "voltage_v", 1.0),
        ("current_a", "current_a", 1.0),
        ("frequency_hz", "frequency_hz", 1.0),
        ("energy_wh", "import_wh", 1.0),
        ("energy_kwh", "import_wh", 1000.0),
    )
)
"""Home Assistant's own exporter: an entity is a device of one quantity."""


@dataclass(frozen=True, slots=True)
class _Series:
    names: Names | None
    """As sent with our own metrics; None for a device."""
    device: str
    channel: str
    field: str
    factor: float


class PrometheusWrite:
    """Decoder of a WriteRequest without its compression."""

    name = "prometheus-write"
    content_types = ("application/x-protobuf",)
    topics: tuple[str, ...] = ()
    magic = b""

    def __init__(self, foreign: Sequence[ForeignMetric] = ()) -> None:
        """foreign: over the built-in ones of the same name."""
        self._foreign = {metric.metric: metric for metric in (*BUILT_IN, *foreign)}
        self._series = lru_cache(maxsize=REMEMBERED_SERIES)(self._read)

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        samples = _Samples()
        try:
            request = WriteRequest.FromString(payload)
            for n, series in enumerate(request.timeseries):
                known = self._known(tuple(series.labels))
                if known is not None:
                    samples.take(n, known, [(s.value, s.timestamp) for s in series.samples])
        except DecodeError as error:
            problem = Problem("payload", shortened(str(error)), "a WriteRequest of remote write 1.0")
            raise PayloadRejected("the payload is no remote write request", [problem]) from None
        return samples.decoded(envelope)

    def _known(self, labels: tuple[bytes, ...]) -> _Series | None:
        short = sum(map(len, labels)) <= LONGEST_REMEMBERED
        return self._series(labels) if short else self._read(labels)

    def _read(self, labels: tuple[bytes, ...]) -> _Series | None:
        """What a series is, by its labels; None for what is no electricity. Errors: DecodeError."""
        read = map(Label.FromString, labels)
        by_name: dict[str, str] = {label.name: label.value for label in read}
        metric = by_name.get("__name__", "")
        own = OWN.get(metric)
        if own is not None:
            names = (by_name.get("site"), by_name.get("meter"), by_name.get("channel"))
            return _Series(names, "", "", *own)
        foreign = self._foreign.get(metric)
        if foreign is None:
            return None
        device = "/".join(by_name.get(label, "") for label in foreign.device)
        channel = "/".join(by_name.get(label, "") for label in foreign.channel)
        return _Series(None, device, channel or "main", foreign.quantity, foreign.factor)


DECODER: Final = PrometheusWrite()


class _Samples:
    """Samples as they are met, one a row."""

    def __init__(self) -> None:
        self._series: list[tuple[int, _Series]] = []
        self._counts: list[int] = []
        self._sent: list[tuple[float, int]] = []

    def take(self, number: int, series: _Series, samples: list[tuple[float, int]]) -> None:
        """The samples of one series. NaN, and so a stale marker, says that there is no value."""
        measured = [(v, t) for v, t in samples if not math.isnan(v)]
        self._series.append((number, series))
        self._counts.append(len(measured))
        self._sent += measured

    def decoded(self, envelope: Envelope) -> Decoded:
        """All of them, checked."""
        each = [series for _, series in self._series]
        which = np.repeat(np.arange(len(each)), np.array(self._counts, np.int64))
        keys = Keys(envelope)
        positions = [
            keys.device(FAMILY.name, s.device, s.channel) if s.names is None else keys.index(s.names)
            for s in each
        ]
        factors = np.array([s.factor for s in each], np.float64)[which]
        with np.errstate(over="ignore"):  # what is beyond a float is beyond every range
            values = np.array([v for v, _ in self._sent], np.float64) * factors
        apart = np.array([QUANTITIES.index(BY_NAME[s.field].column) for s in each], np.int64)[which]
        times: I64 = np.clip(np.array([t for _, t in self._sent], np.int64), -(2**62), 2**62) + apart
        fields = np.array([s.field for s in each])[which] if each else np.zeros(0, np.str_)
        return checked(
            Rows(
                keys,
                np.array(positions, np.int64)[which],
                lambda row: each[which[row]].names or (None, None, None),
                times,
                {name: Sent(values, fields == name) for name in dict.fromkeys(s.field for s in each)},
                lambda row: f"timeseries[{self._series[which[row]][0]}]",
            ),
            envelope,
            Findings(),
        )
