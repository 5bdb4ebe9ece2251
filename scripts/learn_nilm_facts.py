"""Writes src/chowon/models/nilm/learnt.json: what the homes that may teach shipped models say of each kind.

Usage: learn_nilm_facts.py DATA, the folder with refit/, ideal/ and virtual_homes/. REDD teaches nothing that
is shipped: it may not be passed on. The same input makes the same bytes.
"""

import json
import sys
from pathlib import Path

from chowon.bench.nilm.homes import GapRules, home_on_grid
from chowon.bench.nilm.kinds import kinds
from chowon.bench.nilm.readers import recording
from chowon.domain.nilm.levels import facts_of_home

STEP_MS = 60_000
GAPS = GapRules(zero_mains=True, frozen_mains_ms=3_600_000)
FILES = {
    "refit/house2_1min": GAPS,
    "refit/house20_1min": GAPS,
    "ideal/house65_1min": GAPS,
    "virtual_homes/v1": GapRules(),
    "virtual_homes/v2": GapRules(),
    "virtual_homes/v3": GapRules(),
}
OUT = Path(__file__).parents[1] / "src/chowon/models/nilm/learnt.json"


def main(data: Path) -> None:
    rules = {kind.name: kind.rule for kind in kinds().values()}
    homes = [
        home_on_grid(recording.read(data / f"{file}.parquet"), STEP_MS, list(rules), gaps)
        for file, gaps in FILES.items()
    ]
    document = {
        "licence": "figures of REFIT and IDEAL (CC BY 4.0) and tracebase (ODbL 1.0); see NOTICE",
        "step_s": STEP_MS // 1000,
        "sources": {home.id: sorted(home.sources) for home in homes if home.sources},
        "homes": {
            home.id: {
                kind: {
                    "mean_w": round(facts.mean_w, 2),
                    "levels_w": [round(w, 1) for w in facts.levels_w],
                    "longest_run_ms": facts.longest_run_ms,
                }
                for kind, facts in facts_of_home(home, rules).items()
            }
            for home in homes
        },
    }
    OUT.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
