"""Bodies are bounded one by one and all together, and a large one never takes the room of small ones."""

import asyncio
from collections.abc import Callable

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from chowon.api.middleware import AT_ONCE, FOR_ALL, BodyLimit

LIMIT = 12_800
SMALL = 100


class Server:
    """An application that reads a body and then holds it until it is told to answer."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self.app = BodyLimit(self._app, LIMIT)

    async def _app(self, scope, receive, send) -> None:
        body = await Request(scope, receive).body()
        await self.answer.wait()
        await PlainTextResponse(str(len(body)))(scope, receive, send)

    def sends(self, *chunks: int) -> "asyncio.Task[int]":
        """The status of a request whose body comes in chunks of these sizes."""
        return asyncio.create_task(self._status(list(chunks)))

    async def _status(self, chunks: list[int]) -> int:
        told: list[int] = []

        async def receive() -> dict[str, object]:
            await asyncio.sleep(0)
            size = chunks.pop(0)
            return {"type": "http.request", "body": bytes(size), "more_body": bool(chunks)}

        async def send(message) -> None:
            if message["type"] == "http.response.start":
                told.append(message["status"])

        await self.app({"type": "http", "method": "POST", "path": "/", "headers": []}, receive, send)
        return told[0]


def play(scene: Callable[[Server], object]) -> None:
    async def within() -> None:
        async with asyncio.timeout(20):
            await scene(Server())  # type: ignore[misc]

    asyncio.run(within())


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


def test_large_bodies_together_leave_room_for_small_ones_and_are_told_to_come_again():
    async def scene(server: Server) -> None:
        large = [server.sends(LIMIT // 2, LIMIT // 2) for _ in range(AT_ONCE)]
        await settled()
        refused = [task for task in large if task.done()]
        assert len(refused) == AT_ONCE - int(AT_ONCE * FOR_ALL)
        assert [task.result() for task in refused] == [503] * len(refused)
        small = [server.sends(SMALL) for _ in range(100)]
        await settled()
        assert not any(task.done() for task in small)
        server.answer.set()
        assert {await task for task in small} == {200}
        assert [await task for task in large if task not in refused] == [200] * (AT_ONCE - len(refused))

    play(scene)


def test_what_was_answered_or_refused_takes_no_room_any_more():
    async def scene(server: Server) -> None:
        server.answer.set()
        for _ in range(3 * AT_ONCE):
            assert await server.sends(LIMIT) == 200
            assert await server.sends(LIMIT, 1) == 413
        assert server.app._room._held == 0

    play(scene)


def test_small_ones_are_bounded_as_well():
    async def scene(server: Server) -> None:
        tasks = [server.sends(SMALL) for _ in range(AT_ONCE * LIMIT // SMALL + 5)]
        await settled()
        assert sum(task.done() for task in tasks) == 5
        server.answer.set()
        assert sorted([await task for task in tasks])[-5:] == [503] * 5

    play(scene)


@pytest.mark.parametrize("gone", [asyncio.CancelledError, RuntimeError])
def test_a_request_that_ends_badly_gives_its_room_back(gone):
    async def scene(server: Server) -> None:
        async def fails(scope, receive, send) -> None:
            await Request(scope, receive).body()
            raise gone

        server.app._app = fails
        with pytest.raises(gone):
            await server.sends(LIMIT)
        assert server.app._room._held == 0

    play(scene)
