"""What is fuzzed: every decoder that the registry finds, and the parsers of `parsers.py`."""

import importlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chowon.errors import NotFound, PayloadRejected
from chowon.meters import influx_line, registry
from chowon.meters.decoded import Decoder, Envelope
from tests.fuzz import parser_seeds, parsers, repairs
from tests.laws.decoded_invariants import NOW_MS, holds, lines_agree

RECORDINGS = Path(__file__).parents[1] / "recordings"
_REPAIRS = {
    "chowon-binary": repairs.binary_batch,
    "dsmr-p1": repairs.dsmr_telegram,
    "enertalk": repairs.enertalk_frame,
    "sml": repairs.sml_file,
}
_CLOCKS_MS = (NOW_MS, NOW_MS, NOW_MS - 10**11, 0)
_PRECISIONS = tuple(influx_line.PER_MS)
_RETAINED = 1


@dataclass(frozen=True, slots=True)
class Target:
    """Something that takes what others send."""

    name: str
    run: Callable[[bytes], object]
    """Takes an input; whatever it raises but `documented` is a finding"""
    seeds: tuple[bytes, ...]
    documented: tuple[type[Exception], ...] = (PayloadRejected,)
    mend: Callable[[bytes], bytes] | None = None
    """Brings checksums and lengths of an input in order"""


def every_target() -> dict[str, Target]:
    """All of them, by name."""
    decoders = [of_decoder(decoder) for decoder in registry.found().decoders]
    others = [Target(p.name, p.run, p.seeds, p.documented) for p in parsers.every_parser()]
    return {target.name: target for target in (*decoders, any_message(), *others)}


def named(name: str) -> Target:
    """One of them; or any other as "package.module:NAME", a Target."""
    if ":" not in name:
        return every_target()[name]
    module, _, attribute = name.partition(":")
    found: Target = getattr(importlib.import_module(module), attribute)
    return found


def of_decoder(decoder: Decoder) -> Target:
    """Inputs: a byte of circumstances, for decoders of messages their topic and a line end, the payload."""
    by_topic = registry.Registry([decoder]) if decoder.topics else None

    def run(data: bytes) -> None:
        circumstances, topic, payload = _parts(data, by_topic is not None)
        envelope = _envelope(by_topic, circumstances, topic, payload)
        holds(decoder.decode(payload, envelope))
        if decoder is influx_line.DECODER:
            lines_agree(payload, envelope)

    repair = _REPAIRS.get(decoder.name)

    def mend(data: bytes) -> bytes:
        assert repair is not None
        circumstances, topic, payload = _parts(data, by_topic is not None)
        head = f"{topic}\n" if by_topic is not None else ""
        return bytes([circumstances]) + head.encode("utf-8", "surrogateescape") + repair(payload)

    seeds = [_seed(path, by_topic is not None) for path in _recorded(decoder.name)]
    seeds += parser_seeds.arrow_streams() if decoder.name == "arrow-stream" else ()
    return Target(decoder.name, run, tuple(seeds) or (b"\0",), mend=None if repair is None else mend)


def any_message() -> Target:
    """Messages of any topic, for whichever decoder the whole registry picks."""
    whole = registry.found()

    def run(data: bytes) -> None:
        circumstances, topic, payload = _parts(data, True)
        decoder, envelope = whole.of_message(topic, payload, NOW_MS, bool(circumstances & _RETAINED))
        holds(decoder.decode(payload, envelope))

    names = [decoder.name for decoder in whole.decoders if decoder.topics]
    seeds = tuple(_seed(path, True) for name in names for path in _recorded(name))
    return Target("any-message", run, seeds, (PayloadRejected, NotFound))


def _recorded(name: str) -> Sequence[Path]:
    return sorted((RECORDINGS / name).glob("*.payload"))


def _seed(path: Path, with_topic: bool) -> bytes:
    envelope = json.loads(path.with_suffix(".expected.json").read_text("utf-8"))["envelope"]
    site, meter = envelope.get("site"), envelope.get("meter")
    topic = envelope.get("topic") or (f"chowon/v1/{site}/{meter}" if site else "")
    precision = _PRECISIONS.index(envelope.get("precision", "ns"))
    head = bytes([bool(envelope.get("retained")) | precision << 3])
    return head + (f"{topic}\n".encode() if with_topic else b"") + path.read_bytes()


def _parts(data: bytes, with_topic: bool) -> tuple[int, str, bytes]:
    """(circumstances, topic, payload)"""
    circumstances, rest = (data[0], data[1:]) if data else (0, b"")
    if not with_topic:
        return circumstances, "", rest
    topic, _, payload = rest.partition(b"\n")
    return circumstances, topic.decode(errors="surrogateescape"), payload


def _envelope(by_topic: registry.Registry | None, circumstances: int, topic: str, payload: bytes) -> Envelope:
    """circumstances: bit 0 kept by the broker, bits 1–2 the clock, bits 3–5 the precision of stamps."""
    now_ms = _CLOCKS_MS[circumstances >> 1 & 3]
    retained = bool(circumstances & _RETAINED)
    if by_topic is None or not topic:
        precision = _PRECISIONS[circumstances >> 3 & 7]
        return Envelope(now_ms, "home", "main", precision=precision, retained=retained)
    try:
        return by_topic.of_message(topic, payload, now_ms, retained)[1]
    except NotFound:
        return Envelope(now_ms, topic=topic, retained=retained)
