"""What is special to one format; what holds for all stands in tests/laws/test_meters_laws.py."""

import time

import numpy as np
import pyarrow as pa
import pytest

from chowon.domain.quantities import ABSENT_I64
from chowon.domain.sites import ChannelKey
from chowon.errors import Misconfigured, NotFound, PayloadRejected
from chowon.meters import arrow_stream, chowon_binary, chowon_json, influx_line
from chowon.meters.decoded import MAX_PROBLEMS, Decoded, Envelope, joined
from chowon.meters.registry import Registry, found
from tests.ingest_fakes import NOW_MS

HTTP = Envelope(NOW_MS)
MQTT = Envelope(NOW_MS, "home", "main")


def _json(text: str, envelope: Envelope = MQTT) -> Decoded:
    return chowon_json.DECODER.decode(text.encode(), envelope)


def _lines(text: str, precision: str = "ns") -> Decoded:
    return influx_line.DECODER.decode(text.encode(), Envelope(NOW_MS, precision=precision))


def _arrow(table: pa.Table, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


# JSON


def test_meter_and_channel_are_main_when_left_out() -> None:
    decoded = _json(f'{{"readings":[{{"site":"a","time":{NOW_MS},"power_w":1}}]}}', HTTP)
    assert decoded.keys == (ChannelKey("a", "main", "main"),)


def test_a_site_that_contradicts_the_topic_is_refused() -> None:
    decoded = _json(f'{{"site":"other","time":{NOW_MS},"power_w":1}}')
    assert len(decoded) == 0
    assert decoded.problems[0].where == "reading.site"
    assert "'home'" in decoded.problems[0].expected


def test_capital_letters_in_a_name_are_refused_not_lowered() -> None:
    decoded = _json(f'{{"channel":"Main","time":{NOW_MS},"power_w":1}}')
    assert [p.where for p in decoded.problems] == ["reading.channel"]


def test_a_misspelt_field_is_named_with_what_was_meant() -> None:
    (problem,) = _json(f'{{"time":{NOW_MS},"voltage":220,"power_w":1}}').problems
    assert problem.where == "reading.voltage"
    assert "'voltage_v'" in problem.expected


def test_every_problem_of_a_reading_is_named_at_once() -> None:
    problems = _json('{"time":"noon","power_w":true,"voltage_v":-1,"import_wh":"5","site":"HOME"}').problems
    assert {p.where for p in problems} == {
        f"reading.{name}" for name in ("time", "power_w", "voltage_v", "import_wh", "site")
    }


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1e9", "-200000000.1"])
def test_numbers_out_of_range_are_refused_and_their_neighbours_kept(number: str) -> None:
    decoded = _json(f'[{{"time":{NOW_MS},"power_w":{number}}},{{"time":{NOW_MS},"power_w":5}}]')
    assert decoded.columns["power_dw"].tolist() == [50]
    assert [p.where for p in decoded.problems] == ["[0].power_w"]


@pytest.mark.parametrize("time", ["-1", "946684799999", "99999999999999999999999", str(NOW_MS + 86_400_001)])
def test_stamps_before_2000_and_past_tomorrow_are_refused(time: str) -> None:
    decoded = _json(f'[{{"time":{time},"power_w":1}},{{"time":{NOW_MS},"power_w":5}}]')
    assert decoded.time_ms.tolist() == [NOW_MS]
    assert [p.where for p in decoded.problems] == ["[0].time"]


def test_a_time_without_offset_is_refused() -> None:
    decoded = _json('{"time":"2026-11-23T09:00:00","power_w":1}')
    assert [p.where for p in decoded.problems] == ["reading.time"]
    assert "offset" in decoded.problems[0].expected


def test_an_iso_time_keeps_its_milliseconds() -> None:
    assert _json('{"time":"2026-01-01T00:00:00.123+09:00","power_w":1}').time_ms.tolist() == [1767193200123]


def test_a_reading_without_a_measured_value_is_refused() -> None:
    decoded = _json(f'{{"time":{NOW_MS},"power_w":null}}')
    assert len(decoded) == 0
    assert decoded.problems[0].found == "no quantity"


def test_an_empty_list_is_nothing_wrong() -> None:
    decoded = _json("[]")
    assert (len(decoded), decoded.rejected) == (0, 0)


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"time":' * 5000, b"online"])
def test_what_is_no_json_is_rejected_whole(payload: bytes) -> None:
    with pytest.raises(PayloadRejected, match="not JSON"):
        chowon_json.DECODER.decode(payload, MQTT)


def test_many_problems_are_counted_but_not_all_listed() -> None:
    decoded = _json("[" + ",".join(['{"time":1,"power_w":1}'] * 5000) + "]")
    assert decoded.rejected == 5000
    assert len(decoded.problems) == MAX_PROBLEMS + 1
    assert decoded.problems[-1].found == "4900 more problems"


# Line protocol


@pytest.mark.parametrize(
    ("precision", "stamp"),
    [("ns", NOW_MS * 10**6 + 999_999), ("us", NOW_MS * 1000 + 999), ("ms", NOW_MS), ("s", NOW_MS // 1000)],
)
def test_each_precision_gives_the_same_instant(precision: str, stamp: int) -> None:
    assert _lines(f"meter,site=a power=1 {stamp}", precision).time_ms.tolist() == [NOW_MS]


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(PayloadRejected, match="precision"):
        _lines("meter,site=a power=1", "fortnight")


def test_a_line_without_timestamp_gets_the_receive_time() -> None:
    assert _lines("meter,site=a power=1").time_ms.tolist() == [NOW_MS]


def test_bad_lines_are_named_by_number_and_good_ones_kept() -> None:
    decoded = _lines('meter,site=a power=1\n\n# note\nbroken\nmeter,site=a power=2\nmeter,site=a power="x"\n')
    assert decoded.columns["power_dw"].tolist() == [10, 20]
    assert [p.where for p in decoded.problems] == ["line 4", "line 6, field power"]


def test_a_text_over_several_lines_does_not_shift_the_numbers() -> None:
    decoded = _lines('meter,site=a note="one\ntwo",power=1\nbad\n')
    assert len(decoded) == 1
    assert [p.where for p in decoded.problems] == ["line 3"]


def test_an_unclosed_quote_costs_only_its_line() -> None:
    decoded = _lines('meter,site=a note="oops,power=1\nmeter,site=a note="fine",power=2\n')
    assert decoded.columns["power_dw"].tolist() == [20]
    assert [p.where for p in decoded.problems] == ["line 1"]


def test_escapes_in_tags_fields_and_texts_are_read() -> None:
    line = (
        r'my\,meter,site=a,note=x\ y\=z,channel=c-1 odd\ field="a \"b\", c=d \\",power=1i 1795400000000000000'
    )
    decoded = _lines(line + "\n" + r"meter,site=a,channel=c\ 1 power=1")
    assert decoded.problems[0].where == "line 1.meter"
    assert decoded.problems[0].found == "'my,meter'"
    assert decoded.problems[1].where == "line 2.channel"
    assert decoded.problems[1].found == "'c 1'"
    assert _lines(line.replace(r"my\,meter", "m")).keys == (ChannelKey("a", "m", "c-1"),)


@pytest.mark.parametrize("value", ["1", "1i", "1u", "1.", "+1.0", "10e-1", "1E0"])
def test_every_way_to_write_a_number_is_read(value: str) -> None:
    assert _lines(f"meter,site=a power={value}").columns["power_dw"].tolist() == [10]


@pytest.mark.parametrize("value", ["nan", "inf", "1_0", "0x1", "1f", "--1", "true", '"1"', "i", "."])
def test_what_is_no_number_is_refused(value: str) -> None:
    assert _lines(f"meter,site=a power={value}").rejected == 1


def test_kilowatt_hours_become_watt_hours() -> None:
    assert _lines("meter,site=a energy=14.834").columns["import_milliwh"].tolist() == [14_834_000]


def test_the_tag_names_the_meter_before_the_measurement_does() -> None:
    keys = _lines("plug,site=a power=1\nplug,site=a,meter=b power=1\nmeter,site=a power=1").keys
    assert [key.meter for key in keys] == ["plug", "b", "main"]


def test_a_line_without_site_says_so() -> None:
    assert [p.where for p in _lines("meter power=1").problems] == ["line 1.site"]


# Arrow


def test_arrow_names_may_be_plain_texts_or_dictionaries() -> None:
    names = pa.array(["a", "b", "a"])
    columns = {"time": pa.array([NOW_MS] * 3), "power_w": pa.array([1, 2, 3], pa.int16())}
    plain = arrow_stream.DECODER.decode(_arrow(pa.table({**columns, "site": names})), HTTP)
    coded = arrow_stream.DECODER.decode(
        _arrow(pa.table({**columns, "site": names.dictionary_encode()})), HTTP
    )
    assert plain.keys == coded.keys == (ChannelKey("a", "main", "main"), ChannelKey("b", "main", "main"))
    assert plain.key_index.tolist() == coded.key_index.tolist() == [0, 1, 0]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_arrow_stamps_of_every_unit_are_read(unit: str) -> None:
    time = pa.array([NOW_MS], pa.timestamp("ms")).cast(pa.timestamp(unit, "Asia/Seoul"))
    decoded = arrow_stream.DECODER.decode(
        _arrow(pa.table({"time": time, "power_w": [1.0], "site": ["a"]})), HTTP
    )
    assert decoded.time_ms.tolist() == [NOW_MS]


def test_an_arrow_stream_of_very_many_columns_is_refused_in_time() -> None:
    """Columns were once compared with one another: 4 s for this stream, hours for the longest body."""
    payload = _arrow(pa.table({f"c{n}": pa.array([], pa.int8()) for n in range(8000)}))
    start_s = time.process_time()
    with pytest.raises(PayloadRejected) as refused:
        arrow_stream.DECODER.decode(payload, HTTP)
    assert time.process_time() - start_s < 1
    assert len(refused.value.problems) <= MAX_PROBLEMS + 1


def test_very_many_arrow_batches_of_a_large_dictionary_are_refused_in_time() -> None:
    """Small batches made the whole dictionary be looked through again and again."""
    site = pa.DictionaryArray.from_arrays(
        pa.array([5] * 3000, pa.int32()), pa.array([f"home-{n}" for n in range(100_000)])
    )
    table = pa.table({"time": pa.array([NOW_MS] * 3000), "site": site, "power_w": pa.array([1.0] * 3000)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    with pytest.raises(PayloadRejected, match="fewer and larger"):
        arrow_stream.DECODER.decode(sink.getvalue().to_pybytes(), HTTP)


def test_arrow_columns_that_cannot_be_used_are_all_named() -> None:
    table = pa.table({"time": ["noon"], "site": [3], "power_w": ["5"], "powr": [1.0]})
    with pytest.raises(PayloadRejected) as refused:
        arrow_stream.DECODER.decode(_arrow(table), HTTP)
    wheres = [p.where for p in refused.value.problems]
    assert wheres == ["column 'time'", "column 'site'", "column 'power_w'", "column 'powr'"]


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
@pytest.mark.parametrize("coded", [False, True])
def test_arrow_buffers_that_could_be_a_bomb_are_refused_unopened(codec: str, coded: bool) -> None:
    site = pa.array(["a" * 60] * 1000)
    table = pa.table(
        {"time": [NOW_MS] * 1000, "site": site.dictionary_encode() if coded else site, "power_w": [1] * 1000}
    )
    with pytest.raises(PayloadRejected, match="compressed buffers"):
        arrow_stream.DECODER.decode(_arrow(table, compression=codec), HTTP)


def test_an_arrow_null_time_is_refused_by_row() -> None:
    table = pa.table({"time": pa.array([NOW_MS, None]), "site": ["a", "a"], "power_w": [1, 2]})
    decoded = arrow_stream.DECODER.decode(_arrow(table), HTTP)
    assert len(decoded) == 1
    assert [p.where for p in decoded.problems] == ["row 1.time"]


# Binary


def _batch(n: int) -> Decoded:
    times = NOW_MS - 1000 * np.arange(n, dtype=np.int64)[::-1]
    columns = {"power_dw": np.arange(n, dtype=np.int32), "voltage_dv": np.full(n, 2200, np.int32)}
    return Decoded((ChannelKey("home", "main", "main"),), np.zeros(n, np.uint32), times, columns)


def test_a_binary_batch_of_seconds_takes_four_bytes_a_reading() -> None:
    assert len(chowon_binary.encode(_batch(3600), MQTT)) / 3600 < 4.1


def test_any_flipped_bit_of_a_binary_batch_is_seen() -> None:
    payload = chowon_binary.encode(_batch(3), MQTT)
    for bit in range(8 * len(payload)):
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PayloadRejected):
            chowon_binary.DECODER.decode(bytes(damaged), MQTT)


def test_a_binary_batch_that_claims_more_than_it_holds_takes_no_memory() -> None:
    head = chowon_binary._HEADER.pack(chowon_binary.MAGIC, 1, 1, 1, 2**32 - 1)
    body = head + b"\x04main" + bytes(20)
    with pytest.raises(PayloadRejected, match="number of readings"):
        chowon_binary.DECODER.decode(_with_crc(body), MQTT)


def test_a_binary_batch_of_the_next_version_is_refused_with_the_version() -> None:
    payload = bytearray(chowon_binary.encode(_batch(1), MQTT))
    payload[4] = 2
    with pytest.raises(PayloadRejected, match="version 2"):
        chowon_binary.DECODER.decode(bytes(payload), MQTT)


def _with_crc(body: bytes) -> bytes:
    import zlib

    return body + zlib.crc32(body).to_bytes(4, "little")


# Joining and finding


def test_joined_batches_share_channels_and_fill_what_is_absent() -> None:
    one = _json(f'{{"time":{NOW_MS},"power_w":1}}')
    two = _json(f'[{{"time":{NOW_MS},"import_wh":2,"channel":"b"}},{{"time":{NOW_MS},"power_w":3}}]')
    both = joined([one, two])
    assert [key.channel for key in both.keys] == ["main", "b"]
    assert both.key_index.tolist() == [0, 1, 0]
    assert both.columns["import_milliwh"].tolist() == [ABSENT_I64, 2000, ABSENT_I64]


def test_the_topic_and_the_first_bytes_choose_the_decoder() -> None:
    registry = found()
    binary, envelope = registry.of_message("chowon/v1/home/main", b"CHWN\x01", NOW_MS)
    assert binary.name == "chowon-binary"
    assert (envelope.site, envelope.meter) == ("home", "main")
    assert registry.of_message("chowon/v1/home/main", b'{"a":1}', NOW_MS)[0].name == "chowon-json"
    assert registry.topic_filters.count("chowon/v1/+/+") == 1
    with pytest.raises(NotFound, match="no decoder for topic"):
        registry.of_message("chowon/v1/home/main/more", b"", NOW_MS)


def test_content_types_are_found_without_their_parameters() -> None:
    assert found().of_content_type("Application/JSON; charset=utf-8").name == "chowon-json"
    with pytest.raises(NotFound, match="send one of"):
        found().of_content_type("image/png")


def test_two_decoders_for_one_content_type_are_a_mistake_told_at_the_start() -> None:
    class Other(chowon_json.ChowonJson):
        name = "other"

    with pytest.raises(Misconfigured, match="both claim application/json"):
        Registry([chowon_json.DECODER, Other()])
