"""Targets with a fault each, by which the tool shows that it finds faults."""

import os
import resource
import time

from chowon.errors import PayloadRejected, Problem
from tests.fuzz.targets import Target

_held: list[bytearray] = []


def _refuse(data: bytes) -> None:
    raise PayloadRejected("no", [Problem("payload", repr(data[:9]), "nothing")])


def _raises(data: bytes) -> None:
    if b"!" in data:
        raise KeyError("!")
    _refuse(data)


def _breaks_a_law(data: bytes) -> None:
    assert len(data) != 3


def _gives_no_reason(data: bytes) -> None:
    raise PayloadRejected("no")


def _takes_long(data: bytes) -> None:
    until_s = time.process_time() + 0.6
    while b"!" in data and time.process_time() < until_s:
        pass


def _takes_memory(data: bytes) -> None:
    if b"!" in data:  # more than ever before in this process
        bytearray(b"x") * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + 150_000_000)


def _keeps_memory(data: bytes) -> None:
    _held.append(bytearray(b"x") * 10_000)


def _dies(data: bytes) -> None:
    """Not without having raised before."""
    if data == _SEEDS[0]:
        raise KeyError("seed")
    if b"!" in data:
        os.abort()


_SEEDS = (b"some words", b"and a mark: . !?"[:11])
RAISES = Target("raises", _raises, _SEEDS)
BREAKS_A_LAW = Target("breaks-a-law", _breaks_a_law, _SEEDS)
GIVES_NO_REASON = Target("gives-no-reason", _gives_no_reason, _SEEDS)
TAKES_LONG = Target("takes-long", _takes_long, _SEEDS)
TAKES_MEMORY = Target("takes-memory", _takes_memory, _SEEDS)
KEEPS_MEMORY = Target("keeps-memory", _keeps_memory, _SEEDS)
DIES = Target("dies", _dies, _SEEDS)


def let_go() -> None:
    """Of what KEEPS_MEMORY holds."""
    _held.clear()
