"""Small recordings for tests, and a Mosquitto broker on a free port."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

MONDAY_MS = 1_341_187_200_000
"""2012-07-02 00:00 UTC, a Monday"""
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
_CONNACK = b"\x20"


def write(
    path: Path, time_ms, *, rows_a_group: int = 500, metadata: dict[str, str] | None = None, **columns
) -> Path:
    """A recording file; each column (n,) numbers, NaN becomes null."""
    arrays = {"timestamp": pa.array(np.asarray(time_ms, np.int64), pa.timestamp("ms", "UTC"))}
    arrays |= {
        n: pa.array(np.asarray(c, np.float64), pa.float32(), from_pandas=True) for n, c in columns.items()
    }
    table = pa.table(arrays).replace_schema_metadata(metadata)
    pq.write_table(table, path, row_group_size=rows_a_group)
    return path


def mosquitto_or_skip() -> str:
    found = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    if not Path(found).exists() and os.environ.get("CI") != "true":
        pytest.skip("Mosquitto is not installed")
    return found


class Mosquitto:
    """A real broker on loopback that keeps its messages on disk; stop and start it as often as you like."""

    def __init__(self, folder: Path, *, settings: str = "allow_anonymous true") -> None:
        self._program = mosquitto_or_skip()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text(
            f"listener {self.port} 127.0.0.1\n{settings}\nmax_queued_messages 0\n"
            f"connection_messages false\npersistence true\npersistence_location {folder}/\n"
            + ("user root\n" if os.geteuid() == 0 else "")
        )
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Mosquitto":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def start(self) -> None:
        """Return when it answers."""
        command = [self._program, "-c", str(self._conf)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        assert any(" running" in line for line in self._process.stderr), "Mosquitto ended at once"
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            client.sendall(_CONNECT)
            assert client.recv(1) == _CONNACK

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Return when it has ended; SIGTERM lets it write its messages to disk."""
        if self._process is not None:
            self._process.send_signal(by)
            self._process.communicate(timeout=10)
            self._process = None
