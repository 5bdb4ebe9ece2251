"""Meters on a cable or in the network for the tests: pseudo-terminals, and a real Modbus server."""

import asyncio
import os
import pty
import struct
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import SimData, SimDevice

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


@asynccontextmanager
async def modbus_server(port: int, *blocks: SimData) -> AsyncIterator[ModbusTcpServer]:
    server = ModbusTcpServer(SimDevice(7, list(blocks)), address=("127.0.0.1", port))
    task = asyncio.create_task(server.serve_forever())
    try:
        await until(lambda: server.transport is not None)
        yield server
    finally:
        await server.shutdown()
        await asyncio.gather(task, return_exceptions=True)
