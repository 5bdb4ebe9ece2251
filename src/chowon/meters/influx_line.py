r"""Influx line protocol: `measurement,tag=… field=…,field=… timestamp`, one reading a line.

Names: tag `site`; tag `meter`, else the measurement (one called "meter" stands for the meter "main"); tag
`channel`, else "main". Fields: our own names and the aliases below; other fields are passed over as long as a
line has one that is known. A line without a timestamp gets the receive time. Escapes as in InfluxDB's own
reference: a backslash before comma, space or (tags and field names) equals sign; in texts before " and \.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np

from chowon.domain.readings import absent_of
from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters.checks import Rows, Sent, checked
from chowon.meters.decoded import Decoded, Envelope, Findings
from chowon.meters.fields import BY_NAME, FIELDS, did_you_mean
from chowon.meters.influx_columns import Columns
from chowon.meters.influx_grid import LEAST_BYTES, Grid
from chowon.meters.names import DEFAULT_NAME, Keys, Names

ALIASES: Final = {
    **{f.name: (f.name, 1.0) for f in FIELDS},
    "power": ("power_w", 1.0),
    "active_power": ("power_w", 1.0),
    "power_kw": ("power_w", 1000.0),
    "reactive_power": ("reactive_var", 1.0),
    "voltage": ("voltage_v", 1.0),
    "current": ("current_a", 1.0),
    "frequency": ("frequency_hz", 1.0),
    "energy": ("import_wh", 1000.0),
    "energy_kwh": ("import_wh", 1000.0),
    "import_kwh": ("import_wh", 1000.0),
    "energy_wh": ("import_wh", 1.0),
    "export_kwh": ("export_wh", 1000.0),
}
"""Field name → (our field, factor): `energy` is the import counter in kWh. The last of two counts."""

PER_MS: Final = {
    "ns": (1, 1_000_000),
    "n": (1, 1_000_000),
    "us": (1, 1000),
    "u": (1, 1000),
    "ms": (1, 1),
    "s": (1000, 1),
    "m": (60_000, 1),
    "h": (3_600_000, 1),
}
"""Precision → (factor, divisor) that make milliseconds of it."""

REMEMBERED_SERIES: Final = 20_000
"""Senders name the same series again and again; most of the time of a small body goes into reading them."""

LONGEST_REMEMBERED: Final = 400
"""Bytes; what is longer is read each time, so that nobody fills memory with names."""

_LINE: Final = re.compile(
    rb"""[ ]*+(?P<series>(?:[^\\\ \n\r"=,]|\\[^\n\r])(?:[^\\\ \n\r]|\\[^\n\r])*+)[ ]++
    (?P<fields>(?:[^\\\ \n\r,="]|\\[^\n\r])++=(?:"(?:[^"\\]|\\.)*+"|[^ ,="\n\r]++)
      (?:,(?:[^\\\ \n\r,="]|\\[^\n\r])++=(?:"(?:[^"\\]|\\.)*+"|[^ ,="\n\r]++))*+)
    (?:[ ]++(?P<time>-?\d{1,20}))?[ ]*+\r?(?:\n|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_FIELD: Final = re.compile(rb'((?:[^\\ ,=]|\\.)++)=("(?:[^"\\]|\\.)*+"|[^,]++)', re.DOTALL)
_TAG: Final = re.compile(rb",((?:[^\\,=]|\\.)++)=((?:[^\\,=]|\\.)++)", re.DOTALL)
_MEASUREMENT: Final = re.compile(rb"(?:[^\\,]|\\.)++", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\([, =])")
_NUMBER: Final = re.compile(rb"[+-]?(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?|[+-]?\d++[iu]")
_BOOLEANS: Final = frozenset(
    (b"t", b"T", b"true", b"True", b"TRUE", b"f", b"F", b"false", b"False", b"FALSE")
)
_FORM: Final = "measurement,site=… field=value[,field=value…] [timestamp]"


class InfluxLine:
    """Decoder of line protocol as InfluxDB v1 and v2 clients write it."""

    name = "influx-line"
    content_types = ("text/plain", "application/vnd.influx.line")
    topics: tuple[str, ...] = ()
    magic = b""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        if envelope.precision not in PER_MS:
            expected = f"one of {', '.join(PER_MS)}"
            problem = Problem("precision", shortened(envelope.precision), expected)
            raise PayloadRejected("the precision is not known", [problem])
        quick = in_columns(payload, envelope)
        return exactly(payload, envelope) if quick is None else checked(quick, envelope, Findings())


DECODER: Final = InfluxLine()
_COLUMNS: Final = Columns(ALIASES)
_GRID: Final = Grid(ALIASES)


def exactly(payload: bytes, envelope: Envelope) -> Decoded:
    """As `decode`, line by line: any text, every problem named."""
    lines = _Lines(envelope)
    for number, raw in _lines(payload):
        lines.take(number, raw)
    return lines.decoded()


def in_columns(payload: bytes, envelope: Envelope) -> Rows | None:
    """The readings of a payload of the common shape, before the checks; None for any other."""
    per_ms = PER_MS[envelope.precision]
    rows = _GRID.rows(payload, envelope, per_ms, _names) if len(payload) >= LEAST_BYTES else None
    return rows or _COLUMNS.rows(payload, envelope, per_ms, _names)


def in_grid(payload: bytes, envelope: Envelope) -> Rows | None:
    """The same of a payload whose lines are all alike, whatever its size."""
    return _GRID.rows(payload, envelope, PER_MS[envelope.precision], _names)


def encode(decoded: Decoded) -> bytes:
    """The readings as lines with nanoseconds; absent quantities are left out."""
    columns = [
        (f, column.tolist(), absent_of(f.column).item())
        for f in FIELDS
        if (column := decoded.columns.get(f.column)) is not None
    ]
    series = [f"meter,site={k.site},meter={k.meter},channel={k.channel}" for k in decoded.keys]
    lines = []
    for n, (index, time_ms) in enumerate(zip(decoded.key_index, decoded.time_ms.tolist(), strict=True)):
        values = [f"{f.name}={v[n] / f.scale!r}" for f, v, absent in columns if v[n] != absent]
        lines.append(f"{series[index]} {','.join(values)} {time_ms}000000\n")
    return "".join(lines).encode()


def _lines(payload: bytes) -> Iterator[tuple[int, "re.Match[bytes] | bytes"]]:
    """(line number, match) of each line that has the right form, (line number, its bytes) of each other."""
    at, number = 0, 1
    while at < len(payload):
        end = payload.find(b"\n", at)
        end = len(payload) if end < 0 else end
        if payload[at : at + 1] == b"#" or not payload[at:end].strip():
            at, number = end + 1, number + 1
            continue
        match = _LINE.match(payload, at)
        if match is None:
            yield number, payload[at:end]
            at, number = end + 1, number + 1
        else:
            yield number, match
            at = match.end()
            number += max(1, payload.count(b"\n", match.start(), at))  # a text may hold line ends


@dataclass(slots=True)
class _Column:
    """Values of one quantity as they are met: row and value."""

    rows: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def sent(self, n: int) -> Sent:
        values, present = np.zeros(n), np.zeros(n, np.bool_)
        values[self.rows] = self.values
        present[self.rows] = True
        return Sent(values, present)


class _Lines:
    """Gathers the good lines of one payload as columns, and a problem for each other line."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._factor, self._divisor = PER_MS[envelope.precision]
        self._findings = Findings()
        self._rejected = 0
        self._numbers: list[int] = []
        self._names: list[Names] = []
        self._times: list[int] = []
        self._columns = {f.name: _Column() for f in FIELDS}
        self._series: dict[bytes, Names | None] = {}

    def take(self, number: int, line: "re.Match[bytes] | bytes") -> None:
        """One more line."""
        if isinstance(line, bytes):
            self._refuse(number, "", line, _FORM)
            return
        series, fields, time = line.group("series", "fields", "time")
        if series not in self._series:
            self._series[series] = _names(series)
        names = self._series[series]
        if names is None:
            self._refuse(number, "", series, _FORM)
            return
        row = len(self._times)
        values = self._values(number, fields)
        if values is None:
            return
        for name, value in values:
            column = self._columns[name]
            column.rows.append(row)
            column.values.append(value)
        self._numbers.append(number)
        self._names.append(names)
        time_ms = self._envelope.received_ms if time is None else int(time) * self._factor // self._divisor
        self._times.append(max(-(2**62), min(2**62, time_ms)))

    def decoded(self) -> Decoded:
        """All lines so far, checked."""
        n = len(self._times)
        keys = Keys(self._envelope)
        rows = Rows(
            keys,
            keys.indices(self._names),
            self._names.__getitem__,
            np.array(self._times, np.int64),
            {name: column.sent(n) for name, column in self._columns.items() if column.rows},
            lambda row: f"line {self._numbers[row]}",
        )
        return checked(rows, self._envelope, self._findings, self._rejected)

    def _values(self, number: int, fields: bytes) -> list[tuple[str, float]] | None:
        """(our field, value in its unit) of the known fields; None when the line was refused."""
        values: list[tuple[str, float]] = []
        for name, text in _pairs(fields):
            known = ALIASES.get(name)
            plain = _NUMBER.fullmatch(text) is not None
            if known is not None and plain:
                values.append((known[0], float(text.rstrip(b"iu")) * known[1]))
            elif known is not None:
                self._refuse(number, f", field {name}", text, BY_NAME[known[0]].expected)
                return None
            elif not plain and text not in _BOOLEANS and not text.startswith(b'"'):
                self._refuse(
                    number, f", field {shortened(name)}", text, "a number, a boolean or a quoted text"
                )
                return None
        if values:
            return values
        near = did_you_mean(_pairs(fields)[0][0], ALIASES) if self._findings.room else ""
        self._refuse(number, ", fields", fields, f"one of {', '.join(ALIASES)}{near}")
        return None

    def _refuse(self, number: int, part: str, found: bytes, expected: str) -> None:
        self._rejected += 1
        self._findings.add(f"line {number}{part}", shortened(found.decode(errors="replace")), expected)


def _pairs(fields: bytes) -> list[tuple[str, bytes]]:
    """(field name without escapes, value as written)."""
    if b"\\" in fields or b'"' in fields:
        return [(_plain(name), value) for name, value in _FIELD.findall(fields)]
    return [
        (name.decode(errors="replace"), value)
        for name, _, value in (pair.partition(b"=") for pair in fields.split(b","))
    ]


def _names(series: bytes) -> Names | None:
    """Names by the tags, else by the measurement; None when the tags are malformed."""
    return _remembered(series) if len(series) <= LONGEST_REMEMBERED else _read_names(series)


@lru_cache(maxsize=REMEMBERED_SERIES)
def _remembered(series: bytes) -> Names | None:
    return _read_names(series)


def _read_names(series: bytes) -> Names | None:
    tags: list[tuple[str, ...]]
    if b"\\" in series:
        measurement, tags = _unescaped(series)
    else:
        measurement, *written = series.decode(errors="replace").split(",")
        tags = [tuple(tag.split("=")) for tag in written]
    if not all(len(tag) == 2 and all(tag) for tag in tags):
        return None
    named = {tag[0]: tag[1] for tag in tags}
    meter = named.get("meter", measurement)
    if meter == "meter" and "meter" not in named:
        meter = DEFAULT_NAME
    return named.get("site"), meter, named.get("channel")


def _unescaped(series: bytes) -> tuple[str, list[tuple[str, ...]]]:
    """(measurement, tags as (key, value)); a malformed tag is ()."""
    found = _MEASUREMENT.match(series)
    assert found is not None, "a series begins with a character of the measurement"
    tags: list[tuple[str, ...]] = []
    end = found.end()
    while end < len(series):
        tag = _TAG.match(series, end)
        if tag is None:
            return _plain(found[0]), [()]
        tags.append((_plain(tag[1]), _plain(tag[2])))
        end = tag.end()
    return _plain(found[0]), tags


def _plain(text: bytes) -> str:
    return _ESCAPE.sub(rb"\1", text).decode(errors="replace")
