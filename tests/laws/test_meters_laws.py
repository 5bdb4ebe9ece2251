"""Laws that hold for every decoder by themselves: for each module of chowon.meters, and the blueprint.

A new decoder needs one recording in tests/recordings/<its name>/: NAME.payload as it came, and
NAME.expected.json with the envelope and what it means ("counts_from_arrival": its stamps begin there).
Nothing here has to be changed for it.
"""

import importlib
import json
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon import meters
from chowon.domain.quantities import ABSENT_I32, ABSENT_I64
from chowon.domain.readings import QUANTITIES
from chowon.domain.sites import ChannelKey
from chowon.errors import PayloadRejected
from chowon.meters import (
    arrow_stream,
    chowon_binary,
    chowon_json,
    influx_columns,
    influx_grid,
    influx_line,
    influx_series,
    registry,
)
from chowon.meters.checks import AHEAD_MS, EARLIEST_MS
from chowon.meters.decoded import Decoded, Decoder, Envelope
from chowon.meters.fields import FIELDS
from tests.laws.decoded_invariants import NOW_MS, holds, lines_agree

KEPT_APART_MS = len(QUANTITIES)
"""Quantities that come one by one are stamped so many ms apart at most."""
RECORDINGS = Path(__file__).parents[1] / "recordings"


def _modules() -> list[ModuleType]:
    names = [f"chowon.meters.{m.name}" for m in pkgutil.iter_modules(meters.__path__)]
    return [m for m in map(importlib.import_module, names) if hasattr(m, "DECODER")]


DECODERS: list[Decoder] = [module.DECODER for module in _modules()]
ENCODERS = [module for module in _modules() if hasattr(module, "encode")]
every_decoder = pytest.mark.parametrize("decoder", DECODERS, ids=lambda d: d.name)
every_encoder = pytest.mark.parametrize("module", ENCODERS, ids=lambda m: m.DECODER.name)


def _recordings() -> list[tuple[Decoder, Path]]:
    return [(d, p) for d in DECODERS for p in sorted((RECORDINGS / d.name).glob("*.payload"))]


every_recording = pytest.mark.parametrize(
    ("decoder", "path"), _recordings(), ids=[f"{d.name}/{p.stem}" for d, p in _recordings()]
)


def _expected(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8"))
    return found


def _plain(decoded: Decoded) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(chowon_json.encode(decoded))["readings"]
    return rows


def _decode_any(decoder: Decoder, payload: bytes, envelope: Envelope) -> None:
    try:
        holds(decoder.decode(payload, envelope))
    except PayloadRejected as refused:
        if not refused.problems:
            pytest.fail("a payload is refused without a reason")


_words = st.text("abcxyz019_.-", min_size=1, max_size=12)
_keys = st.builds(ChannelKey, _words, _words, _words)


@st.composite
def batches(draw: st.DrawFn) -> Decoded:
    """Good readings of a few channels with any of the quantities, some of them absent."""
    n = draw(st.integers(1, 12))
    names = [f.name for f in FIELDS]
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    columns = {}
    some = np.zeros(n, np.bool_)
    for field in FIELDS:
        if field.name not in chosen:
            continue
        value = st.integers(field.low * field.scale, field.high * field.scale)
        drawn = draw(st.lists(st.none() | value, min_size=n, max_size=n))
        absent = ABSENT_I32 if field.is_i32 else ABSENT_I64
        kind = np.int32 if field.is_i32 else np.int64
        columns[field.column] = np.array([absent if v is None else v for v in drawn], kind)
        some |= np.array([v is not None for v in drawn])
    keys = tuple(draw(st.lists(_keys, min_size=1, max_size=3, unique=True)))
    times = draw(st.lists(st.integers(EARLIEST_MS, NOW_MS + AHEAD_MS), min_size=n, max_size=n))
    index = np.array(draw(st.lists(st.integers(0, len(keys) - 1), min_size=n, max_size=n)), np.uint32)
    return Decoded(keys, index, np.array(times, np.int64), columns).where(some)


@every_decoder
def test_every_decoder_has_a_recording(decoder: Decoder) -> None:
    assert list((RECORDINGS / decoder.name).glob("*.payload"))


@every_recording
def test_a_recording_means_what_stands_beside_it(decoder: Decoder, path: Path) -> None:
    expected = _expected(path)
    decoded = decoder.decode(path.read_bytes(), Envelope(**expected["envelope"]))
    holds(decoded)
    assert _plain(decoded) == expected["readings"]
    assert [p.where for p in decoded.problems] == expected["problems"]


@every_decoder
@settings(deadline=None)
@given(payload=st.binary(max_size=300))
def test_random_bytes_give_a_reason_and_nothing_else(decoder: Decoder, payload: bytes) -> None:
    _decode_any(decoder, payload, Envelope(NOW_MS))
    _decode_any(decoder, decoder.magic + payload, Envelope(NOW_MS, "home", "main"))


@every_recording
@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_recording_gives_a_reason_and_nothing_else(
    decoder: Decoder, path: Path, data: st.DataObject
) -> None:
    payload = bytearray(path.read_bytes())
    envelope = Envelope(**_expected(path)["envelope"])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(payload) - 1))
        payload[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(payload)))
    _decode_any(decoder, bytes(payload), envelope)
    _decode_any(decoder, bytes(payload[:cut]), envelope)


@every_recording
def test_a_clock_far_ahead_is_told_and_not_stored(decoder: Decoder, path: Path) -> None:
    expected = _expected(path)
    received_ms = expected["envelope"]["received_ms"]
    envelope = expected["envelope"] | {"received_ms": EARLIEST_MS}
    decoded = decoder.decode(path.read_bytes(), Envelope(**envelope))
    stamped_here = all(0 <= row["time"] - EARLIEST_MS < KEPT_APART_MS for row in _plain(decoded))
    assert stamped_here, "a reading from the future was kept"
    own_clock = not expected.get("counts_from_arrival", False)
    if own_clock and any(not 0 <= r["time"] - received_ms < KEPT_APART_MS for r in expected["readings"]):
        assert decoded.rejected
        assert any("check the meter's clock" in p.expected for p in decoded.problems)


@every_encoder
@settings(deadline=None)
@given(batch=batches())
def test_what_is_encoded_comes_back_the_same(module: ModuleType, batch: Decoded) -> None:
    if len(batch) == 0:
        return
    decoded = module.DECODER.decode(module.encode(batch), Envelope(NOW_MS))
    assert decoded.problems == ()
    assert decoded.rejected == 0
    assert _plain(decoded) == _plain(batch)


@every_encoder
@settings(deadline=None)
@given(batch=batches(), data=st.data())
def test_the_good_part_is_kept_beside_a_bad_one(
    module: ModuleType, batch: Decoded, data: st.DataObject
) -> None:
    if len(batch) == 0:
        return
    spoiled = data.draw(st.integers(0, len(batch) - 1))
    times = batch.time_ms.copy()
    times[spoiled] = NOW_MS + AHEAD_MS + 1
    mixed = Decoded(batch.keys, batch.key_index, times, batch.columns)
    decoded = module.DECODER.decode(module.encode(mixed), Envelope(NOW_MS))
    kept = np.arange(len(batch)) != spoiled
    assert _plain(decoded) == _plain(batch.where(kept))
    assert decoded.rejected == 1
    assert len(decoded.problems) == 1


@every_encoder
def test_absent_stays_absent_and_zero_stays_zero(module: ModuleType) -> None:
    columns = {
        "power_dw": np.array([0, ABSENT_I32, 5], np.int32),
        "import_milliwh": np.array([ABSENT_I64, 0, ABSENT_I64], np.int64),
    }
    times = np.array([NOW_MS - 2000, NOW_MS - 1000, NOW_MS], np.int64)
    batch = Decoded((ChannelKey("home", "main", "main"),), np.zeros(3, np.uint32), times, columns)
    decoded = module.DECODER.decode(module.encode(batch), Envelope(NOW_MS))
    assert decoded.columns["power_dw"].tolist() == [0, ABSENT_I32, 5]
    assert decoded.columns["import_milliwh"].tolist() == [ABSENT_I64, 0, ABSENT_I64]
    assert set(decoded.columns) == {"power_dw", "import_milliwh"}


@every_encoder
def test_all_formats_say_the_same_in_the_same_units(module: ModuleType) -> None:
    columns = {f.column: np.array([7 * f.scale], np.int32 if f.is_i32 else np.int64) for f in FIELDS}
    batch = Decoded(
        (ChannelKey("home", "m", "c"),), np.zeros(1, np.uint32), np.array([NOW_MS], np.int64), columns
    )
    decoded = module.DECODER.decode(module.encode(batch), Envelope(NOW_MS))
    row = {"site": "home", "meter": "m", "channel": "c", "time": NOW_MS}
    assert _plain(decoded) == [row | {f.name: 7.0 for f in FIELDS}]


_odd_line = st.builds(
    "{}{}{}{}={}{}{}".format,
    st.sampled_from(["m", "", "#m", "=m", '"m', "é", "m\\,", " m", "m,,", "m,site", "m,site=", "m,site=b=c"]),
    st.sampled_from(["", ",site=home", ",site=HOME"]),
    st.sampled_from([" ", "  ", "", "\t"]),
    st.sampled_from(["power", "x", "a b", "é", "power_w=1,power"]),
    st.sampled_from([".5", "1e3", "t", '"x y"', '"x', "", "nan", "1.5i", "1,", "1_0"]),
    st.sampled_from([" ", "  ", "", "\t"]),
    st.sampled_from(["", "1", f"{NOW_MS}000000", "-0", "1.5", str(2**63), "x", f"{NOW_MS}000000 "]),
)
_plain_line = st.builds(
    "{},site={} {} {}".format,
    st.sampled_from(["m", "meter", "a.b", "M"]),
    st.sampled_from(["home", "b", "home,meter=c", "b,x=y,channel=d", "HOME", "é"]),
    st.lists(
        st.builds(
            "{}={}".format,
            st.sampled_from([*influx_line.ALIASES, "power", "power_w", "x"]),
            st.sampled_from(["1", "-2.5", "3i", "4u", "007.", "0.1", "9" * 17, "9" * 400, "-0"]),
        ),
        min_size=1,
        max_size=4,
    ).map(",".join),
    st.sampled_from([f"{NOW_MS}000000", f"{NOW_MS - 1}999999", str(NOW_MS), "-1", "0", str(2**63 - 1)])
    | st.integers(-(2**63), 2**63).map(str),
)


@settings(deadline=None, max_examples=500)
@given(
    lines=st.lists(_plain_line, min_size=1, max_size=4),
    odd=st.lists(_odd_line | st.text(max_size=8), max_size=1),
    end=st.sampled_from(["", "\n", "\r\n", "\n\n"]),
    precision=st.sampled_from(["ns", "ns", "ns", *influx_line.PER_MS]),
)
def test_lines_as_columns_mean_what_they_mean_one_by_one(
    lines: list[str], odd: list[str], end: str, precision: str
) -> None:
    payload = "\n".join([*lines, *odd, *lines]) + end
    lines_agree(payload.encode(), Envelope(NOW_MS, precision=precision))


@settings(deadline=None)
@given(batch=batches(), data=st.data())
def test_damaged_lines_as_columns_mean_what_they_mean_one_by_one(batch: Decoded, data: st.DataObject) -> None:
    payload = bytearray(influx_line.encode(batch))
    lines_agree(bytes(payload), Envelope(NOW_MS))
    for _ in range(data.draw(st.integers(0, 3)) if payload else 0):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(
            st.sampled_from(b'0a=, \n\r"\\#.-\xff')
        )
    lines_agree(bytes(payload), Envelope(NOW_MS))


@pytest.mark.parametrize("at", range(1, 19))
def test_a_comma_in_a_stamp_is_no_second_line(at: int) -> None:
    stamp = f"{NOW_MS}000000"
    lines = f"meter,site=home voltage_v=0.0 {stamp[:at]},{stamp[at:]}\nmeter,site=home voltage_v=1 {stamp}\n"
    lines_agree(lines.encode(), Envelope(NOW_MS))


def test_many_plain_lines_are_read_as_columns() -> None:
    line = "meter,site=home,channel=c{} power_w={}.5,power={}i,voltage_v=-1,x=3 {}000000\n"
    payload = "".join(line.format(n % 3, n, n, NOW_MS + n) for n in range(100)).encode()
    assert influx_line.in_columns(payload, Envelope(NOW_MS)) is not None
    lines_agree(payload, Envelope(NOW_MS))
    mixed = payload + b'meter,site=home power_w=1,state="on" 1795400000000000000\n'
    assert influx_line.in_columns(mixed, Envelope(NOW_MS)) is None
    decoded = influx_line.DECODER.decode(mixed.replace(b"voltage_v=-1,", b""), Envelope(NOW_MS))
    assert (len(decoded), decoded.rejected) == (101, 0)


@pytest.mark.parametrize(
    "text",
    [
        "m,site=a power_w=1 {t}\nm,site=b power_w=2 ",  # the last stamp is missing
        "m,site=a power_w=1 {t}\nm,site=b power_w=2 1",
        "m,site=a power_w=1 0000{t}\nm,site=b power_w=2 {t}",  # more than 20 digits
        "m,site=a power_w=1 {t} m,site=b\npower_w=2 {t}",  # gaps that have changed places
        "m,site=a power_w=1=x,2 {t}",
        "m,site=a power_w=1,x {t}\nm,site=a =2 {t}",
        "m,site=a power_w=1,power=2 {t}\nm,site=a power=3,power_w=4 {t}",  # of two the last counts
        "m,site=a power_w=1,power_w=2 {t}\nm,site=a power_w=3,power_w=4 {t}",
        "m,site=a power_w=1e3,x=+2 {t}\nm,site=a power_w=1.5i,x=2 {t}",
        "m,site=a x=1,power_w=2 {t}\nm,site=a y=1 {t}",
        '"m,site=a power_w=1 {t}\nm,site=a power_w=2 {t}',
        "#m,site=a power_w=1 {t}\nm,site=a power_w=2 {t}",
        'm,site=a power_w=1,x"y=2 {t}',
    ],
)
def test_lines_that_are_nearly_of_the_common_shape_mean_the_same_both_ways(text: str) -> None:
    payload = text.replace("{t}", f"{NOW_MS}000000").encode()
    lines_agree(payload, Envelope(NOW_MS))
    lines_agree(payload + b"\n", Envelope(NOW_MS))


def test_series_in_another_order_and_of_another_envelope_are_not_taken_for_those_remembered() -> None:
    lines = [f"m,site=s{n},channel=c power_w={n} {NOW_MS}000000\n" for n in range(5)]
    for order in ((0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (0, 0, 1, 1, 2), (0, 1, 2, 3, 4)):
        payload = "".join(lines[n] for n in order).encode()
        lines_agree(payload, Envelope(NOW_MS))
        decoded = influx_line.DECODER.decode(payload, Envelope(NOW_MS))
        sites = [decoded.keys[at].site for at in decoded.key_index]
        assert sites == [f"s{n}" for n in order]
        assert decoded.columns["power_dw"].tolist() == [10 * n for n in order]
    named = influx_line.DECODER.decode(lines[3].encode(), Envelope(NOW_MS, "other", "meter"))
    assert (len(named), named.rejected) == (0, 1)  # it may not name another site than its topic
    assert len(influx_line.DECODER.decode(lines[3].encode(), Envelope(NOW_MS))) == 1


def test_what_is_remembered_of_field_names_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    known = len(influx_line.ALIASES)
    monkeypatch.setattr(influx_columns, "_MOST_OTHERS", known + 5)
    for n in range(30):
        line = f"m,site=home power_w={n},a{n}=1,b{n}=2 {NOW_MS}000000"
        lines_agree(line.encode(), Envelope(NOW_MS))
        assert influx_line.in_columns(line.encode(), Envelope(NOW_MS)) is not None
        assert known <= len(influx_line._COLUMNS._codes) <= known + 5


def test_a_field_that_was_remembered_and_one_that_is_new_come_together_where_there_is_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(influx_columns, "_MOST_OTHERS", len(influx_line.ALIASES) + 5)
    for n in range(30):
        line = f"m,site=home power_w={n},old{n // 9}=1,new{n}=2 {NOW_MS}000000"
        lines_agree(line.encode(), Envelope(NOW_MS))
        assert influx_line.in_columns(line.encode(), Envelope(NOW_MS)) is not None


pieces = st.one_of(
    st.integers(-10, 10**7).map(str),
    st.floats(-1e4, 1e7).map(repr),
    st.text("0123456789.-+eEiuxnafINF \t_", max_size=6),
)


@settings(deadline=None)
@given(
    names=st.lists(
        st.sampled_from(["power_w", "voltage", "energy", "import_wh", "x"]), min_size=1, max_size=3
    ),
    of_column=st.lists(st.sampled_from(["whole", "decimal", "i", "u", "any"]), min_size=4, max_size=4),
    n=st.integers(1, 6),
    end=st.sampled_from(["", "\n", "\r\n", "\n\n", "\ufeff"]),
    begin=st.sampled_from(["", "", "", "\ufeff", "#", '"']),
    data=st.data(),
)
def test_lines_that_are_all_alike_mean_the_same_as_a_table(names, of_column, n, end, begin, data) -> None:
    whole = st.integers(0, 10**6).map(str)
    kinds = {
        "whole": whole,
        "decimal": st.floats(-1e4, 1e7).map(repr),
        "i": whole.map("{}i".format),
        "u": whole.map("{}u".format),
        "any": pieces,
    }
    stamps = (
        st.one_of(st.just(f"{NOW_MS}000000"), pieces) if of_column[3] == "any" else st.just(f"{NOW_MS}000000")
    )
    lines = []
    for _ in range(n):
        site = data.draw(st.sampled_from(["a", "b", "c-1", "d\\", "é", ""]))
        fields = ",".join(f"{m}={data.draw(kinds[k])}" for m, k in zip(names, of_column, strict=False))
        lines.append(f"m,site={site} {fields} {data.draw(stamps)}")
    lines_agree((begin + "\n".join(lines) + end).encode(), Envelope(NOW_MS))


@pytest.mark.parametrize(
    ("fields", "why_not"),
    [
        ("power_w=1.5,voltage=-1", None),
        ("power_w=15i,energy=3u", None),
        ("power_w=1.", None),
        ("power_w=1,x=2,y=3i", None),
        ("x=2", "no field of ours"),
        ("power_w=1,x=true", "no number"),
        ('power_w=1,x"=2', "a quote in a name"),
        ("power_w=1e3", "an exponent"),
        ("power_w=nan", "no number"),
        ("power_w=0x10", "no number"),
        ("power_w=", "nothing"),
        ("power_w=1\t", "a tab"),
        ("power_w=1i5", "a letter within"),
        ("power_w=1-2", "a sign within"),
        ("power_w=1,power=2", "the same twice"),
        ('power_w="1"', "a text"),
    ],
)
def test_what_is_surely_a_table_is_read_as_one_and_nothing_else(fields: str, why_not: str | None) -> None:
    payload = "".join(f"m,site=s{n} {fields} {NOW_MS + n}000000\n" for n in range(50)).encode()
    assert (influx_line.in_grid(payload, Envelope(NOW_MS)) is None) == (why_not is not None)
    lines_agree(payload, Envelope(NOW_MS))


def test_a_large_body_of_lines_that_are_not_all_alike_is_still_read_as_columns() -> None:
    lines = [f"m,site=s{n} power_w={n} {NOW_MS}000000\n" for n in range(4000)]
    lines[2000] = lines[2000].replace("power_w", "voltage_v=1,power_w")
    payload = "".join(lines).encode()
    assert len(payload) > influx_grid.LEAST_BYTES
    assert influx_line.in_grid(payload, Envelope(NOW_MS)) is None
    assert influx_line.in_columns(payload, Envelope(NOW_MS)) is not None
    lines_agree(payload, Envelope(NOW_MS))


@pytest.mark.parametrize("read", [influx_line.in_columns, influx_line.in_grid])
@pytest.mark.parametrize("most_bytes", [0, 60, 10_000])
def test_what_is_remembered_of_series_has_a_bound(most_bytes, read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influx_series, "MOST_BYTES", most_bytes)
    remembered = influx_series._Remembered()
    monkeypatch.setattr(influx_series, "_remembered", remembered)
    for n in range(30):
        payload = f"m,site=home-{n:02} power_w=1 {NOW_MS}000000".encode()
        assert read(payload, Envelope(NOW_MS)) is not None
        assert sum(len(text) for texts in remembered._known for text in texts) <= most_bytes
    if read is influx_line.in_columns:  # full: all anew
        assert len(remembered._known) == {0: 0, 60: 30 % 4, 10_000: 30}[most_bytes]
    else:
        assert (most_bytes == 10_000) == (len(remembered._known) == 30)


@pytest.mark.parametrize("field", ["x", "power_kw"])
def test_a_number_beyond_all_floats_means_the_same_both_ways(field: str) -> None:
    for digits in (308, 400):
        line = f"m,site=home power_w=1,{field}={'9' * digits} {NOW_MS}000000\n"
        lines_agree(line.encode() * 2, Envelope(NOW_MS))


def test_all_four_bulk_formats_can_be_written_as_well_as_read() -> None:
    assert set(ENCODERS) >= {chowon_json, chowon_binary, influx_line, arrow_stream}


def test_the_registry_finds_every_decoder_but_the_blueprint() -> None:
    names = {decoder.name for decoder in registry.found().decoders}
    assert names == {decoder.name for decoder in DECODERS} - {"blueprint"}
