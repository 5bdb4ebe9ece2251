"""The frames of an EnerTalk meter (Encored EDM3KR): what it sends, and what it waits for in answer.

The layout is known from one public capture (MIT, github.com/Km81/homebridge-enertalk-km81); fields of which
the capture leaves a doubt are called unconfirmed here and in docs/reference/enertalk-frames.md. All numbers
are big endian.
"""

import struct
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from chowon.domain.quantities import I64
from chowon.errors import PayloadRejected, Problem
from chowon.meters.checks import Rows, Sent, checked
from chowon.meters.decoded import Decoded, Envelope, Family, Findings, nothing
from chowon.meters.names import DEFAULT_NAME, Keys

Samples = Literal["mean", "each"]

FAMILY: Final = Family("enertalk", "EnerTalk (Encored EDM3KR)", hold_s=10)
VERSION: Final = 0x03
HELLO: Final = 0x00
TELEMETRY: Final = 0x40
ACKNOWLEDGEMENT: Final = 0x80
HEADER_BYTES: Final = 4
SHORTEST: Final = 5
"""Header and mark: less cannot be acknowledged."""
LONGEST: Final = 8192
"""Unconfirmed; 312 bytes were seen."""
SAMPLES_FROM: Final = 72
"""Where the sub-samples began in the frames that were seen; they are looked for from the frame's end."""
SAMPLE_BYTES: Final = 16
CLOCK_SET_MS: Final = 1_577_836_800_000
"""2020-01-01 UTC: an earlier stamp comes from a clock that was never set."""
SPREAD_MS: Final = 1000
"""The sub-samples of a frame lie in the second that ends with its stamp. Unconfirmed."""

_HEADER: Final = struct.Struct(">BBH")
_VALUES: Final = struct.Struct(">HxxQI4xIIQ")
"""frequency, 2 unknown, time, n, 4 unknown, voltage, current, energy"""
_VALUES_FROM: Final = 20
_VALUES_END: Final = _VALUES_FROM + _VALUES.size
_DEVICE: Final = slice(6, 16)
_MARK: Final = 4
_SAMPLE: Final = np.dtype(
    [("power_mw", ">i4"), ("reactive_var", ">i4"), ("unknown", ">u2", 2), ("zero", ">u4")]
)
_BEYOND: Final = 2**62
"""Stands for a number too large for int64: past every bound, so that the checks name it."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What one frame tells, usually of one second."""

    device: str
    """Ten bytes as hexadecimal text"""
    time_ms: int
    """The meter's clock, ms since 1970 UTC; that it is UTC is unconfirmed"""
    frequency_chz: int
    """0.01 Hz"""
    voltage_mv: int
    current_ma: int
    energy_milliwh: int
    """Over the meter's life, 0.001 Wh; that it counts import only is unconfirmed"""
    power_mw: I64
    """(n,) int64, mW, import positive"""
    reactive_var: I64
    """(n,) int64, var"""


def size_of(header: bytes) -> int:
    """The whole frame's length, header included. header: its first HEADER_BYTES.

    Errors: PayloadRejected for what begins no frame of a meter.
    """
    if len(header) < HEADER_BYTES:
        raise _rejected("header", f"{len(header)} bytes", f"{HEADER_BYTES} bytes")
    version, kind, size = _HEADER.unpack_from(header)
    if version != VERSION:
        raise _rejected("byte 0, version", f"{version:#04x}", f"{VERSION:#04x}")
    if kind not in (HELLO, TELEMETRY, ACKNOWLEDGEMENT):
        raise _rejected("byte 1, kind", f"{kind:#04x}", "0x00 hello, 0x40 telemetry or 0x80 acknowledgement")
    if not SHORTEST <= size <= LONGEST:
        raise _rejected("bytes 2–3, length", str(size), f"{SHORTEST} … {LONGEST} bytes")
    return int(size)


def kind_of(frame: bytes) -> int:
    """HELLO, TELEMETRY or ACKNOWLEDGEMENT. Errors: PayloadRejected unless it is exactly one frame."""
    size = size_of(frame)
    if len(frame) != size:
        raise _rejected("bytes 2–3, length", str(size), f"{len(frame)}, the length of the payload")
    return frame[1]


def parsed(frame: bytes) -> Telemetry:
    """A telemetry frame's content, not yet checked for sense. Errors: PayloadRejected."""
    if kind_of(frame) != TELEMETRY:
        raise _rejected("byte 1, kind", f"{frame[1]:#04x}", f"{TELEMETRY:#04x}, telemetry")
    if len(frame) < _VALUES_END:
        raise _rejected("bytes 2–3, length", str(len(frame)), f"at least {_VALUES_END} bytes of telemetry")
    frequency, time_ms, n, voltage, current, energy = _VALUES.unpack_from(frame, _VALUES_FROM)
    most = (len(frame) - _VALUES_END) // SAMPLE_BYTES
    if n > most:
        raise _rejected("bytes 32–35, sub-samples", str(n), f"at most {most} in {len(frame)} bytes")
    samples = np.frombuffer(frame, _SAMPLE, n, len(frame) - n * SAMPLE_BYTES)
    return Telemetry(
        device=frame[_DEVICE].hex(),
        time_ms=min(time_ms, _BEYOND),
        frequency_chz=frequency,
        voltage_mv=voltage,
        current_ma=current,
        energy_milliwh=min(energy, _BEYOND),
        power_mw=samples["power_mw"].astype(np.int64),
        reactive_var=samples["reactive_var"].astype(np.int64),
    )


def hello(device: str, mark: int = 0) -> bytes:
    """What a meter says first. Its content past the device is unconfirmed, and not written."""
    return _HEADER.pack(VERSION, HELLO, _DEVICE.stop) + bytes([mark, 0]) + bytes.fromhex(device)


def telemetry(of: Telemetry, mark: int = 0) -> bytes:
    """The frame as a meter writes it; unknown bytes are 0."""
    samples = np.zeros(len(of.power_mw), _SAMPLE)
    samples["power_mw"], samples["reactive_var"] = of.power_mw, of.reactive_var
    frame = bytearray(SAMPLES_FROM) + samples.tobytes()
    _HEADER.pack_into(frame, 0, VERSION, TELEMETRY, len(frame))
    frame[_MARK] = mark
    frame[_DEVICE] = bytes.fromhex(of.device)
    _VALUES.pack_into(
        frame,
        _VALUES_FROM,
        of.frequency_chz,
        of.time_ms,
        len(samples),
        of.voltage_mv,
        of.current_ma,
        of.energy_milliwh,
    )
    return bytes(frame)


def acknowledgement(frame: bytes, server_ms: int | None = None) -> bytes:
    """What a meter waits for. server_ms: the server's clock, told with the first telemetry."""
    clock = b"" if server_ms is None else struct.pack(">Q", server_ms)
    mark = (frame[_MARK] + 0x20) & 0xFF
    return _HEADER.pack(VERSION, ACKNOWLEDGEMENT, 8 + len(clock)) + bytes([mark, 0, 0, 0]) + clock


class EnerTalk:
    """Decoder of single frames; what is no telemetry is nothing."""

    name = "enertalk"
    content_types = ("application/vnd.enertalk.frame",)
    topics = ()
    magic = b"\x03\x40"

    def __init__(self, samples: Samples = "mean") -> None:
        """samples: a reading of each sub-sample, or one of their mean."""
        self._samples = samples

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        if kind_of(payload) != TELEMETRY:
            return nothing()
        return self.readings(parsed(payload), envelope)

    def readings(self, told: Telemetry, envelope: Envelope) -> Decoded:
        """What a frame means, for who has parsed it already."""
        sampled = self._sampled(told)
        n = max(len(told.power_mw), 1) if self._samples == "each" else 1
        stamp_ms = told.time_ms if told.time_ms >= CLOCK_SET_MS else envelope.received_ms
        keys = Keys(envelope)
        rows = Rows(
            keys,
            np.full(n, keys.device(FAMILY.name, told.device), np.int64),
            lambda _: (None, None, DEFAULT_NAME),
            stamp_ms - np.arange(n - 1, -1, -1) * SPREAD_MS // n,
            sampled | _of_the_frame(told, n),
            (lambda row: f"sub-samples[{row}]") if n > 1 else (lambda _: "frame"),
        )
        return checked(rows, envelope, Findings())

    def _sampled(self, told: Telemetry) -> dict[str, Sent]:
        """Power and reactive power of each reading to come; a frame without sub-samples has neither."""
        n = len(told.power_mw)
        if n == 0:
            return {}
        of = {"power_w": (told.power_mw, 100), "reactive_var": (told.reactive_var * 10, 1)}
        if self._samples == "mean":
            of = {name: (sent.sum(keepdims=True), per * n) for name, (sent, per) in of.items()}
        return {name: _all_present(_rounded(sent, per)) for name, (sent, per) in of.items()}


DECODER: Final = EnerTalk()


def _of_the_frame(told: Telemetry, n: int) -> dict[str, Sent]:
    """What a frame tells once: it stands with the last of its n readings, at the frame's own time."""
    last = np.arange(n) == n - 1
    scaled = {
        "voltage_v": _rounded(np.full(n, told.voltage_mv), 100),
        "current_a": np.full(n, told.current_ma),
        "frequency_hz": np.full(n, told.frequency_chz * 10),
        "import_wh": np.full(n, told.energy_milliwh),
    }
    return {name: Sent(values, last) for name, values in scaled.items()}


def _all_present(values: I64) -> Sent:
    return Sent(values, np.ones(len(values), np.bool_))


def _rounded(values: I64, divisor: int) -> I64:
    """values ÷ divisor to the nearest whole number, halves up."""
    return (2 * values + divisor) // (2 * divisor)


def _rejected(where: str, found: str, expected: str) -> PayloadRejected:
    return PayloadRejected("the frame cannot be read", [Problem(where, found, expected)])
