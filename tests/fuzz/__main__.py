"""The command: python -m tests.fuzz [NAME…] [--inputs N] [--seconds S] [--seed K] [--engine E] [--json]."""

import argparse
import json
import re
import secrets
import sys
from pathlib import Path

from tests.fuzz import engines, supervised, targets
from tests.fuzz.supervised import Result
from tests.fuzz.watch import Finding

FOUND = Path(__file__).parent / "found"
CORPUS = Path(".fuzz")


def main() -> int:
    """0 when all is well, 1 with findings, 2 for a target that is not there."""
    known = list(targets.every_target())
    asked = _asked(known)
    if asked is None:
        return 2
    seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
    results = []
    for name in asked.names or known:
        print(f"{name}: seed {seed}, {asked.engine}", file=sys.stderr, flush=True)
        result = supervised.fuzzed(name, seed, asked.inputs, asked.seconds, asked.engine, asked.corpus)
        results.append(result)
        _tell(result, asked.json)
    return int(any(result.findings for result in results))


def _asked(known: list[str]) -> argparse.Namespace | None:
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"or package.module:NAME; default: all of {', '.join(known)}"
    )
    parser.add_argument("--inputs", type=int, default=5_000_000, help="of each")
    parser.add_argument("--seconds", type=float, default=600, help="of each, at most")
    parser.add_argument("--seed", type=int, help="the same seed makes the same inputs (engine mutation)")
    best = "coverage" if engines.has_coverage() else "mutation"
    parser.add_argument("--engine", choices=["coverage", "mutation"], default=best)
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="kept from run to run (engine coverage)")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each target")
    asked = parser.parse_args()
    wrong = [name for name in asked.names if name not in known and ":" not in name]
    if wrong:
        print(f"no target {', '.join(wrong)}; there are {', '.join(known)}", file=sys.stderr)
        return None
    if asked.engine == "coverage" and not engines.has_coverage():
        print("atheris is not installed: pip install atheris, or --engine mutation", file=sys.stderr)
        return None
    return asked


def _tell(result: Result, as_json: bool) -> None:
    kept = [(finding, _kept(result.target, finding)) for finding in result.findings]
    if as_json:
        findings = [{"kind": f.kind, "times": f.times, "file": str(path)} for f, path in kept]
        told = {n: getattr(result, n) for n in ("target", "seed", "engine", "inputs", "seconds", "refused")}
        print(json.dumps(told | {"longest_s": result.longest_s, "findings": findings}), flush=True)
    else:
        rate = result.inputs / max(result.seconds, 0.001)
        print(
            f"{result.target}: {result.inputs:,} inputs in {result.seconds:.0f} s ({rate:,.0f}/s), "
            f"{result.refused:,} refused, longest {result.longest_s * 1000:.0f} ms, "
            f"{len(result.findings)} findings",
            flush=True,
        )
    for finding, path in kept:
        print(
            f"  {finding.kind} ({finding.times} times): {path}\n{finding.told}", file=sys.stderr, flush=True
        )


def _kept(target: str, finding: Finding) -> Path:
    """The file that holds the input from now on; tests/fuzz/test_found_inputs.py runs it."""
    name = re.sub(r"[^a-z0-9]+", "-", finding.kind.lower()).strip("-")
    path = FOUND / target.replace(":", "-") / f"{name}.input"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(finding.data)
    return path


if __name__ == "__main__":
    sys.exit(main())
