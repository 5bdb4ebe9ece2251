"""What chowon gives to others fails in every way there is, and nothing else notices."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest

from chowon.ingest.broker import Address
from chowon.outward.mqtt_out import MOST_TOPICS, WINDOW, Message, Outbound, OutSettings
from tests.brokers import free_port, mosquitto, needs_mosquitto
from tests.home_assistant import HomeAssistant
from tests.system.programs import ask, eventually, serve

TIMEOUT_S = 30
HELD_UP_S = 20
"""A busy machine is quicker than this, and whoever waits for a hanging peer is not."""


@asynccontextmanager
async def outbound(address: Address, **options: object):
    """A connection in its task; ends within seconds, whatever the broker does."""
    settings = OutSettings(address.host, address.port, "t/status", first_pause_s=0.02, longest_pause_s=0.1)
    out = Outbound(settings, **options)
    task = asyncio.create_task(out.run())
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield out
    finally:
        out.close()
        async with asyncio.timeout(TIMEOUT_S):
            await task


async def until(true: Callable[[], object]) -> None:
    while not true():  # noqa: ASYNC110 - what a broker did has no event here
        await asyncio.sleep(0.01)


@asynccontextmanager
async def pretending(answer: bytes | None):
    """A server that is no broker: it says something else, hangs up (b"") or says nothing (None)."""
    open_ones: list[socket.socket] = []
    connections: list[int] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            connections.append(1)
            if answer is None:
                open_ones.append(one)
            else:
                with one:
                    one.settimeout(0.3)
                    with contextlib.suppress(OSError):
                        one.sendall(answer)
                        while answer and one.recv(4096):
                            continue

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield Address("127.0.0.1", listener.getsockname()[1]), connections
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(TIMEOUT_S)
        for one in open_ones:
            one.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"",
        b"\x20\x02\x00\x05",  # CONNACK: not authorised
        b"\x20\x02\x00\x00" + b"\xff" * 64,  # accepted, then nonsense
        b"\x20\x02\x00\x00\x30\x03\x00\x05a",  # accepted, then a malformed PUBLISH
    ],
)
async def test_a_server_that_is_no_broker_is_left_and_tried_again(answer):
    async with pretending(answer) as (address, connections), outbound(address) as out:
        out.put("t/x", Message(b"1"))
        await until(lambda: len(connections) > 2)
        assert out.stats().problem
        assert out.stats().waiting + len(out._sent) >= 1  # not lost


async def test_a_broker_that_hangs_holds_up_nothing_and_what_waits_stays_bounded():
    async with pretending(None) as (address, connections), outbound(address) as out:
        await until(lambda: connections)
        began_s = time.perf_counter()
        for n in range(20_000):
            out.put(f"t/{n % 100}", Message(b"%d" % n, n % 2, retain=False))
        assert time.perf_counter() - began_s < HELD_UP_S
        assert out.stats().waiting == 100
        assert out.stats().replaced == 19_900
        assert len(out._sent) <= WINDOW


async def test_without_a_broker_it_keeps_trying_and_says_why():
    async with outbound(Address("127.0.0.1", free_port())) as out:
        await until(lambda: "does not answer" in (out.stats().problem or ""))
        assert not out.stats().connected


async def test_more_topics_than_there_may_be_are_dropped_and_counted():
    out = Outbound(OutSettings("127.0.0.1", 1, None))
    for n in range(MOST_TOPICS + 3):
        out.put(f"t/{n}", Message(b"", retain=False))
    out.put("t/0", Message(b"again", retain=False))
    assert (out.stats().waiting, out.stats().dropped, out.stats().replaced) == (MOST_TOPICS, 3, 1)


@pytest.mark.parametrize("retain", [True, False])
async def test_of_two_messages_that_were_lost_on_the_way_the_newer_one_goes_out_again(retain):
    async with pretending(b"\x20\x02\x00\x00") as (address, connections), outbound(address) as out:
        for value in (b"old", b"new"):  # taken, never acknowledged
            await until(lambda: out.connected)
            out.put("t/x", Message(value, 1, retain))
            await until(lambda value=value: ("t/x", Message(value, 1, retain)) in out._sent.values())
        before = len(connections)
        await until(lambda: len(connections) > before + 1)
        held = [m for t, m in (*out._waiting.items(), *out._sent.values()) if t == "t/x"]
        assert held[-1].payload == b"new"
        assert b"old" not in {m.payload for m in held}


@needs_mosquitto
async def test_the_last_value_of_each_topic_wins_over_a_broker_that_was_away(tmp_path):
    port = free_port()
    async with outbound(Address("127.0.0.1", port)) as out:
        for n in range(500):
            out.put("chowon/a", Message(b"%d" % n))
            out.put("chowon/b", Message(b"%d" % n, 0, retain=False))
        for restart in range(2):
            place = tmp_path / str(restart)  # a broker that remembers nothing of the one before
            place.mkdir()
            with mosquitto(place, port) as broker, HomeAssistant(broker) as listener:
                await until(lambda: listener._retained.get("chowon/a") == b"499")
                await until(lambda: out.stats().waiting == 0)
        assert out.stats().replaced >= 2 * 499


@needs_mosquitto
async def test_what_is_cleared_is_forgotten_by_the_broker_and_told(tmp_path):
    told: list[str] = []
    with mosquitto(tmp_path) as broker:
        async with outbound(broker, cleared=told.append) as out:
            out.put("chowon/a", Message(b"1"))
            out.put("chowon/b", Message(b"1"))
            await until(lambda: out.published >= 3)
            out.clear("chowon/a")
            await until(lambda: told)
        with HomeAssistant(broker) as later:
            await until(lambda: "chowon/b" in later._retained)
            assert told == ["chowon/a"]
            assert "chowon/a" not in later._retained


def test_a_hanging_broker_and_a_hanging_webhook_slow_neither_readings_nor_answers_nor_the_end(tmp_path):
    """Both accept connections and never answer, under a server that publishes as often as it may."""
    with socket.create_server(("127.0.0.1", 0), backlog=500) as hung:  # the system accepts, nobody reads
        port = str(hung.getsockname()[1])
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "chowon.toml").write_text(
            f'[[webhook]]\nurl = "http://127.0.0.1:{port}/x"\ntimeout_s = 120\n'
            "[home_assistant]\nenabled = true\nevery_s = 0.1\ncounters_every_s = 0.5\n"
            "[mirror]\nenabled = true\nevery_s = 0.1\n"
        )
        where = {"CHOWON_MQTT__BROKER": "external", "CHOWON_MQTT__PORT": port}
        with serve(tmp_path / "data", **where) as server:
            server.ready()
            slowest_s = 0.0
            for n in range(100):
                readings = [
                    {"site": f"home{s}", "time": time.time_ns() // 1_000_000, "power_w": n} for s in range(20)
                ]
                began_s = time.perf_counter()
                assert server.post(json.dumps({"readings": readings}).encode())[0] == 200
                slowest_s = max(slowest_s, time.perf_counter() - began_s)
            assert server.get("/health")["queue"]["accepted_readings"] == 2000
            assert slowest_s < HELD_UP_S
            eventually(lambda: server.get("/health")["outward"]["mqtt"]["waiting"] > 200)
            began_s = time.perf_counter()
            assert ask(f"{server.http}/api/v1/sites/1/now")[0] == 200
            assert time.perf_counter() - began_s < HELD_UP_S
            assert server.get("/health")["outward"]["failed_rounds"] == 0
            assert server.stopped() == 0
