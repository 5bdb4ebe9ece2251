"""Webhooks against real HTTP servers: signed, tried again, bounded, quiet about secrets."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest

from chowon.outward.webhooks import ATTEMPTS, MOST_WAITING, SHOWN, Event, HookSettings, Webhook, signature
from tests.brokers import free_port

NOW_MS = 1_795_400_000_000
SECRET = "a secret that nobody may see"
TIMEOUT_S = 20


class Clock:
    """Time that passes only in pauses."""

    def __init__(self) -> None:
        self.ms = NOW_MS
        self.pauses: list[float] = []

    def now_ms(self) -> int:
        return self.ms

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.ms += round(seconds * 1000)
        await asyncio.sleep(0)


class Receiver:
    """A server that keeps what it gets and answers in turn; None: it takes the request and says nothing."""

    def __init__(self, *answers: bytes | int | None) -> None:
        self.answers = list(answers)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.lines: list[str] = []
        self.hang = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in head[1:] if line)}
            self.lines.append(head[0])
            self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer is None:
                await self.hang.wait()
            elif isinstance(answer, bytes):
                writer.write(answer)
            else:
                writer.write(f"HTTP/1.1 {answer} As told\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def hook(receiver: Receiver | None, **options: object):
    """A webhook in its task, to a server that runs; with None nothing listens there."""
    port = free_port()
    server = None if receiver is None else await asyncio.start_server(receiver, "127.0.0.1", port)
    events = frozenset({"tier.reached", "meter.silent"})
    settings = HookSettings(f"http://127.0.0.1:{port}/hook?key=path-secret", events, SECRET, **options)
    made = Webhook(settings, Clock())
    task = asyncio.create_task(made.run())
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if receiver is not None and server is not None:
            receiver.hang.set()
            server.close()
            await server.wait_closed()


async def until(true: Callable[[], object]) -> None:
    while not true():  # noqa: ASYNC110 - what a server did has no event here
        await asyncio.sleep(0.001)


def event(n: int = 0, kind: str = "tier.reached") -> Event:
    return Event(kind, NOW_MS, {"n": n, "site": {"name": "우리집"}})


def statuses(made: Webhook) -> list[int | None]:
    return [d.status for d in reversed(made.stats().deliveries)]


async def test_an_event_arrives_once_signed_as_standard_webhooks_say():
    receiver = Receiver(204)
    async with hook(receiver) as made:
        made.tell(event(7))
        await until(lambda: made.delivered)
    ((headers, body),) = receiver.got
    assert receiver.lines == ["POST /hook?key=path-secret HTTP/1.1"]
    assert json.loads(body) == {
        "type": "tier.reached",
        "timestamp": "2026-11-23T02:13:20+00:00",
        "data": {"n": 7, "site": {"name": "우리집"}},
    }
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mac}"
    assert headers["webhook-timestamp"] == str(NOW_MS // 1000)
    assert headers["content-type"] == "application/json"


def test_the_signature_is_the_one_of_the_specification():
    """Message and key of the reference libraries' own test (github.com/standard-webhooks)."""
    signed = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_events_that_nobody_asked_for_are_not_sent():
    receiver = Receiver(200)
    async with hook(receiver) as made:
        made.tell(event(kind="period.closed"))
        made.tell(event(1))
        await until(lambda: made.delivered)
    assert [json.loads(body)["data"]["n"] for _, body in receiver.got] == [1]


async def test_errors_are_tried_again_with_longer_pauses_and_the_same_id_and_the_order_stays():
    receiver = Receiver(500, 503, 429, 200)
    async with hook(receiver) as made:
        made.tell(event(1))
        made.tell(event(2))
        await until(lambda: made.delivered == 2)
        assert made._clock.pauses == [1, 2, 4]
        assert statuses(made) == [500, 503, 429, 200, 200]
    assert [json.loads(body)["data"]["n"] for _, body in receiver.got] == [1, 1, 1, 1, 2]
    ids = [headers["webhook-id"] for headers, _ in receiver.got]
    assert len(set(ids)) == 2
    assert len(set(ids[:4])) == 1
    assert len({headers["webhook-signature"] for headers, _ in receiver.got}) == 5  # each at its own time


async def test_an_address_that_refuses_for_good_is_not_asked_again():
    async with hook(Receiver(410)) as made:
        made.tell(event())
        await until(lambda: made.given_up)
        assert statuses(made) == [410]


async def test_a_redirection_is_not_followed():
    receiver = Receiver(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n")
    async with hook(receiver) as made:
        made.tell(event())
        await until(lambda: made.given_up)
        assert "new address" in made.stats().deliveries[0].problem
    assert len(receiver.got) == 1


async def test_a_hanging_server_costs_its_own_time_only_and_the_event_is_tried_again():
    receiver = Receiver(None, 200)
    async with hook(receiver, timeout_s=0.05) as made:
        made.tell(event())
        await until(lambda: made.delivered)
        assert statuses(made) == [None, 200]
        assert "0.05 s" in made.stats().deliveries[1].problem


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 OK\r\n\r\n", b"\x00" * 200_000])
async def test_what_is_no_http_is_a_failed_attempt_and_nothing_worse(answer):
    async with hook(Receiver(answer, 200)) as made:
        made.tell(event())
        await until(lambda: made.delivered)
        assert statuses(made) == [None, 200]


async def test_nobody_there_is_given_up_after_about_an_hour_and_the_next_event_has_its_turn():
    async with hook(None) as made:
        made.tell(event(1))
        await until(lambda: made.given_up)
        assert len(made._clock.pauses) == ATTEMPTS - 1
        assert 3600 < sum(made._clock.pauses) < 5400
        made.tell(event(2))
        await until(lambda: made.given_up == 2)
        assert len(made.stats().deliveries) == SHOWN


async def test_a_full_queue_drops_the_oldest_and_counts_them():
    receiver = Receiver(None)
    async with hook(receiver) as made:
        made.tell(event(-1))
        await until(lambda: receiver.got)  # it hangs with this one in hand
        for n in range(MOST_WAITING + 5):
            made.tell(event(n))
        stats = made.stats()
        assert (stats.waiting, stats.dropped) == (MOST_WAITING, 5)
        assert made._waiting[0].data["n"] == 5


async def test_no_secret_is_logged_or_shown(caplog):
    caplog.set_level(logging.DEBUG)
    async with hook(Receiver(500, 200)) as made:
        made.tell(event())
        await until(lambda: made.delivered)
        shown = f"{made.stats()} {made.settings} {caplog.text}"
    assert "the address answered 500" in caplog.text
    assert SECRET not in shown
    assert "path-secret" not in str(made.stats())
    assert "path-secret" not in caplog.text
