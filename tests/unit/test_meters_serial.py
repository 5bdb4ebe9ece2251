"""Serial meters: streams cut at any place, damaged telegrams, register maps and SunSpec models."""

import struct
from itertools import pairwise
from pathlib import Path

import pytest
from dsmr_parser.parsers import TelegramParser
from hypothesis import given
from hypothesis import strategies as st
from smllib.crc import x25

from chowon.errors import MeterMisconfigured, NotFound, PayloadRejected
from chowon.meters import dsmr, framing, sml, sunspec
from chowon.meters.decoded import Decoder, Envelope
from chowon.meters.framing import Framer
from chowon.meters.register_files import RegisterMaps, parse
from chowon.meters.register_map import Block, RegisterMap, RegisterValue, answered, blocks, values_of

RECORDINGS = Path(__file__).parents[1] / "recordings"
ENVELOPE = Envelope(1_795_438_800_000, "home", "grid")
TELEGRAMS = [path.read_bytes() for path in sorted((RECORDINGS / "dsmr-p1").glob("*.payload"))]
FILES = [path.read_bytes() for path in sorted((RECORDINGS / "sml").glob("*.payload"))]


def _fed(framer: Framer, stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [found for a, b in pairwise(edges) for found in framer.feed(stream[a:b])]


@pytest.mark.parametrize(("framer", "whole"), [(framing.dsmr_framer, TELEGRAMS), (framing.sml_framer, FILES)])
@given(cuts=st.lists(st.integers(0, 10_000), max_size=20), lead=st.binary(max_size=40))
def test_a_stream_gives_its_payloads_wherever_it_is_cut(framer, whole, cuts, lead):
    lead = lead.translate(None, b"/\x1b!")
    stream = lead + b"".join(whole[n % len(whole)] for n in range(4))
    found = _fed(framer(), stream, cuts)
    assert [frame.strip() for frame in found] == [whole[n % len(whole)].strip() for n in range(4)]


@pytest.mark.parametrize(("framer", "whole"), [(framing.dsmr_framer, TELEGRAMS), (framing.sml_framer, FILES)])
def test_a_payload_whose_end_was_lost_costs_only_itself(framer, whole):
    stream = whole[0][: len(whole[0]) // 2] + b"\r\n" + whole[1]
    assert [frame.strip() for frame in framer().feed(stream)] == [whole[1].strip()]


@pytest.mark.parametrize("framer", [framing.dsmr_framer, framing.sml_framer])
def test_noise_for_ever_takes_no_memory(framer):
    one = framer()
    for n in range(200):
        assert one.feed(bytes(range(256)).replace(b"!", b"") * 8 + sml.START[: n % 8]) == []
    assert len(one._held) <= max(dsmr.MOST_BYTES, sml.MOST_BYTES) + 4096
    assert one.passed_over > 200 * 1024


def _refused_or_checked(decoder: Decoder, payload: bytes) -> None:
    try:
        decoder.decode(payload, ENVELOPE)
    except PayloadRejected as refused:
        if not refused.problems:
            pytest.fail("a payload is refused without a reason")


@given(st.sampled_from(TELEGRAMS), st.data())
def test_a_damaged_telegram_with_a_right_checksum_gives_a_reason_and_nothing_else(telegram, data):
    body = bytearray(telegram[: telegram.index(b"!") + 1])
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(1, len(body) - 2))] = data.draw(st.integers(32, 126))
    text = body.decode("ascii")
    _refused_or_checked(dsmr.DECODER, f"{text}{TelegramParser.crc16(text):04X}\r\n".encode())
    _refused_or_checked(dsmr.DECODER, text.encode() + b"\r\n")


@given(st.sampled_from(FILES), st.data())
def test_a_damaged_file_with_a_right_checksum_gives_a_reason_and_nothing_else(file, data):
    body = bytearray(file[:-2])
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(len(sml.START), len(body) - 6))] = data.draw(st.integers(0, 255))
    crc = x25.get_crc(bytes(body))
    _refused_or_checked(sml.DECODER, bytes(body) + bytes([crc >> 8, crc & 255]))


@pytest.mark.parametrize("number", ["1E244728", "9E999999", "NaN", "sNaN", "Infinity", "-1e20"])
def test_a_number_of_a_telegram_that_nothing_can_hold_is_refused_with_its_name(number):
    with pytest.raises(PayloadRejected, match="ELECTRICITY_USED_TARIFF_1"):
        dsmr.DECODER.decode(f"/x\r\n\r\n1-0:1.8.1({number}*kWh)\r\n!".encode(), ENVELOPE)


def test_the_length_that_a_list_claims_is_not_believed():
    """A list of 2^32 parts, as smllib would make it before it looks for them."""
    claims = b"\x77\x07\x01\x00\x01\x08\x00\xff\x01\x01" + b"\xff" * 7 + b"\x7f"
    body = sml.START + claims + b"\x00" * (-len(claims) % 4) + b"\x1b\x1b\x1b\x1b\x1a\x00"
    crc = x25.get_crc(body)
    with pytest.raises(PayloadRejected, match="more than 15 parts"):
        sml.DECODER.decode(body + bytes([crc >> 8, crc & 255]), ENVELOPE)


def _float(value: float) -> list[int]:
    return list(struct.unpack(">HH", struct.pack(">f", value)))


def test_registers_are_asked_for_in_as_few_blocks_as_modbus_allows():
    values = [RegisterValue("main", "power_w", "input", at, "float32") for at in (0, 12, 100, 118, 400)]
    values.append(RegisterValue("main", "power_w", "holding", 3, "int16", exponent_at=9))
    wanted = blocks(RegisterMap("x", tuple(values)))
    assert wanted == (
        Block("holding", 3, 7),
        Block("input", 0, 14),
        Block("input", 100, 20),
        Block("input", 400, 2),
    )


@given(
    st.lists(st.tuples(st.sampled_from(["input", "holding"]), st.integers(0, 500)), min_size=1, max_size=40)
)
def test_the_blocks_bring_every_register_and_none_is_too_long(places):
    map_ = RegisterMap("x", tuple(RegisterValue("main", "power_w", k, at, "int32") for k, at in places))
    wanted = blocks(map_)
    asked = {(block.kind, block.address + n) for block in wanted for n in range(block.count)}
    assert {(kind, at + n) for kind, at in places for n in (0, 1)} <= asked
    assert max(block.count for block in wanted) <= 125
    assert len(asked) == sum(block.count for block in wanted)


@pytest.mark.parametrize(
    ("type_", "words", "expected"),
    [
        ("int16", [0xFFFE], -2.0),
        ("uint16", [0xFFFE], 65534.0),
        ("int32", [0xFFFF, 0xFFF6], -10.0),
        ("uint32", [1, 0], 65536.0),
        ("uint64", [0, 0, 1, 0], 65536.0),
        ("float32", _float(-1274.5), -1274.5),
        ("float64", list(struct.unpack(">4H", struct.pack(">d", 0.25))), 0.25),
    ],
)
def test_every_type_of_number_is_read_in_both_orders_of_words(type_, words, expected):
    value = RegisterValue("main", "power_w", "input", 7, type_)
    for order, sent in (("big", words), ("little", words[::-1])):
        map_ = RegisterMap("x", (value,), order)
        registers = answered(Block("input", 7, len(sent)), sent)
        assert values_of(map_, registers) == {("main", "power_w"): expected}


def test_what_a_device_marks_as_not_there_is_absent_and_never_zero():
    map_ = RegisterMap(
        "x",
        (
            RegisterValue("main", "power_w", "holding", 0, "int16", exponent_at=1, absent=0x8000),
            RegisterValue("main", "voltage_v", "holding", 2, "float32"),
            RegisterValue("main", "current_a", "holding", 4, "int16", exponent_at=5),
        ),
    )
    words = [0x8000, 0, *struct.unpack(">HH", struct.pack(">f", float("nan"))), 4410, 0xFFFD]
    assert values_of(map_, answered(Block("holding", 0, 6), words)) == {("main", "current_a"): 4.41}


def test_a_sunspec_meter_is_found_among_the_models_and_read_with_its_exponents():
    models = [sunspec.Model(1, 40_002, 66), sunspec.Model(203, 40_070, 105)]
    map_ = sunspec.layout(models)
    assert map_ is not None
    registers = [0] * 107
    for offset, word in {
        2: 553, 3: 441, 4: 112, 5: 0x8000, 6: 0xFFFE,  # amperes, 10^-2
        7: 2305, 8: 2311, 15: 0xFFFF,  # volts, 10^-1
        16: 5001, 17: 0xFFFE,
        18: 0x10000 - 1274, 19: 0x10000 - 1469, 20: 195, 21: 0x8000, 22: 0,  # watts
        28: 0x8000, 29: 0x8000, 30: 0x8000, 31: 0x8000, 32: 0,
        39: 0, 38: 0, 46: 2, 47: 0, 54: 1,  # import 131072 × 10 Wh, no counter of export
    }.items():  # fmt: skip
        registers[offset] = word
    found = values_of(map_, answered(Block("holding", 40_070, 107), registers))
    assert found[("main", "power_w")] == -1274
    assert found[("main-l1", "power_w")] == -1469
    assert found[("main-l1", "voltage_v")] == 231.1
    assert found[("main", "current_a")] == 5.53
    assert found[("main", "frequency_hz")] == 50.01
    assert found[("main", "import_wh")] == 1_310_720
    assert ("main", "export_wh") not in found
    assert ("main-l3", "power_w") not in found
    assert ("main", "reactive_var") not in found


def test_what_an_inverter_makes_is_given_to_the_grid():
    map_ = sunspec.layout([sunspec.Model(113, 40_070, 60)])
    assert map_ is not None
    registers = [0] * 62
    registers[22:24], registers[32:34] = _float(3210.0), _float(1_234_567.0)
    found = values_of(map_, answered(Block("holding", 40_070, 62), registers))
    assert found[("main", "power_w")] == -3210
    assert found[("main", "export_wh")] == 1_234_567


def test_a_device_without_a_meter_has_no_layout():
    assert sunspec.layout([sunspec.Model(1, 40_002, 66), sunspec.Model(64_001, 40_070, 10)]) is None


@pytest.mark.parametrize("name", RegisterMaps().names())
def test_every_register_map_that_comes_along_can_be_used(name):
    map_ = RegisterMaps().load(name)
    assert ("main", "power_w") in {(v.channel, v.field) for v in map_.values}
    assert blocks(map_)


def test_a_map_of_ones_own_comes_first_and_an_unknown_one_is_named(tmp_path):
    (tmp_path / "registers").mkdir()
    own = tmp_path / "registers" / "eastron-sdm120.toml"
    own.write_text('name = "mine"\nsource = "manual"\n[[value]]\nfield = "power_w"\naddress = 5\n')
    maps = RegisterMaps(tmp_path)
    assert maps.load("eastron-sdm120").name == "mine"
    with pytest.raises(NotFound, match="did you mean 'eastron-sdm630'"):
        maps.load("eastron-sdm603")


def test_all_problems_of_a_map_are_told_at_once():
    text = 'name = "x"\n[[value]]\nfield = "power"\naddress = 70000\n[[value]]\nfield = "power_w"\n'
    with pytest.raises(MeterMisconfigured) as refused:
        parse(text, "x.toml")
    said = str(refused.value)
    for expected in (
        "source",
        "value.0.field",
        "did you mean 'power_w'",
        "value.0.address",
        "value.1.address",
    ):
        assert expected in said
