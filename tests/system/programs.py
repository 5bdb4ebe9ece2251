"""chowon commands as processes of their own, the way users start them and accidents end them."""

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

import chowon

READY_S = 60.0
"""A start takes about a second; a machine that is busy with other things may need far longer."""
STOP_S = 30.0
_SOURCE = str(Path(chowon.__file__).parents[1])
_Found = TypeVar("_Found")


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without any setting of chowon's, then these settings."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("CHOWON_")}
    return plain | {"PYTHONPATH": _SOURCE, "COLUMNS": "200"} | settings


class Program:
    """A running chowon command; whatever happens, it and its children are gone after the `with` block."""

    module = "chowon"

    def __init__(self, *words: str | Path, **settings: str) -> None:
        """words: the command and its options; settings: as environment variables."""
        command = [sys.executable, "-m", self.module, *map(str, words)]
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**settings),
            start_new_session=True,
        )
        self.pid = self._popen.pid
        self._told: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._readers = [threading.Thread(target=r, daemon=True) for r in (self._read_out, self._read_err)]
        for reader in self._readers:
            reader.start()
        self._family: dict[int, psutil.Process] = {}

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.children()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        for child in self._family.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        self._popen.wait()
        for reader in self._readers:
            reader.join(STOP_S)
        for stream in (self._popen.stdout, self._popen.stderr):
            assert stream is not None
            stream.close()
        print(f"--- stderr of pid {self.pid}\n{self.stderr}", file=sys.stderr)

    @property
    def stderr(self) -> str:
        """What it has told so far."""
        return "".join(self._told)

    def line(self, within_s: float = READY_S) -> str:
        """The next line on stdout; fails when the program ends or is silent."""
        try:
            line = self._lines.get(timeout=within_s)
        except queue.Empty:
            raise AssertionError(f"no line within {within_s} s; stderr:\n{self.stderr}") from None
        assert line is not None, f"ended with {self._popen.wait()} and no line; stderr:\n{self.stderr}"
        return line

    def ended(self, within_s: float = STOP_S) -> int:
        """The exit code; fails when it does not end."""
        try:
            code = self._popen.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {within_s} s; stderr:\n{self.stderr}") from None
        for reader in self._readers:
            reader.join(within_s)
        return code

    def send(self, number: signal.Signals) -> None:
        """To this process alone, as a service manager does."""
        self.children()
        self._popen.send_signal(number)

    def ctrl_c(self) -> None:
        """To the process and all its children at once, as a terminal does."""
        self.children()
        os.killpg(self.pid, signal.SIGINT)

    def stopped(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit code after asking it to stop."""
        self.send(number)
        return self.ended()

    def killed(self) -> None:
        """kill -9, and wait until it is gone."""
        self.send(signal.SIGKILL)
        assert self.ended() == -signal.SIGKILL

    def children(self) -> list[psutil.Process]:
        """Every process that it has started so far, alive or not."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.pid).children(recursive=True):
                self._family.setdefault(child.pid, child)
        return list(self._family.values())

    def _read_out(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_err(self) -> None:
        assert self._popen.stderr is not None
        for line in self._popen.stderr:
            self._told.append(line)


class Server(Program):
    """A command that says in one line of JSON where it is: serve and demo."""

    http = ""
    mqtt_port: int | None = None
    enertalk_port: int | None = None

    def ready(self) -> "Server":
        """Returns when it has said that it is ready."""
        at = json.loads(self.line())
        self.http = at["http"]
        self.mqtt_port = None if at["mqtt"] is None else int(at["mqtt"].rpartition(":")[2])
        told = at.get("enertalk")
        self.enertalk_port = None if told is None else int(told.rpartition(":")[2])
        return self

    def get(self, path: str, **headers: str) -> Any:
        """The JSON of a page below /api/v1; fails on any other status than 200."""
        status, answer = self.ask(f"/api/v1{path}", headers=headers)
        assert status == 200, answer
        return answer

    def post(self, body: bytes, kind: str = "application/json", **headers: str) -> tuple[int, Any]:
        """(status, answer) of writing readings."""
        return self.ask("/api/v1/readings", body, {"Content-Type": kind} | headers)

    def ask(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """(status, answer) of any request."""
        return ask(self.http + path, body, headers)

    def tell(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """(status, answer) of a request with a JSON body."""
        data = None if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"}
        status, answer = ask(self.http + path, data, kind | headers, method)
        return status, None if answer == b"" else answer

    def listening(self) -> None:
        """Returns when MQTT messages reach it."""
        eventually(lambda: self.get("/health")["mqtt"]["listening"])

    def day(self, first_ms: int, days: int = 1, resolution: str = "1min", site: int = 1) -> Any:
        """The usage of some days."""
        span = f"from={first_ms}&to={first_ms + days * 86_400_000}"
        return self.get(f"/sites/{site}/usage?{span}&resolution={resolution}")


def serve(folder: Path, *words: str | Path, **settings: str) -> Server:
    """`chowon serve` over a folder on free ports; MQTT is off unless settings say otherwise."""
    defaults = {"CHOWON_MQTT__BROKER": "off", "CHOWON_MQTT__PORT": "0"}
    return Server("serve", "--data", folder, "--port", "0", "--json", *words, **(defaults | settings))


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def run(*words: str | Path, **settings: str) -> Ended:
    """A command that ends by itself."""
    command = [sys.executable, "-m", "chowon", *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(**settings), timeout=READY_S, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def ask(
    url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, method: str | None = None
) -> tuple[int, Any]:
    """(status, answer): JSON where it is JSON. Errors: OSError, http.client.HTTPException."""
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=READY_S) as answer:
            return answer.status, _parsed(answer.headers.get_content_type(), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _parsed(error.headers.get_content_type(), error.read())


def _parsed(kind: str, body: bytes) -> Any:
    return json.loads(body) if kind == "application/json" and body else body


def eventually(check: Callable[[], _Found], within_s: float = READY_S) -> _Found:
    """What `check` answers as soon as it is true; fails with its last answer after the deadline."""
    deadline_s = time.monotonic() + within_s
    while not (found := check()):
        assert time.monotonic() < deadline_s, f"not within {within_s} s; last: {found!r}"
        threading.Event().wait(0.02)
    return found


def gone(processes: list[psutil.Process], within_s: float = STOP_S) -> None:
    """Returns when none of these processes runs any more."""
    _, alive = psutil.wait_procs(processes, within_s)
    left = [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert not left, f"still running: {left}"


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]
