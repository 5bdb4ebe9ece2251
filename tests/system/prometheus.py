"""Debian's Prometheus as a process of its own, in a folder of the test."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.brokers import free_port
from tests.system.programs import READY_S, STOP_S, ask, eventually

PROGRAM = shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(
    PROGRAM is None and os.environ.get("CI") != "true",
    reason="Prometheus is not installed: scripts/system-packages.sh",
)


class Prometheus:
    """A running one."""

    def __init__(self, address: str, log: Path) -> None:
        self.address = address
        self.log = log

    def values(self, query: str) -> dict[str, float]:
        """The newest values that a query finds, by the label `site`, else `instance`."""
        status, answer = ask(f"{self.address}/api/v1/query?query={quote(query)}")
        assert status == 200, answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return {r["metric"].get("site", r["metric"].get("instance", "")): float(r["value"][1]) for r in found}


@contextlib.contextmanager
def prometheus(folder: Path, config: str) -> Iterator[Prometheus]:
    """Prometheus with this configuration, from when it answers; {self} in it is its own address."""
    assert PROGRAM is not None, "scripts/system-packages.sh installs Prometheus"
    folder.mkdir()
    port = free_port()
    (folder / "prometheus.yml").write_text(config.replace("{self}", f"127.0.0.1:{port}"))
    command = [
        PROGRAM,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.remote.flush-deadline=1s",
        "--web.console.templates=",
        "--web.console.libraries=",
    ]
    log = folder / "log"
    with log.open("wb") as told:
        running = subprocess.Popen(command, stdout=told, stderr=told, start_new_session=True)
    try:
        found = Prometheus(f"http://127.0.0.1:{port}", log)

        def ready() -> bool:
            assert running.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                return ask(f"{found.address}/-/ready")[0] == 200
            return False

        eventually(ready, READY_S)
        yield found
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
