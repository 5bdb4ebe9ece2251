"""Meters on a cable or in the network for the tests: pseudo-terminals, and a real Modbus server."""

import asyncio
import os
import pty
import socket
import struct
import threading
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from tests.brokers import free_port

RECORDINGS = Path(__file__).parent / "recordings"
TELEGRAM = (RECORDINGS / "dsmr-p1" / "three-phases-with-solar.payload").read_bytes()
FILE = (RECORDINGS / "sml" / "two-way-meter.payload").read_bytes()


@contextmanager
def terminal():
    """(the end that a meter writes to, the name of the other one)."""
    ours, theirs = pty.openpty()
    try:
        tty.setraw(theirs)
        yield ours, os.ttyname(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


async def until(true: Callable[[], bool]) -> None:
    """Looks again and again; Intake.run ends it when it takes too long."""
    while not true():  # noqa: ASYNC110 — a line has no event to wait for
        await asyncio.sleep(0.005)


@asynccontextmanager
async def talking(meter: int, payload: bytes) -> AsyncIterator[None]:
    """A meter that says the same again and again: what it says before a line is opened is lost."""

    async def talk() -> None:
        while True:
            os.write(meter, payload)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(talk())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def sunspec_registers() -> list[int]:
    """A device with the models 1 and 203 from register 40000 on: 2310 W, 230.5 V, 12,345.67 kWh."""
    meter = [0x8000] * 105
    for offset, word in {2: 441, 6: -2, 7: 2305, 15: -1, 18: 231, 22: 1, 54: 1}.items():
        meter[offset - 2] = word % 0x10000
    for n in (38, 40, 42, 44, 48, 50, 52):
        meter[n - 2 : n] = [0, 0]
    meter[46 - 2 : 48 - 2] = list(struct.unpack(">HH", struct.pack(">I", 1_234_567)))
    return [0x5375, 0x6E53, 1, 66, *[0] * 66, 203, 105, *meter, 0xFFFF, 0]


def named_registers() -> list[int]:
    """The same device, which says who made it."""
    words = sunspec_registers()
    for place, name in ((4, b"Chowon Works"), (20, b"Meter 3P"), (52, b"SN-0042")):
        words[place : place + 16] = struct.unpack(">16H", name.ljust(32, b"\0"))
    return words


@asynccontextmanager
async def modbus_server(
    port: int, *blocks: SimData, unit: int = 7, action: Any = None
) -> AsyncIterator[ModbusTcpServer]:
    """A Modbus TCP device; unit 0 answers by every number."""
    server = ModbusTcpServer(SimDevice(unit, list(blocks), action=action), address=("127.0.0.1", port))
    task = asyncio.create_task(server.serve_forever())
    try:
        await until(lambda: server.transport is not None)
        yield server
    finally:
        await server.shutdown()
        await asyncio.gather(task, return_exceptions=True)


class Meter:
    """A SunSpec meter (unit 7) whose power a test sets; answers until the `with` block ends.

    Runs in a thread of its own, for tests whose server is another process.
    """

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.power_w = 2310
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> "Meter":
        self._thread.start()
        block = SimData(40_000, values=named_registers(), datatype=DataType.REGISTERS)
        self._running = modbus_server(self.port, block, action=self._measure)
        self._wait(self._running.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._running.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _wait(self, work) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _measure(self, _code, start, _address, _count, registers, _values) -> None:
        at = 40_088 - start
        if 0 <= at < len(registers):
            registers[at] = (self.power_w // 10) % 0x10000


@contextmanager
def silent_port() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def saying(end: int, payload: bytes) -> Iterator[None]:
    """A meter that says the same again and again."""
    over = threading.Event()

    def say() -> None:
        os.set_blocking(end, False)
        while not over.wait(0.05):
            with suppress(BlockingIOError):  # nobody listens
                os.write(end, payload)

    thread = threading.Thread(target=say)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
