"""The same lines of line protocol into chowon and into the time-series stores that this machine has.

All servers run at once, each in an empty folder, and are sent to in turns, so that what else the machine
does meets all of them alike: the same bodies from the same senders, over connections that stay open. Each
sender has 200 homes of its own and sends one body after the other, in the order of time. chowon and InfluxDB
answer when the lines are on disk; VictoriaMetrics answers before.
"""

import asyncio
import contextlib
import gzip
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from itertools import pairwise
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import psutil

from chowon.bench.ingest import sample
from chowon.bench.rivals import installed, rival
from chowon.bench.running import server
from chowon.meters import influx_line

SENDERS: Final = 4
HOMES: Final = 200
SECONDS: Final = 600
"""So long each home of a sender tells a line a second: 120,000 lines a sender."""
SIZES: Final = (200, 1_000, 5_000, 12_000)
"""Lines a body; Telegraf sends 1,000 unless it is told otherwise."""
SLICES: Final = 10
WARM_S: Final = 3.0
"""After the first bodies, which teach each server its names: so long until they are sent to in earnest."""
CHOWON: Final = "chowon"


@dataclass(frozen=True, slots=True)
class LinesFigure:
    """One server, one size of body."""

    server: str
    lines_per_body: int
    gzip: bool
    lines_per_s: float
    """while it was sent to"""
    lines_per_cpu_s: float
    """a second of one core's time of the server and its children"""
    chowon_per_core: float
    """How many times as many lines a second of a core chowon takes."""


def measure(*, compressed: bool = False) -> list[LinesFigure]:
    """Every server that is there, with each size of body."""
    lines = influx_line.encode(sample(HOMES, SECONDS)).splitlines(keepends=True)
    figures = (asyncio.run(_measured(_bodies(lines, size, compressed), size, compressed)) for size in SIZES)
    return [figure for of_size in figures for figure in of_size]


@dataclass(slots=True)
class _Server:
    """One server that is sent to, and for how long that was."""

    name: str
    address: str
    process: psutil.Process
    took_s: float = 0.0

    def send(self, bodies: Sequence[Sequence[bytes]], headers: Mapping[str, str]) -> None:
        """The bodies of each sender one after the other over one connection, all senders at once."""
        begun = time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(lambda mine: _send(self.address, mine, headers), bodies))
        self.took_s += time.perf_counter() - begun

    def cpu_s(self) -> float:
        """What it and its children have used of processors so far."""
        times = [p.cpu_times() for p in (self.process, *self.process.children(recursive=True))]
        return sum(t.user + t.system for t in times)


async def _measured(bodies: list[list[bytes]], size: int, compressed: bool) -> list[LinesFigure]:
    headers = {"Content-Encoding": "gzip"} if compressed else {}
    async with contextlib.AsyncExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory(prefix="chowon-bench-"))
        at, process = await running.enter_async_context(server(folder))
        servers = [_Server(CHOWON, at["http"], process)]
        servers += [_Server(name, *running.enter_context(rival(name))) for name in installed()]
        spent_s = await asyncio.to_thread(_in_turns, servers, bodies, headers)
    lines = size * sum(len(mine) - 1 for mine in bodies)
    per_core = [lines / s for s in spent_s]
    return [
        LinesFigure(
            one.name,
            size,
            compressed,
            round(lines / one.took_s),
            round(rate),
            round(per_core[0] / rate, 2),
        )
        for one, rate in zip(servers, per_core, strict=True)
    ]


def _in_turns(
    servers: Sequence[_Server], bodies: Sequence[Sequence[bytes]], headers: Mapping[str, str]
) -> list[float]:
    """The seconds of a core that each server used for all bodies but the first ones, which teach it names."""
    for one in servers:
        one.send([mine[:1] for mine in bodies], headers)
        one.took_s = 0.0
    time.sleep(WARM_S)
    before_s = [one.cpu_s() for one in servers]
    cuts = np.linspace(1, len(bodies[0]), 1 + min(SLICES, len(bodies[0]) - 1)).astype(int).tolist()
    for begin, end in pairwise(cuts):
        for one in servers:
            one.send([mine[begin:end] for mine in bodies], headers)
    return [max(one.cpu_s() - before, 0.01) for one, before in zip(servers, before_s, strict=True)]


def _bodies(lines: Sequence[bytes], size: int, compressed: bool) -> list[list[bytes]]:
    """What each sender sends: bodies that follow each other in time, of the seconds of its 200 homes."""
    of_one = [b"".join(lines[at : at + size]) for at in range(0, len(lines), size)]
    senders = [[body.replace(b"site=home", b"site=s%d" % n) for body in of_one] for n in range(SENDERS)]
    return [[gzip.compress(body, 6) for body in mine] for mine in senders] if compressed else senders


def _send(address: str, bodies: Sequence[bytes], headers: Mapping[str, str]) -> None:
    with contextlib.closing(HTTPConnection(urlsplit(address).netloc)) as connection:
        for body in bodies:
            connection.request("POST", "/write?db=bench", body, dict(headers))
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != HTTPStatus.NO_CONTENT:
                raise RuntimeError(f"{address} answers {answer.status}: {said[:200]!r}")
