"""A real server in a process of its own, for measurements from outside."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.request import Request, urlopen

import psutil


@asynccontextmanager
async def server(folder: str) -> AsyncIterator[tuple[dict[str, str], psutil.Process]]:
    """({"http": address, "mqtt": "host:port"}, its process) of `chowon serve` over a folder."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chowon", "serve", "--data", folder),
        *("--port", "0", "--mqtt-port", "0", "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert started.stdout is not None
    try:
        yield json.loads(await started.stdout.readline()), psutil.Process(started.pid)
    finally:
        started.terminate()
        await started.wait()


def post(address: str, body: bytes, kind: str) -> Any:
    """What the server answers to readings. Errors: urllib.error.HTTPError."""
    request = Request(f"{address}/api/v1/readings", body, {"Content-Type": kind})  # noqa: S310 - ours
    with urlopen(request, timeout=60) as answer:  # noqa: S310 - ours
        return json.load(answer)


def get(url: str) -> Any:
    """The JSON behind an address."""
    with urlopen(url, timeout=30) as answer:  # noqa: S310 - ours
        return json.load(answer)
