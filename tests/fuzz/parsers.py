"""What is fuzzed beside decoders: streams, files, templates, announcements, settings, packed bodies."""

import gzip
import json
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chowon import config, registry
from chowon.errors import (
    BadInput,
    MeterMisconfigured,
    Misconfigured,
    NotFound,
    PayloadRejected,
    TariffInvalid,
)
from chowon.ingest import csv_guess, csv_mapping, files, source_file
from chowon.ingest.announcements import Announcements
from chowon.ingest.http_writes import inflated
from chowon.meters import arrow_stream, enertalk, framing, green_button, register_files, shelly_records
from chowon.meters.decoded import Envelope
from chowon.meters.register_map import RegisterMap, blocks, values_of
from chowon.meters.sunspec import Model, layout
from chowon.meters.value_template import at, parsed
from tests.fuzz import parser_seeds
from tests.laws.decoded_invariants import NOW_MS, holds

MOST_INFLATED = 2**20
_SENSORS = 20
_FRAMERS = (framing.dsmr_framer, framing.sml_framer)


@dataclass(frozen=True, slots=True)
class Parser:
    """As targets.Target, before it is one."""

    name: str
    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    documented: tuple[type[Exception], ...] = (PayloadRejected,)


def every_parser() -> Iterable[Parser]:
    """All of them."""
    files_errors = (PayloadRejected, BadInput, NotFound)
    return (
        Parser("framing", _framing, parser_seeds.streams()),
        Parser("green-button", _green_button, parser_seeds.green_button()),
        Parser("csv-guess", _csv_guess, parser_seeds.foreign_csv(), (BadInput,)),
        Parser("csv-foreign", _csv_foreign, parser_seeds.mapped_csv(), files_errors),
        Parser("csv-own", _csv_own, parser_seeds.own_csv(), files_errors),
        Parser("value-template", _value_template, parser_seeds.templates(), (ValueError,)),
        Parser("announcements", _announcements, parser_seeds.announcements()),
        Parser("shelly-records", _shelly_records, parser_seeds.shelly_records()),
        Parser("register-map", _register_map, parser_seeds.register_maps(), (MeterMisconfigured,)),
        Parser("sunspec", _sunspec, (bytes(range(200)), b"\x00\xd3" * 400)),
        Parser("meter-file", _meter_file, parser_seeds.meter_files(), (MeterMisconfigured,)),
        Parser("tariff-file", _tariff_file, parser_seeds.tariff_files(), (TariffInvalid,)),
        Parser("config-file", _config_file, parser_seeds.config_files(), (Misconfigured,)),
        Parser("http-body", _http_body, parser_seeds.bodies()),
        Parser("enertalk-stream", _enertalk_stream, parser_seeds.enertalk_streams()),
    )


def _framing(data: bytes) -> None:
    """First byte: which kind, and in which pieces the others come."""
    if not data:
        return
    framer, step = _FRAMERS[data[0] & 1](), max(1 + (data[0] >> 1) * 17, len(data) // 64)
    fed, found = 0, []
    for start in range(1, len(data), step):
        piece = data[start : start + step]
        found += framer.feed(piece)
        fed += len(piece)
        held = fed - framer.passed_over - sum(map(len, found))
        assert 0 <= held <= 40_000, "a framer holds more than a payload, or less than nothing"
    whole = _FRAMERS[data[0] & 1]()
    if len(data) < 16_000:
        assert whole.feed(data[1:]) == found, "payloads depend on how the stream is cut"


def _green_button(data: bytes) -> None:
    for series in green_button.parse(data).series:
        n = len(series.start_ms)
        assert n > 0
        assert len(series.duration_ms) == len(series.milliwh) == n
        assert (np.diff(series.start_ms) > 0).all()
        assert (series.milliwh >= 0).all()
        assert (series.duration_ms > 0).all()


def _csv_guess(data: bytes) -> None:
    """What is guessed can be written, read back, and used on the same file."""
    text = data.decode("utf-8-sig", errors="replace")
    found = csv_guess.guess("".join(text.splitlines(keepends=True)[: csv_guess.LOOKED_AT]), "Europe/Berlin")
    again = csv_mapping.parse_mapping(found.mapping.toml(), "guessed")
    assert again == found.mapping
    with _file(".csv", text.encode("utf-8", "replace")) as path:
        _taken(files.pieces(path, files.Names("home"), found.mapping))


def _csv_foreign(data: bytes) -> None:
    """A mapping, a line of "---", a file."""
    head, _, body = data.partition(b"\n---\n")
    mapping = csv_mapping.parse_mapping(head.decode(errors="replace"), "mapping")
    with _file(".csv", body) as path:
        _taken(files.pieces(path, files.Names("home"), mapping))
        files.hold_ms(path, mapping)


def _csv_own(data: bytes) -> None:
    """First byte: packed or not."""
    packed = bool(data[:1] and data[0] & 1)
    with _file(".csv.gz" if packed else ".csv", gzip.compress(data[1:], 1) if packed else data[1:]) as path:
        _taken(files.pieces(path, files.Names("home")))


def _value_template(data: bytes) -> None:
    template, _, message = data.partition(b"\n")
    picked = parsed(template.decode(errors="surrogateescape"))
    if picked.path is not None:
        with suppress(ValueError, RecursionError):
            at(json.loads(message), picked.path)


def _announcements(data: bytes) -> None:
    """Blocks of a topic, a line end, a payload; NUL between blocks. Then each state topic is spoken on."""
    known = Announcements(most_sensors=_SENSORS)
    payload = b""
    for block in data.split(b"\0")[:40]:
        name, _, payload = block.partition(b"\n")
        topic = name.decode(errors="surrogateescape")
        if known.announces(topic):
            with suppress(PayloadRejected):
                known.learn(topic, payload)
        else:
            holds(known.decode(topic, payload, Envelope(NOW_MS, topic=topic)))
    assert len(known.sensors()) <= _SENSORS
    for topic in known.topics():
        holds(known.decode(topic, payload, Envelope(NOW_MS, topic=topic)))


def _shelly_records(data: bytes) -> None:
    with suppress(PayloadRejected):
        shelly_records.blocks(data)
    with suppress(PayloadRejected):
        shelly_records.next_ms(data)
    for kind in ("emdata", "em1data"):
        decoded = shelly_records.decode(
            data, "shellypro3em-x", kind, 0, Envelope(NOW_MS), start_ms=0, end_ms=NOW_MS
        )
        holds(decoded)


def _register_map(data: bytes) -> None:
    found = register_files.parse(data.decode(errors="surrogateescape"), "map.toml")
    _asked(found, data)


def _sunspec(data: bytes) -> None:
    words = np.frombuffer(data[: len(data) // 2 * 2], ">u2").tolist()
    models = [
        Model(words[n] % 250, 40_000 + words[n + 1] % 100, words[n + 2]) for n in range(0, len(words) - 2, 3)
    ]
    found = layout(models[:100])
    if found is not None:
        _asked(found, data)


def _asked(found: RegisterMap, data: bytes) -> None:
    """The map's questions, answered with the input itself."""
    words = [*np.frombuffer(data[: len(data) // 2 * 2], ">u2").tolist(), 0]
    asked = blocks(found)
    assert all(0 < block.count <= 125 for block in asked)
    registers = {
        (b.kind, b.address + n): words[(b.address + n) % len(words)] for b in asked for n in range(b.count)
    }
    for (channel, field), value in values_of(found, registers).items():
        assert channel
        assert field
        assert isinstance(value, float)


def _meter_file(data: bytes) -> None:
    with _file(".toml", data) as path:
        source_file.read_source(path)


def _tariff_file(data: bytes) -> None:
    with _file(".toml", data) as path:
        registry.read_tariff(path, "tariff.toml")


def _config_file(data: bytes) -> None:
    with _file(".toml", data) as path:
        for explained in config.load(path, {}).explain():
            assert explained.meaning


def _http_body(data: bytes) -> None:
    """First byte: as it comes, or packed here, whole or not, once or in several parts."""
    way, rest = (data[0], data[1:]) if data else (0, b"")
    encoding = ("gzip", "deflate", "", "br")[way & 3]
    if way & 4:
        rest = (gzip.compress if way & 1 == 0 else zlib.compress)(rest * (1 + (way >> 3)))
    if way & 128:
        rest *= 1 + (way >> 4 & 7) * 3
    assert len(inflated(rest, encoding, MOST_INFLATED)) <= MOST_INFLATED


def _enertalk_stream(data: bytes) -> None:
    """Frames one after the other, as a connection brings them."""
    first = 0
    while len(data) - first >= enertalk.HEADER_BYTES:
        size = enertalk.size_of(data[first : first + enertalk.HEADER_BYTES])
        assert enertalk.SHORTEST <= size <= enertalk.LONGEST
        frame = data[first : first + size]
        first += size
        if len(frame) < size:
            return
        assert len(enertalk.acknowledgement(frame)) == 8
        if enertalk.kind_of(frame) == enertalk.TELEMETRY:
            told = enertalk.parsed(frame)
            for samples in ("mean", "each"):
                holds(enertalk.EnerTalk(samples).readings(told, Envelope(NOW_MS)))


def _taken(pieces: Iterable[files.Piece]) -> None:
    for piece in pieces:
        if piece.payload is None:
            continue
        with suppress(PayloadRejected):  # another column than ours is refused as a whole
            decoded = arrow_stream.DECODER.decode(piece.payload, Envelope(NOW_MS))
            holds(decoded)
            for problem in decoded.problems:
                piece.located(problem.where)


@contextmanager
def _file(suffix: str, data: bytes) -> Iterator[Path]:
    """A file, in memory where the system can, for as long as it is needed."""
    folder = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.NamedTemporaryFile(suffix=suffix, dir=folder) as kept:
        kept.write(data)
        kept.flush()
        yield Path(kept.name)
