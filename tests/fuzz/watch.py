"""Running one input and looking at what it did: wrong errors, broken laws, too long, too much memory."""

import gc
import os
import resource
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from chowon.errors import BadInput, PayloadRejected
from tests.fuzz.targets import Target

MOST_S = 0.5
"""Processor seconds that an input may take,"""
MOST_S_PER_MIB = 4.0
"""and so many more a MiB: a reason for every bad reading has its price"""
MOST_MIB = 96
"""Memory that an input may add to the highest so far,"""
MOST_TIMES = 128
"""and so many times its own length"""
MOST_GROWTH_MIB = 12
"""Memory that is not given back after AGAIN inputs"""
AGAIN = 20_000
_LOOKS = 4
"""At memory, in each quarter"""
_MIB = 2**20
_HERE = (f"chowon{os.sep}", f"tests{os.sep}")


@dataclass(slots=True)
class Finding:
    """Something that must not be, and the shortest input so far that shows it."""

    kind: str
    """Equal findings have equal kinds: the error, and where"""
    told: str
    data: bytes
    times: int = 1


@dataclass(slots=True)
class Watch:
    """Runs inputs of one target; keeps the findings by kind."""

    target: Target
    findings: dict[str, Finding] = field(default_factory=dict)
    inputs: int = 0
    refused: int = 0
    """Inputs that were answered with a documented error"""
    longest_s: float = 0.0
    _counting: bool = False
    _next: int = 0

    def warm_up(self) -> None:
        """Imports and caches are nobody's fault."""
        for seed in self.target.seeds:
            self._said(seed)

    def one(self, data: bytes) -> bool:
        """Whether it was taken: no error, not even a documented one."""
        self.inputs += 1
        refused_before = self.refused
        self._counting = True
        finding = self.finding_of(data)
        self._counting = False
        if finding is None:
            return self.refused == refused_before
        known = self.findings.setdefault(finding.kind, finding)
        known.times += known is not finding
        if len(data) < len(known.data):
            known.data, known.told = data, finding.told
        return False

    def finding_of(self, data: bytes) -> Finding | None:
        """What is wrong with this input."""
        before = _memory()
        start_s = time.process_time()
        said = self._said(data)
        took_s = time.process_time() - start_s
        if said is not None:
            return Finding(*said, data)
        self.longest_s = max(self.longest_s, took_s)
        more = _memory() - before
        if more > MOST_MIB * _MIB + MOST_TIMES * len(data):  # which takes long too
            return Finding("too much memory", f"{more / _MIB:.0f} MiB for {len(data)} bytes", data)
        if took_s > _most_s(data) and (again_s := self._quickest_s(data)) > _most_s(data):
            return Finding("too long", f"{again_s:.2f} s for {len(data)} bytes", data)
        return None

    def growth(self, inputs: Sequence[bytes], most_s: float) -> Finding | None:
        """What stays in memory when the same inputs are run again and again.

        Allocators go up and down by themselves: the least of the last quarter counts against the most of the
        first.
        """
        self._again(inputs, AGAIN // 10, most_s / 5)
        runs, resident = 0, []
        for _ in range(4 * _LOOKS):
            runs += self._again(inputs, AGAIN // (4 * _LOOKS), most_s / (4 * _LOOKS))
            resident.append(_resident())
        grown = min(resident[-_LOOKS:]) - max(resident[:_LOOKS])
        if grown > MOST_GROWTH_MIB * _MIB:
            told = f"{grown / _MIB:.0f} MiB more after {runs} inputs"
            return Finding("memory grows", told, b"")
        return None

    def _again(self, inputs: Sequence[bytes], times: int, most_s: float) -> int:
        until_s = time.monotonic() + most_s
        done = 0
        while done < times and time.monotonic() < until_s:
            self._said(inputs[self._next % len(inputs)])
            self._next += 1
            done += 1
        gc.collect()
        return done

    def _quickest_s(self, data: bytes) -> float:
        """Of three runs: the first may have met a garbage collection."""
        return min(_timed(lambda: self._said(data)) for _ in range(3))

    def _said(self, data: bytes) -> tuple[str, str] | None:
        """(kind, what was raised) of an error that is not documented."""
        try:
            self.target.run(data)
        except self.target.documented as error:
            self.refused += self._counting
            if isinstance(error, PayloadRejected) and not error.problems:
                return "refused without a reason", str(error)
            if isinstance(error, BadInput) and not str(error).strip():
                return "refused without a word", repr(error)
        except Exception as error:  # noqa: BLE001 — whatever it is, it is a finding
            return f"{type(error).__name__} at {_place(error)}", "".join(
                traceback.format_exception(error)[-6:]
            )
        return None


def _place(error: BaseException) -> str:
    """The innermost line of ours, which tells findings apart."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if any(part in f.filename for part in _HERE)] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"


def _most_s(data: bytes) -> float:
    return MOST_S + MOST_S_PER_MIB * len(data) / _MIB


def _timed(run: Callable[[], object]) -> float:
    start_s = time.process_time()
    run()
    return time.process_time() - start_s


def _memory() -> int:
    """The highest that this process, and Arrow in it, has had, bytes."""
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return max(highest, pa.default_memory_pool().max_memory() or 0)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
