"""Clients that do not get on with their request: how long they are waited for, and who makes room."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from chowon.api.connections import Connections, Patience

TIMEOUT_S = 20
HEAD = b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
WHOLE = HEAD + b"0123456789"
IMPATIENT = Patience(grace_s=0.1, least_bytes_s=1_000_000)
PATIENT = Patience(grace_s=TIMEOUT_S, crowded_s=0.1)


async def _count(request: Request) -> Response:
    try:
        return PlainTextResponse(str(len(await request.body())))
    except ClientDisconnect:
        return PlainTextResponse("", 400)


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


APP = Starlette(routes=[Route("/count", _count, methods=["POST"]), WebSocketRoute("/echo", _echo)])


@contextlib.asynccontextmanager
async def served(connections: Connections, most: int | None = None) -> AsyncIterator[int]:
    """The port of a server with these connections, `most` of them at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            APP, http=connections.protocol, lifespan="off", log_config=None, limit_concurrency=most
        )
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        running = asyncio.create_task(server.serve([listener]))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await running


async def sent(port: int, payload: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(payload)
    return reader, writer


async def until(all_: Connections, /, **wanted: int) -> None:
    while any(getattr(all_.stats(), name) != number for name, number in wanted.items()):  # noqa: ASYNC110 - counters tell nobody when they change
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("half", [b"", HEAD[:9], HEAD, WHOLE[:-1]])
def test_half_a_request_is_answered_with_408_and_costs_no_connection_for_ever(half):
    async def scene() -> None:
        connections = Connections(100, IMPATIENT)
        async with served(connections) as port:
            reader, writer = await sent(port, half)
            answer = await reader.read()
            writer.close()
            assert answer.startswith(b"HTTP/1.1 408 ")
            await until(connections, connections=0, incomplete=0, too_slow=1)

    asyncio.run(scene())


def test_a_byte_now_and_then_is_too_slow_but_a_large_body_may_take_its_time():
    large = HEAD.replace(b"10\r", b"4000\r")

    async def scene() -> None:
        connections = Connections(100, Patience(grace_s=0.1, least_bytes_s=100))
        async with served(connections) as port:
            steady, writer = await sent(port, large + bytes(3000))  # enough for half a minute
            slow, dripping = await sent(port, large)
            dripping.write(b"x")
            assert (await slow.read()).startswith(b"HTTP/1.1 408 ")
            writer.write(bytes(1000))
            assert (await steady.readuntil(b"\r\n\r\n4000")).startswith(b"HTTP/1.1 200")
            writer.close()
            dripping.close()
            await until(connections, connections=0, incomplete=0, too_slow=1)

    asyncio.run(scene())


def test_a_kept_connection_is_used_again_and_again():
    async def scene() -> None:
        connections = Connections(100)
        async with served(connections) as port:
            reader, writer = await sent(port, WHOLE)
            for _ in range(5):
                assert (await reader.readuntil(b"\r\n\r\n10")).startswith(b"HTTP/1.1 200")
                assert connections.stats().incomplete == 0
                writer.write(WHOLE[:20])
                await until(connections, incomplete=1)
                writer.write(WHOLE[20:])
            writer.close()
            await until(connections, connections=0, incomplete=0, too_slow=0)

    asyncio.run(scene())


def test_when_most_are_busy_the_ones_that_send_for_longest_make_room():
    async def scene() -> None:
        connections = Connections(10, PATIENT)
        async with served(connections) as port:
            bad = [await sent(port, HEAD) for _ in range(30)]
            for reader, _ in bad[:25]:
                assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
            await until(connections, connections=5, incomplete=5, crowded_out=25)
            reader, good = await sent(port, WHOLE)
            assert (await reader.readuntil(b"\r\n\r\n10")).startswith(b"HTTP/1.1 200")
            for _, writer in (*bad, (reader, good)):
                writer.close()
            await until(connections, connections=0, incomplete=0)

    asyncio.run(scene())


def test_a_live_socket_is_no_request_that_is_awaited():
    hello = (
        b"GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )

    async def scene() -> None:
        connections = Connections(100, IMPATIENT)
        async with served(connections) as port:
            reader, writer = await sent(port, hello)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
            await until(connections, connections=0, incomplete=0)
            await asyncio.sleep(2 * IMPATIENT.grace_s)
            writer.write(b"\x81\x82" + bytes(4) + b"hi")
            assert await reader.readexactly(4) == b"\x81\x02hi"
            writer.close()
            assert connections.stats().too_slow == 0

    asyncio.run(scene())


@pytest.mark.parametrize("kind", ["refused", "garbled"])
def test_a_flood_of_bad_requests_is_told_once_and_then_counted(kind, caplog):
    payload, most, code = (
        (WHOLE, 1, 503) if kind == "refused" else (b"\x16\x03\x01 no HTTP\r\n\r\n", 100, 400)
    )
    warned = "Exceeded concurrency limit." if kind == "refused" else "Invalid HTTP request received."

    def told() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]

    def counted() -> int:
        return 1 + sum(int(text.split("(")[1].split()[0]) for text in told()[1:])

    async def scene() -> None:
        connections = Connections(100, tell_every_s=1)
        loop = asyncio.get_running_loop()
        async with served(connections, most) as port:
            begun_s = loop.time()
            for _ in range(20):
                reader, writer = await sent(port, payload)
                assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 %d " % code)
                writer.close()
            if loop.time() - begun_s < 1:
                assert told() == [warned]
            while counted() < 20:  # noqa: ASYNC110 - a log tells nobody
                await asyncio.sleep(0.01)
            assert counted() == 20
            assert connections.stats().refused == (20 if kind == "refused" else 0)

    with caplog.at_level("WARNING", "uvicorn.error"):
        asyncio.run(scene())


def test_a_client_that_resets_its_connection_is_forgotten():
    async def scene() -> None:
        connections = Connections(100)
        async with served(connections) as port:
            _, writer = await sent(port, HEAD)
            await until(connections, incomplete=1)
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.close()
            await until(connections, connections=0, incomplete=0)

    asyncio.run(scene())
