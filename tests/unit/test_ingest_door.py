"""From a body to an answer: names, counts, dialects, and bodies made to hurt."""

import asyncio
import gzip
import json
import zlib

import pytest

from chowon.domain.sites import ChannelKey
from chowon.errors import PayloadRejected, PayloadTooLarge
from chowon.ingest.door import decoded
from chowon.ingest.http_writes import Answer, inflated, write_lines, write_readings
from chowon.ingest.ledger import MAX_SOURCES, OTHERS, PER_PAYLOAD, RECENT, Ledger
from chowon.ingest.naming import REFUSED_MS, NamingPolicy
from chowon.ingest.pipeline import QueueLimits
from chowon.meters import arrow_stream, chowon_json
from chowon.meters.decoded import Decoded, Envelope
from tests.ingest_fakes import NOW_MS, Intake, MemorySites, disk_full

LINE = f"meter,site=home power=812.5 {NOW_MS}000000\n"
BAD_LINE = "meter,site=home power=lots\n"


def _body(*powers: object) -> bytes:
    rows = [{"site": "home", "time": NOW_MS - 1000 * n, "power_w": p} for n, p in enumerate(powers)]
    return json.dumps({"readings": rows}).encode()


async def _post(intake: Intake, body: bytes, now_ms: int = NOW_MS, **how: str) -> Answer:
    how.setdefault("content_type", "application/json")
    return await write_readings(intake.door, body, now_ms=now_ms, **how)


def test_readings_are_answered_with_their_number_once_durable() -> None:
    async def scene(intake: Intake) -> None:
        answer = await _post(intake, _body(1, 2, 3))
        assert (answer.status, json.loads(answer.body)) == (
            200,
            {"accepted": 3, "rejected_count": 0, "rejected": []},
        )
        assert intake.journal.readings.power_dw is not None
        assert intake.journal.readings.power_dw.tolist() == [10, 20, 30]

    Intake().run(scene)


def test_good_readings_are_kept_when_others_are_bad() -> None:
    async def scene(intake: Intake) -> None:
        answer = await _post(intake, _body(1, "abc", 3))
        body = json.loads(answer.body)
        assert (answer.status, body["accepted"]) == (200, 2)
        assert body["rejected"] == [
            {
                "where": "readings[1].power_w",
                "found": "'abc'",
                "expected": "a number of W, −200 000 000 … 200 000 000",
            }
        ]
        assert intake.ledger.rejected_readings == 1
        assert [p.source for p in intake.ledger.recent_problems()] == ["http"]

    Intake().run(scene)


def test_with_nothing_good_the_answer_is_422_and_nothing_is_written() -> None:
    async def scene(intake: Intake) -> None:
        for body in (_body("abc"), b"{"):
            answer = await _post(intake, body)
            assert answer.status == 422
            assert json.loads(answer.body)["error"]["problems"]
        assert intake.journal.appends == 0
        assert intake.ledger.rejected_payloads == 2

    Intake().run(scene)


def test_an_unknown_content_type_is_415_and_says_what_is_known() -> None:
    async def scene(intake: Intake) -> None:
        answer = await _post(intake, b"x", content_type="image/png")
        assert answer.status == 415
        assert "application/json" in json.loads(answer.body)["error"]["message"]

    Intake().run(scene)


def test_arrow_and_json_bodies_end_in_the_same_readings() -> None:
    async def scene(intake: Intake) -> None:
        readings = chowon_json.DECODER.decode(_body(1, 2), Envelope(NOW_MS))
        answer = await _post(intake, arrow_stream.encode(readings), content_type=arrow_stream.CONTENT_TYPE)
        assert answer.status == 200
        assert intake.journal.readings.power_dw is not None
        assert intake.journal.readings.power_dw.tolist() == [10, 20]

    Intake().run(scene)


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_an_unavailable_store_is_503_with_retry_after_in_every_dialect(dialect: str) -> None:
    async def scene(intake: Intake) -> None:
        intake.journal.fail_with = disk_full()
        answer = await write_lines(intake.door, LINE.encode(), dialect=dialect, now_ms=NOW_MS)  # type: ignore[arg-type]
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        answer = await _post(intake, _body(1))
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "no space left" in json.loads(answer.body)["error"]["message"]

    Intake().run(scene)


def test_a_full_queue_is_503_and_the_same_body_is_taken_later() -> None:
    async def scene(intake: Intake) -> None:
        intake.journal.hold()
        first = asyncio.create_task(_post(intake, _body(1, 2)))
        await intake.written()
        assert (await _post(intake, _body(3))).status == 503
        intake.journal.release()
        assert (await first).status == 200
        assert (await _post(intake, _body(3))).status == 200

    Intake(limits=QueueLimits(max_readings=2)).run(scene)


def test_lines_are_answered_in_the_dialect_asked() -> None:
    async def scene(intake: Intake) -> None:
        async def write(dialect: str, text: str) -> tuple[int, dict[str, str]]:
            answer = await write_lines(intake.door, text.encode(), dialect=dialect, now_ms=NOW_MS)  # type: ignore[arg-type]
            return answer.status, json.loads(answer.body or b"{}")

        assert await write("v1", LINE) == (204, {})
        assert await write("v2", LINE) == (204, {})
        status, body = await write("v1", LINE + BAD_LINE)
        assert status == 400
        assert body["error"].startswith("partial write: line 2, field power")
        assert body["error"].endswith("dropped=1")
        status, body = await write("v2", LINE + BAD_LINE)
        assert (status, body["code"]) == (422, "unprocessable entity")
        assert "line 2" in body["message"]
        status, body = await write("v2", BAD_LINE)
        assert (status, body["code"]) == (400, "invalid")
        status, body = await write("v1", "garbage")
        assert status == 400
        assert "line 1" in body["error"]
        assert await write("v2", "") == (204, {})
        assert len(intake.journal.readings) == 4

    Intake().run(scene)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP"])
def test_compressed_lines_are_read(encoding: str) -> None:
    packed = zlib.compress(LINE.encode()) if encoding == "deflate" else gzip.compress(LINE.encode())

    async def scene(intake: Intake) -> None:
        answer = await write_lines(
            intake.door, packed, dialect="v2", content_encoding=encoding, now_ms=NOW_MS
        )
        assert answer.status == 204

    Intake().run(scene)


def test_a_zip_bomb_is_refused_without_being_unpacked() -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)

    async def scene(intake: Intake) -> None:
        answer = await write_lines(intake.door, bomb, dialect="v2", content_encoding="gzip", now_ms=NOW_MS)
        assert answer.status == 413
        assert (await _post(intake, bomb, content_encoding="gzip")).status == 413

    Intake().run(scene)


def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    for pack, encoding in ((bytes, ""), (gzip.compress, "gzip")):
        assert inflated(pack(b"x" * 100), encoding, 100) == b"x" * 100
        with pytest.raises(PayloadTooLarge):
            inflated(pack(b"x" * 101), encoding, 100)


def test_several_gzip_members_are_one_body_but_not_any_number_of_them() -> None:
    assert inflated(gzip.compress(b"a") + gzip.compress(b"b"), "gzip") == b"ab"
    with pytest.raises(PayloadRejected):
        inflated(gzip.compress(b"") * 100_000, "gzip")


@pytest.mark.parametrize(
    "body",
    [b"not gzip", gzip.compress(LINE.encode())[:-9], gzip.compress(b"x") + b"rest"],
    ids=["no gzip", "cut short", "more behind it"],
)
def test_broken_compression_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(PayloadRejected, match="decompressed"):
        inflated(body, "gzip")


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(PayloadRejected, match="encoding"):
        inflated(b"x", "br")


def test_a_known_name_is_asked_for_once() -> None:
    async def scene(intake: Intake) -> None:
        for _ in range(3):
            await _post(intake, _body(1))
        assert intake.sites.questions == 1
        assert list(intake.sites.channels) == [ChannelKey("home", "main", "main")]

    Intake().run(scene)


def test_many_writers_with_the_same_new_name_register_it_once() -> None:
    async def scene(intake: Intake) -> None:
        answers = await asyncio.gather(*(_post(intake, _body(n)) for n in range(10)))
        assert {a.status for a in answers} == {200}
        assert set(intake.journal.readings.channel.tolist()) == {1}

    Intake().run(scene)


def test_without_registration_an_unknown_channel_is_refused_and_a_known_one_kept() -> None:
    async def scene(intake: Intake) -> None:
        mixed = LINE + LINE.replace("home", "elsewhere")
        answer = await write_lines(intake.door, mixed.encode(), dialect="v2", now_ms=NOW_MS)
        assert answer.status == 422
        assert "elsewhere/main/main" in json.loads(answer.body)["message"]
        assert len(intake.journal.readings) == 1

    policy = NamingPolicy(auto_register=False)
    Intake(MemorySites(ChannelKey("home", "main", "main")), policy).run(scene)


def test_registration_stops_at_its_limit_and_says_so() -> None:
    async def scene(intake: Intake) -> None:
        text = "".join(LINE.replace("home", f"home-{n}") for n in range(5))
        answer = await write_lines(intake.door, text.encode(), dialect="v1", now_ms=NOW_MS)
        message = json.loads(answer.body)["error"]
        assert message.endswith("dropped=2")
        assert "max_channels" in message
        assert len(intake.sites.channels) == 3

    Intake(policy=NamingPolicy(max_channels=3)).run(scene)


def test_a_channel_registered_later_is_found_a_moment_after() -> None:
    async def scene(intake: Intake) -> None:
        assert (await _post(intake, _body(1))).status == 422
        intake.sites.register(ChannelKey("home", "main", "main"), 10_000)
        assert (await _post(intake, _body(1), now_ms=NOW_MS + REFUSED_MS)).status == 200

    Intake(policy=NamingPolicy(auto_register=False)).run(scene)


def test_accepted_readings_are_counted_by_channel() -> None:
    async def scene(intake: Intake) -> None:
        await _post(intake, _body(1, 2, 3))
        await write_lines(intake.door, LINE.replace("home", "b").encode(), dialect="v1", now_ms=NOW_MS + 5)
        counts = [(c.channel, c.accepted, c.last_received_ms) for c in intake.ledger.of_channels()]
        assert counts == [(1, 3, NOW_MS), (2, 1, NOW_MS + 5)]

    Intake().run(scene)


def test_the_ledger_stays_small_whatever_comes() -> None:
    bad = chowon_json.DECODER.decode(b"[" + b",".join([b"1"] * 500) + b"]", Envelope(NOW_MS))
    ledger = Ledger()
    for n in range(MAX_SOURCES + 50):
        ledger.rejected(f"topic/{n}", bad.problems, 1, NOW_MS)
    assert len(ledger.recent_problems()) == RECENT
    assert len({p.source for p in ledger.recent_problems()}) == RECENT // PER_PAYLOAD
    assert len(ledger.rejected_by_source()) == MAX_SOURCES + 1
    assert ledger.rejected_by_source()[OTHERS] == 50


def test_a_decoder_with_a_bug_costs_only_its_payload(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(chowon_json.ChowonJson):
        def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
            raise ZeroDivisionError

    with pytest.raises(PayloadRejected, match="ZeroDivisionError in decoder 'chowon-json'"):
        decoded(Broken(), b"{}", Envelope(NOW_MS))
    assert "failed on a payload of 2 bytes" in caplog.text
