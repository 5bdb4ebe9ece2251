"""Time-series stores of others that this machine has, each as a server by itself in an empty folder."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import psutil

READY_S: Final = 60.0
_INFLUXDB: Final = "influxd"
_VICTORIA: Final = "victoria-metrics"


def installed() -> list[str]:
    """The programs that are there."""
    return [program for program in (_INFLUXDB, _VICTORIA) if shutil.which(program)]


@contextlib.contextmanager
def rival(program: str) -> Iterator[tuple[str, psutil.Process]]:
    """Its address, from when it answers, and its process; it has a database "bench"."""
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
                    question = urlencode({"q": "CREATE DATABASE bench"}).encode()
                    with urlopen(Request(f"{address}/query", question), timeout=60):  # noqa: S310 - ours
                        pass
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


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
