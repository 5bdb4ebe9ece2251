"""emonCMS's way in: from parameters to its answers, and to readings of placed devices."""

import json
from urllib.parse import urlencode

import pytest

from chowon.domain.sites import ChannelKey, Placement
from chowon.ingest.emoncms_writes import key_in, write_inputs
from chowon.ingest.naming import Naming
from chowon.meters import emoncms
from chowon.meters.decoded import Decoded, Envelope
from tests.ingest_fakes import NOW_MS, Intake, MemoryDevices, disk_full

NOW_S = NOW_MS // 1000


def decoded(**parameters: object) -> Decoded:
    return emoncms.DECODER.decode(urlencode(parameters).encode(), Envelope(NOW_MS))


def times(data: str, **parameters: object) -> list[int]:
    return [(t - NOW_MS) // 1000 for t in decoded(data=data, **parameters).time_ms.tolist()]


def placed(intake: Intake, device: str, channel: str = "1") -> None:
    """This device channel becomes home/main/main."""
    feeds = intake.sites.register(ChannelKey("home", "main", "main"), 10_000)
    devices = MemoryDevices()
    devices.place([Placement(ChannelKey("~emon", device, channel), feeds)])
    intake.door.naming = Naming(intake.sites, devices=devices)


def test_the_four_ways_of_telling_the_time_of_many_items():
    data = "[[-10,16,1],[-6,16,2]]"
    assert times("[[0,16,1],[2,16,2],[4,16,3]]") == [-4, -2, 0]
    assert times(data, offset=-10) == [0, 4]
    assert times(data, time=NOW_S - 100) == [-110, -106]
    assert times("[[520,16,1],[535,16,2]]", sentat=543) == [-23, -8]


def test_a_batch_that_is_sent_again_later_makes_the_same_readings():
    data = json.dumps([[NOW_S - 50 + 0.25, "pi", 100], [NOW_S - 40, "pi", 110]])
    first, again = decoded(data=data, sentat=NOW_S), decoded(data=data, sentat=NOW_S - 7)
    assert first.time_ms.tolist() == again.time_ms.tolist() == [NOW_MS - 49_750, NOW_MS - 40_000]


def test_items_of_one_node_and_instant_are_one_reading():
    found = decoded(data='[[0,"a",{"power1":5}],[0,"a",{"wh1":7}]]')
    assert len(found) == 1
    assert {name: column.tolist() for name, column in found.columns.items()} == {
        "power_dw": [50],
        "import_milliwh": [7000],
    }


@pytest.mark.parametrize(
    "parameters",
    [
        b"",
        b"node=1",
        b"fulljson=[1]",
        b"fulljson={",
        b"csv=1,x",
        b"json={power1}",
        b"data=[",
        b"data=[]&sentat=1",
        b"data=[[%22x%22,1,2]]",
        b"data=[[0,1,2]]&sentat=soon",
        b"node=a&csv=1&time=yesterday",
        b"\xff",
        b"&".join(b"x=1" for _ in range(100)),
        b"data=" + b"[" * 5000,
    ],
)
def test_what_cannot_be_read_is_told_with_status_200(parameters):
    async def scene(intake: Intake) -> None:
        answer = await write_inputs(intake.door, parameters, now_ms=NOW_MS)
        assert answer.status == 200
        told = json.loads(answer.body)
        assert told["success"] is False
        assert "expected" in told["message"]
        assert intake.ledger.rejected_payloads == 1

    Intake().run(scene)


def test_full_json_is_answered_in_json_and_all_else_with_ok():
    async def scene(intake: Intake) -> None:
        placed(intake, "pi")
        for parameters, answer in (
            (b'node=pi&fulljson={"power1":1}', b'{"success": true}'),
            (b"node=pi&json={power1:1}", b"ok"),
            (b"node=pi&csv=1", b"ok"),
            (b"data=[[0,%22pi%22,1]]", b"ok"),
        ):
            assert (await write_inputs(intake.door, parameters, now_ms=NOW_MS)).body == answer
        assert intake.journal.readings.power_dw is not None
        assert intake.journal.readings.power_dw.tolist() == [10] * 4

    Intake().run(scene)


def test_a_value_that_nobody_can_use_does_not_make_the_sender_come_again():
    async def scene(intake: Intake) -> None:
        answer = await write_inputs(intake.door, b"node=pi&csv=1e12", now_ms=NOW_MS)
        assert answer.body == b"ok"
        assert [p.source for p in intake.ledger.recent_problems()] == ["emoncms"]

    Intake().run(scene)


def test_a_node_without_a_place_is_heard_and_not_stored():
    async def scene(intake: Intake) -> None:
        assert (await write_inputs(intake.door, b"node=EmonPi&csv=7,8", now_ms=NOW_MS)).body == b"ok"
        (heard,) = intake.door.naming.talking.devices()
        assert (heard.family, heard.device, sorted(heard.channels)) == ("emon", "emonpi", ["1", "2"])
        assert intake.journal.appends == 0

    Intake().run(scene)


def test_when_nothing_is_taken_the_sender_is_told_to_come_again():
    async def scene(intake: Intake) -> None:
        placed(intake, "pi")
        intake.journal.fail_with = disk_full()
        answer = await write_inputs(intake.door, b"node=pi&csv=1", now_ms=NOW_MS)
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0

    Intake().run(scene)


def test_the_key_is_found_wherever_it_stands():
    assert key_in(b"node=1&apikey=a%2Db") == "a-b"
    assert key_in(b"apikey=first&x=1&apikey=last") == "last"
    assert key_in(b"node=1&myapikey=x") is None
