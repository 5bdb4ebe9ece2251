"""The door for EnerTalk meters, over real TLS 1.0 on loopback."""

import asyncio
import socket
import ssl
import stat
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

import pytest

from chowon.domain.sites import Channel, ChannelKey, Placement
from chowon.errors import Misconfigured, StoreUnavailable
from chowon.ingest.enertalk import EnerTalkLimits, EnerTalkListener
from chowon.ingest.enertalk_tls import PEM, client_context, server_context
from chowon.meters import enertalk
from tests.enertalk_meter import DEVICE, SAMPLES, Connection, connected, frame, power_mw
from tests.ingest_fakes import NOW_MS, TIMEOUT_S, Intake, MemoryDevices, disk_full

T = TypeVar("T")
KEY = ChannelKey("~enertalk", DEVICE, "main")
HERE = Channel(1, ChannelKey("home", "main", "main"))


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return server_context(tmp_path_factory.mktemp("key") / PEM)


def intake(placed: bool = True) -> Intake:
    to, devices = Intake(), MemoryDevices()
    if placed:
        devices.place([Placement(KEY, HERE)])
    to.door.naming._devices = devices
    return to


@asynccontextmanager
async def listening(to: Intake, context: ssl.SSLContext, **settings: Any) -> AsyncIterator[EnerTalkListener]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        door = EnerTalkListener(to.door, listener, context, now_ms=lambda: NOW_MS, **settings)
        running = asyncio.create_task(door.run())
        try:
            yield door
        finally:
            door.close()
            await running
    assert not door.stats().listening
    assert door.stats().connections == 0


async def met(door: EnerTalkListener, meter: Callable[[Connection], T]) -> T:
    """What a meter does on a connection of its own, in a thread."""

    def play() -> T:
        with connected(door.address[1]) as connection:
            return meter(connection)

    return await asyncio.to_thread(play)


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not check():  # noqa: ASYNC110 - counters tell nobody when they change
            await asyncio.sleep(0.005)


def test_a_meter_says_hello_sends_and_is_acknowledged_over_tls_1_0(context):
    async def scene(to: Intake) -> None:
        def meter(connection: Connection) -> None:
            assert (connection.version, connection.cipher[0]) == ("TLSv1", "AES256-SHA")
            assert connection.asked(enertalk.hello(DEVICE, 1)) == bytes.fromhex("0380000821000000")
            first = connection.asked(frame(NOW_MS - 2_000, mark=7))
            assert first == bytes.fromhex("0380001027000000") + NOW_MS.to_bytes(8, "big")
            for mark in (8, 0xFF):
                answer = connection.asked(frame(NOW_MS - 1_000, mark=mark))
                assert answer == bytes.fromhex("03800008") + bytes([(mark + 0x20) % 256, 0, 0, 0])

        async with listening(to, context) as door:
            await met(door, meter)
            stats = door.stats()
        assert (stats.frames, stats.acknowledged, stats.last_problem) == (3, 4, None)
        assert [(m.device, m.address, m.frames) for m in stats.meters] == [(DEVICE, "127.0.0.1", 3)]
        readings = to.journal.readings
        assert set(readings.channel.tolist()) == {1}
        assert readings.power_dw is not None
        assert readings.power_dw[0] == round(power_mw(NOW_MS - 2_000).mean() / 100)

    intake().run(scene)


def test_each_sub_sample_is_kept_when_that_is_wanted(context):
    async def scene(to: Intake) -> None:
        async with listening(to, context, samples="each") as door:
            await met(door, lambda connection: connection.asked(frame(NOW_MS)))
        assert len(to.journal.readings) == SAMPLES

    intake().run(scene)


def test_nothing_is_acknowledged_before_it_is_durable(context):
    async def scene(to: Intake) -> None:
        to.journal.hold()
        async with listening(to, context) as door:
            asking = asyncio.create_task(met(door, lambda connection: connection.asked(frame(NOW_MS))))
            await to.written()
            assert (door.stats().frames, door.stats().acknowledged, asking.done()) == (1, 0, False)
            to.journal.release()
            assert len(await asking) == 16

    intake().run(scene)


def test_a_frame_that_the_disk_does_not_take_is_offered_again_until_it_does(context):
    async def scene(to: Intake) -> None:
        to.journal.fail_with = disk_full()
        limits = EnerTalkLimits(first_pause_s=0.001, longest_pause_s=0.001)
        async with listening(to, context, limits=limits) as door:
            asking = asyncio.create_task(met(door, lambda connection: connection.asked(frame(NOW_MS))))
            await until(lambda: door.stats().store_waits >= 3)
            assert "no space left" in (door.stats().last_problem or "")
            assert door.stats().acknowledged == 0
            to.journal.fail_with = None
            assert len(await asking) == 16
        assert len(to.journal.readings) == 1

    ticking = iter(range(10_000_000))
    to = intake()
    to.pipeline._monotonic_s = lambda: float(next(ticking))
    to.run(scene)


def test_a_store_that_stays_away_costs_the_connection_but_no_acknowledgement(context):
    async def scene(to: Intake) -> None:
        to.journal.fail_with = StoreUnavailable("journal: read-only; mount it for writing")
        limits = EnerTalkLimits(first_pause_s=0.001, keep_trying_s=0.005)

        def meter(connection: Connection) -> bool:
            connection.send(frame(NOW_MS))
            return connection.ended()

        async with listening(to, context, limits=limits) as door:
            assert await met(door, meter)
            assert (door.stats().acknowledged, door.stats().dropped_connections) == (0, 0)

    intake().run(scene)


def test_a_meter_without_a_place_is_acknowledged_and_is_talk(context):
    async def scene(to: Intake) -> None:
        async with listening(to, context) as door:
            assert len(await met(door, lambda connection: connection.asked(frame(NOW_MS)))) == 16
        assert len(to.journal.readings) == 0
        assert [(d.family, d.device) for d in to.door.naming.talking.devices()] == [("enertalk", DEVICE)]
        assert to.ledger.rejected_readings == 0

    intake(placed=False).run(scene)


def test_a_reading_that_cannot_be_right_is_noted_and_acknowledged(context):
    async def scene(to: Intake) -> None:
        tomorrow_and_more = NOW_MS + 100_000_000
        async with listening(to, context) as door:
            assert len(await met(door, lambda connection: connection.asked(frame(tomorrow_and_more)))) == 16
        assert len(to.journal.readings) == 0
        noted = to.ledger.recent_problems()[0]
        assert noted.source == f"enertalk {DEVICE}"
        assert "clock" in noted.problem.expected

    intake().run(scene)


GOOD = frame(NOW_MS)


@pytest.mark.parametrize(
    ("lie", "where"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "byte 0, version"),
        (b"\x03\x41" + GOOD[2:], "byte 1, kind"),
        (b"\x03\x40\x00\x00" + GOOD, "bytes 2–3, length"),
        (b"\x03\x40\xff\xff" + GOOD, "bytes 2–3, length"),
        (GOOD[:32] + b"\xff\xff\xff\xff" + GOOD[36:], "bytes 32–35, sub-samples"),
        (b"\x03\x40\x00\x10" + bytes(12), "bytes 2–3, length"),
    ],
    ids=["a web browser", "another kind", "no length", "too long", "too many sub-samples", "too short"],
)
def test_a_connection_that_lies_is_dropped_with_its_reason_and_others_go_on(context, lie, where):
    async def scene(to: Intake) -> None:
        async with listening(to, context) as door:

            def liar(connection: Connection) -> bool:
                connection.send(lie)
                return connection.ended()

            def honest(connection: Connection) -> None:
                assert len(connection.asked(frame(NOW_MS - 1_000))) == 16
                with connected(door.address[1]) as other:
                    assert liar(other)
                assert len(connection.asked(frame(NOW_MS))) == 8

            await met(door, honest)
            assert door.stats().dropped_connections == 1
        noted = to.ledger.recent_problems()
        assert [(n.source, n.problem.where) for n in noted] == [("enertalk 127.0.0.1", where)]
        assert len(to.journal.readings) == 2

    intake().run(scene)


def test_a_meter_that_leaves_in_the_middle_of_a_frame_is_no_fault(context):
    async def scene(to: Intake) -> None:
        async with listening(to, context) as door:
            await met(door, lambda connection: connection.send(GOOD[:100]))
            await until(lambda: door.stats().connections == 0)
            assert (door.stats().dropped_connections, door.stats().frames) == (0, 0)
            assert len(await met(door, lambda connection: connection.asked(GOOD))) == 16
        assert to.ledger.rejected_payloads == 0

    intake().run(scene)


@pytest.mark.parametrize("sent", [b"", b"\x03", GOOD[:200]], ids=["silent", "a byte", "half a frame"])
def test_who_is_silent_or_drips_is_dropped(context, sent):
    async def scene(to: Intake) -> None:
        limits = EnerTalkLimits(idle_s=0.1, frame_s=0.1)

        def meter(connection: Connection) -> bool:
            connection.send(sent)
            return connection.ended()

        async with listening(to, context, limits=limits) as door:
            assert await met(door, meter)
            await until(lambda: door.stats().connections == 0)
            assert door.stats().dropped_connections == 1

    intake().run(scene)


def test_who_speaks_no_tls_is_counted_and_costs_nothing_else(context):
    async def scene(to: Intake) -> None:
        limits = EnerTalkLimits(handshake_s=0.1)
        async with listening(to, context, limits=limits) as door:
            for words in (b"\x03\x40 no TLS at all\r\n", b""):
                reader, writer = await asyncio.open_connection(*door.address)
                writer.write(words)
                assert await reader.read() == b""
                writer.close()
                await writer.wait_closed()
            await until(lambda: door.stats().failed_handshakes == 2)
            assert len(await met(door, lambda connection: connection.asked(GOOD))) == 16

    intake().run(scene)


def test_more_connections_than_allowed_are_refused_and_counted(context):
    async def scene(to: Intake) -> None:
        async with listening(to, context, limits=EnerTalkLimits(connections=1)) as door:

            def meter(connection: Connection) -> None:
                with pytest.raises((OSError, ssl.SSLError)):
                    Connection(door.address[1])
                assert len(connection.asked(GOOD)) == 16

            await met(door, meter)
            assert door.stats().refused_connections == 1
            assert "max_connections" in (door.stats().last_problem or "")
            await until(lambda: door.stats().connections == 0)
            assert len(await met(door, lambda connection: connection.asked(GOOD))) == 16

    intake().run(scene)


def test_one_more_meter_takes_the_place_of_who_is_silent_for_longest_and_of_no_other(context):
    async def scene(to: Intake) -> None:
        def forgotten(connection: Connection) -> bool:
            connection.send(GOOD[:200])
            return connection.ended()

        to.journal.hold()
        limits = EnerTalkLimits(connections=4, make_room_s=0)
        async with listening(to, context, limits=limits) as door:
            in_hand = asyncio.create_task(met(door, lambda connection: connection.asked(GOOD)))
            await to.written()
            bad = []
            for n in range(3):
                bad.append(asyncio.create_task(met(door, forgotten)))
                await until(lambda n=n: door.stats().connections == n + 2)
            late = asyncio.create_task(met(door, lambda connection: connection.asked(frame(NOW_MS - 1_000))))
            assert await bad[0]
            await until(lambda: door.stats().frames == 2)
            assert [task.done() for task in bad] == [True, False, False]
            to.journal.release()
            assert (len(await in_hand), len(await late)) == (16, 16)
            assert (door.stats().crowded_out, door.stats().refused_connections) == (1, 0)
        assert all(await asyncio.gather(*bad))

    intake().run(scene)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("192.168.0.9", True),
        ("::ffff:192.168.0.9", True),
        ("fe80::1%eth0", True),
        ("192.168.1.9", False),
        ("8.8.8.8", False),
        ("2001:db8::1", False),
    ],
)
def test_meters_come_from_the_networks_that_were_named_or_from_here(context, address, allowed):
    async def scene(to: Intake) -> None:
        networks = [ip_network("192.168.0.0/24"), ip_network("fe80::/10")]
        async with listening(to, context, networks=networks) as door:
            assert (door._refused(address) is None) == allowed

    intake().run(scene)


def test_a_stop_leaves_no_connection_open_whatever_meters_do(context):
    async def scene(to: Intake) -> None:
        to.journal.hold()
        silent = asyncio.Event()
        loop = asyncio.get_running_loop()

        def mute(connection: Connection) -> bool:
            loop.call_soon_threadsafe(silent.set)
            return connection.ended()

        def waiting(connection: Connection) -> bool:
            connection.send(GOOD)
            return connection.ended()

        async with listening(to, context, limits=EnerTalkLimits(closing_s=0.1)) as door:
            reader, half_way = await asyncio.open_connection(*door.address)
            half_way.write(b"\x16\x03\x01")  # a handshake begins with these
            meters = [asyncio.create_task(met(door, meter)) for meter in (mute, waiting)]
            await silent.wait()
            await to.written()
            assert door.stats().connections == 3
        assert await reader.read() == b""
        half_way.close()
        await half_way.wait_closed()
        to.journal.release()
        assert all(await asyncio.gather(*meters))

    intake().run(scene)


def test_the_key_is_made_once_and_readable_to_nobody_else(tmp_path: Path):
    pem = tmp_path / PEM
    server_context(pem)
    made = pem.read_bytes()
    assert stat.S_IMODE(pem.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [pem]
    server_context(pem)
    assert pem.read_bytes() == made


def test_a_key_that_cannot_be_used_says_how_to_get_another(tmp_path: Path):
    pem = tmp_path / PEM
    pem.write_text("no key")
    with pytest.raises(Misconfigured, match="remove it"):
        server_context(pem)


def test_the_old_cipher_stays_inside_its_own_context(tmp_path: Path):
    old = server_context(tmp_path / PEM)
    assert "AES256-SHA" in {c["name"] for c in old.get_ciphers()}
    plain = ssl.create_default_context()
    assert "AES256-SHA" not in {c["name"] for c in plain.get_ciphers()}
    assert plain.minimum_version >= ssl.TLSVersion.TLSv1_2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert client_context().maximum_version == ssl.TLSVersion.TLSv1
