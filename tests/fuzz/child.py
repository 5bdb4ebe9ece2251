"""One target in a process of its own, which may crash, hang or eat memory: the parent sees to it.

python -m tests.fuzz.child TARGET SEED INPUTS SECONDS ENGINE CORPUS WINDOW: the input in hand stands in the
file WINDOW, what was found so far in FOUND beside it; the result is one line of JSON on stdout. ENGINE:
mutation, coverage, or memory, which looks at what the inputs of the corpus leave behind (atheris keeps memory
of its own, so that is not looked at beside it).
"""

import base64
import contextlib
import faulthandler
import json
import random
import resource
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.window import FOUND, Window

if TYPE_CHECKING:
    from tests.fuzz import watch

_MOST_ADDRESS_SPACE = 16 * 2**30
_GROWTH_SHARE = 0.1
_MOST_SAMPLES = 300
_INSTRUMENTED = ("chowon", "smllib", "dsmr_parser")


def main(arguments: list[str]) -> None:
    name, seed, inputs, seconds, engine, corpus, window = arguments
    faulthandler.enable()
    warnings.simplefilter("error")  # as in the tests
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ADDRESS_SPACE, _MOST_ADDRESS_SPACE))
    with _instrumented(engine):
        from tests.fuzz import engines, shrinking, targets, watch

        target = targets.named(name)
    watched = watch.Watch(target)
    watched.warm_up()
    glass, found_file = Window(Path(window)), Path(window).with_name(FOUND)
    sample: list[bytes] = list(target.seeds)
    picking = random.Random(int(seed))

    def take(data: bytes) -> bool:
        glass.show(data)
        known = len(watched.findings)
        taken = watched.one(data)
        if len(watched.findings) > known:
            found_file.write_text(json.dumps([_plain(f) for f in watched.findings.values()]))
        if picking.random() < 0.001 and len(data) < 4096 and len(sample) < _MOST_SAMPLES:
            sample.append(data)
        return taken

    def end() -> None:
        glass.show(b"")
        growth_s = 0 if engine == "coverage" else max(1.0, float(seconds) * _GROWTH_SHARE)
        growth = watched.growth(sample, growth_s) if growth_s else None
        found = [shrinking.shrunk(f, watched.finding_of) for f in watched.findings.values()]
        found += [growth] if growth is not None else []
        told = {
            "inputs": watched.inputs,
            "refused": watched.refused,
            "longest_s": watched.longest_s,
            "findings": [_plain(f) for f in found],
        }
        print(json.dumps(told), flush=True)

    going = engines.bounded(int(inputs), float(seconds), lambda: watched.inputs)
    if engine == "coverage":
        engines.by_coverage(target, int(seed), take, going, end, Path(corpus), Path(window).parent)
    elif engine == "memory":
        sample += engines.of_corpus(Path(corpus), _MOST_SAMPLES)
        end()
    else:
        engines.by_mutation(target, int(seed), take, going)
        end()


def _plain(finding: "watch.Finding") -> dict[str, object]:
    return asdict(finding) | {"data": base64.b64encode(finding.data).decode()}


@contextlib.contextmanager
def _instrumented(engine: str) -> Iterator[None]:
    if engine != "coverage":
        yield
        return
    import atheris

    with atheris.instrument_imports(include=list(_INSTRUMENTED)):
        yield


if __name__ == "__main__":
    main(sys.argv[1:])
