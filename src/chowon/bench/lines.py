"""The same lines of line protocol into chowon and into the time-series stores that this machine has.

Each server runs by itself, in an empty folder, and gets the same bodies from the same senders, each of which
has 200 homes of its own and sends one body after the other, in the order of time. chowon and InfluxDB answer
when the lines are on disk; VictoriaMetrics answers before.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import psutil

from chowon.bench.ingest import sample
from chowon.bench.running import server
from chowon.meters import influx_line

SENDERS: Final = 4
READY_S: Final = 60.0
SIZES: Final = ((1, 120), (60, 10))
"""Seconds of 200 homes in a body, and how many bodies a sender."""
_INFLUXDB: Final = "influxd"
_VICTORIA: Final = "victoria-metrics"


@dataclass(frozen=True, slots=True)
class LinesFigure:
    """One server, one size of body."""

    server: str
    lines_per_body: int
    lines_per_s: float
    """from the first byte sent to the last answer"""
    lines_per_cpu_s: float
    """a second of one core's time of the server and its children"""


def measure() -> list[LinesFigure]:
    """Every server that is there, one after the other, with small and with large bodies."""
    figures = []
    for seconds, count in SIZES:
        bodies = _bodies(seconds, count)
        figures.append(asyncio.run(_chowon(bodies, 200 * seconds)))
        for program in (_INFLUXDB, _VICTORIA):
            if shutil.which(program):
                with _rival(program) as (address, process):
                    figures.append(_sent(program, address, process, bodies, 200 * seconds))
    return figures


def _bodies(seconds: int, count: int) -> list[list[bytes]]:
    """What each sender sends: bodies that follow each other in time, with the seconds of its 200 homes."""
    lines = influx_line.encode(sample(200, seconds * count)).splitlines(keepends=True)
    size = 200 * seconds
    of_one = [b"".join(lines[at : at + size]) for at in range(0, len(lines), size)]
    return [[body.replace(b"site=home", b"site=s%d" % n) for body in of_one] for n in range(SENDERS)]


async def _chowon(bodies: list[list[bytes]], size: int) -> LinesFigure:
    with tempfile.TemporaryDirectory(prefix="chowon-bench-") as folder:
        async with server(folder) as (at, process):
            return await asyncio.to_thread(_sent, "chowon", at["http"], process, bodies, size)


def _sent(
    name: str, address: str, process: psutil.Process, bodies: list[list[bytes]], size: int
) -> LinesFigure:
    url = f"{address}/write?db=bench"
    for first, *_ in bodies:  # names are learned once
        _post(url, first)
    before_s, begun = _cpu_s(process), time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(lambda mine: _send(url, mine[1:]), bodies))
    took_s, spent_s = time.perf_counter() - begun, _cpu_s(process) - before_s
    count = size * sum(len(mine) - 1 for mine in bodies)
    return LinesFigure(name, size, round(count / took_s), round(count / max(spent_s, 0.01)))


def _cpu_s(process: psutil.Process) -> float:
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return sum(t.user + t.system for t in times)


@contextlib.contextmanager
def _rival(program: str) -> Iterator[tuple[str, psutil.Process]]:
    """Its address, from when it answers."""
    with tempfile.TemporaryDirectory(prefix="chowon-bench-") as folder:
        port, other = _free_port(), _free_port()
        settings: dict[str, str] = {}
        if program == _INFLUXDB:
            command = [program, "run", "-config", os.devnull]
            settings = {
                "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{port}",
                "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{other}",
                "INFLUXDB_REPORTING_DISABLED": "true",
                "INFLUXDB_MONITOR_STORE_ENABLED": "false",
                "INFLUXDB_HTTP_LOG_ENABLED": "false",
                "INFLUXDB_META_DIR": str(Path(folder) / "meta"),
                "INFLUXDB_DATA_DIR": str(Path(folder) / "data"),
                "INFLUXDB_DATA_WAL_DIR": str(Path(folder) / "wal"),
            }
        else:
            command = [program, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}/data"]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, env=os.environ | settings, stdout=quiet, stderr=quiet) as running:  # noqa: S603
            try:
                address = f"http://127.0.0.1:{port}"
                _ready(address, program)
                if program == _INFLUXDB:
                    _post(f"{address}/query", urlencode({"q": "CREATE DATABASE bench"}).encode())
                yield address, psutil.Process(running.pid)
            finally:
                running.terminate()


def _ready(address: str, program: str) -> None:
    deadline_s = time.monotonic() + READY_S
    while True:
        try:
            with urlopen(f"{address}/ping", timeout=5):  # noqa: S310 - ours
                return
        except URLError as error:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{program} does not answer at {address}") from error
            time.sleep(0.05)


def _send(url: str, bodies: list[bytes]) -> None:
    for body in bodies:
        _post(url, body)


def _post(url: str, body: bytes) -> None:
    with urlopen(Request(url, body), timeout=60) as answer:  # noqa: S310 - ours
        answer.read()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
