"""Where inputs come from: changes of known ones by a seed; or of those that reached new code, by atheris."""

import importlib.util
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fuzz.mutation import LONGEST_RARE, mutated
from tests.fuzz.targets import Target

_KEPT = 400
_LONGEST_KEPT = 4096
_REPAIRED = 0.7

Take = Callable[[bytes], bool]
"""Runs an input; whether it was taken"""


def has_coverage() -> bool:
    """Whether atheris is installed: pip install atheris."""
    return importlib.util.find_spec("atheris") is not None


def by_mutation(target: Target, seed: int, take: Take, going: Callable[[], bool]) -> None:
    """Inputs made of the seeds and of others made before, mostly such as were taken.

    The same seed makes the same inputs.
    """
    random = Random(seed)
    pool = list(target.seeds)
    for data in pool:
        take(data)
    while going():
        data = _made(random, target, random.choice(pool), pool)
        kept = 0.02 if take(data) else 0.001
        if random.random() < kept and len(data) < _LONGEST_KEPT:
            if len(pool) < _KEPT:
                pool.append(data)
            else:
                pool[random.randrange(len(target.seeds), _KEPT)] = data


def by_coverage(
    target: Target,
    seed: int,
    take: Take,
    going: Callable[[], bool],
    end: Callable[[], None],
    corpus: Path,
    scratch: Path,
) -> None:
    """Inputs that libFuzzer picks; what reached new code is kept in the corpus.

    Does not return: calls `end`, and ends the process. scratch: a folder for what libFuzzer leaves.
    """
    import atheris

    corpus.mkdir(parents=True, exist_ok=True)
    for n, data in enumerate(target.seeds):
        (corpus / f"seed-{n}").write_bytes(data)
    seeds = list(target.seeds)

    def one(data: bytes) -> None:
        take(data)
        if not going():
            end()
            os._exit(0)  # libFuzzer knows no other way to be stopped from inside

    def custom(data: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.3:
            data = atheris.Mutate(data[:longest], min(len(data) + 64, longest))
            return (target.mend(data) if target.mend and random.random() < _REPAIRED else data)[:longest]
        return _made(random, target, data, seeds)[:longest]

    # Time, memory and signals are looked after by us.
    options = [f"-seed={seed % 2**32}", f"-max_len={LONGEST_RARE}", "-timeout=100000", "-rss_limit_mb=0"]
    options += [f"-handle_{signal}=0" for signal in ("segv", "abrt", "bus", "fpe", "ill")]
    options += [f"-artifact_prefix={scratch}/", "-verbosity=0", "-len_control=0", "-print_pcs=0"]
    atheris.Setup(["fuzz", *options, str(corpus)], one, custom_mutator=custom, internal_libfuzzer=True)
    atheris.Fuzz()


def of_corpus(corpus: Path, most: int) -> list[bytes]:
    """Short inputs that reached new code."""
    short = (path for path in sorted(corpus.iterdir()) if path.stat().st_size < _LONGEST_KEPT)
    return [path.read_bytes() for path in itertools.islice(short, most)]


def bounded(inputs: int, seconds: float, done: Callable[[], int]) -> Callable[[], bool]:
    """Whether there is still something to do."""
    until_s = time.monotonic() + seconds
    return lambda: done() < inputs and time.monotonic() < until_s


def _made(random: Random, target: Target, data: bytes, others: list[bytes]) -> bytes:
    made = mutated(random, data, others)
    return target.mend(made) if target.mend is not None and random.random() < _REPAIRED else made
