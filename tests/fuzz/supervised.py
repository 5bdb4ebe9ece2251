"""A target's run in child processes: what kills one is a finding too, and the next one goes on."""

import base64
import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.fuzz.watch import Finding
from tests.fuzz.window import FOUND, Window

HANGS_S = 30.0
"""After so long over one input the child is killed"""
_LOOK_S = 0.5
_CLOSING_S = 900.0
"""For the look at memory and the shortening of what was found"""
_BUSY = 10


@dataclass(slots=True)
class Result:
    """What a target's run came to."""

    target: str
    seed: int
    engine: str
    inputs: int = 0
    seconds: float = 0.0
    refused: int = 0
    longest_s: float = 0.0
    findings: list[Finding] = field(default_factory=list)


def fuzzed(target: str, seed: int, inputs: int, seconds: float, engine: str, corpus: Path) -> Result:
    """So many inputs, or so many seconds, whichever comes first."""
    result = Result(target, seed, engine)
    start_s = time.monotonic()
    until_s = start_s + seconds
    while result.inputs < inputs and time.monotonic() < until_s:
        left_s = until_s - time.monotonic()
        crashed = _child(result, seed, inputs - result.inputs, left_s, engine, corpus)
        if crashed is None:
            break
        _add(result, crashed)
        seed += 1
    if engine == "coverage" and (crashed := _child(result, seed, 0, seconds, "memory", corpus)):
        _add(result, crashed)
    result.seconds = time.monotonic() - start_s
    return result


def _child(
    result: Result, seed: int, inputs: int, seconds: float, engine: str, corpus: Path
) -> Finding | None:
    """Adds to the result; the finding that ended the child before its time."""
    with tempfile.TemporaryDirectory() as folder:
        path, log, found = (Path(folder) / name for name in ("window", "log", FOUND))
        path.touch()
        window = Window(path)
        kept = corpus / result.target.replace(":", "-")
        arguments = map(str, (result.target, seed, inputs, seconds, engine, kept, path))
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.child", *arguments], stdout=subprocess.PIPE, stderr=errors
            )
            hung = _waited(process, window, seconds)
            out = process.communicate()[0]
        count, data = window.seen()
        window.close()
        if process.returncode == 0 and not hung:
            _add_all(result, json.loads(out.splitlines()[-1]))
            return None
        _add_all(result, {"inputs": max(1, count), "findings": _read(found)})
        kind = "hangs" if hung else f"dies with {process.returncode}"
        tail = log.read_text(errors="replace").splitlines()[-25:]
        return Finding(kind, "\n".join(tail), data)


def _read(found: Path) -> list[dict]:
    return json.loads(found.read_text()) if found.is_file() else []


def _waited(process: subprocess.Popen[bytes], window: Window, seconds: float) -> bool:
    """Until the process has ended; whether that took a kill.

    A hang is one of processor time, or ten times as long by the clock: the machine may be busy.
    """
    used = psutil.Process(process.pid)
    last, since_s, since_used_s = -1, time.monotonic(), 0.0
    until_s = since_s + seconds + _CLOSING_S
    while True:
        try:
            process.wait(_LOOK_S)
        except subprocess.TimeoutExpired:
            count, data = window.seen()
            now_s = time.monotonic()
            used_s = used.cpu_times().user + used.cpu_times().system
            if count != last:
                last, since_s, since_used_s = count, now_s, used_s
            stuck = used_s - since_used_s > HANGS_S or now_s - since_s > _BUSY * HANGS_S
            if now_s > until_s or (data and stuck):
                process.send_signal(signal.SIGABRT)  # faulthandler tells where it was
                return True
        else:
            return False


def _add_all(result: Result, told: dict) -> None:
    result.inputs += told["inputs"]
    result.refused += told.get("refused", 0)
    result.longest_s = max(result.longest_s, told.get("longest_s", 0.0))
    for found in told["findings"]:
        _add(result, Finding(**(found | {"data": base64.b64decode(found["data"])})))


def _add(result: Result, finding: Finding) -> None:
    known = next((one for one in result.findings if one.kind == finding.kind), None)
    if known is None:
        result.findings.append(finding)
    else:
        known.times += finding.times
