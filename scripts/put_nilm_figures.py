"""Puts the figures of docs/benchmarks/nilm/as-shipped.json into the cards of the shipped weights.

Usage: put_nilm_figures.py, after `chowon bench nilm --protocol as-shipped --results docs/benchmarks/nilm`.
A card's figures are means over the homes, each told by weights that it did not teach: those at 230 V where
any of these has the kind, for its appliances are those of Korea; else the American ones.
"""

import json
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

from chowon.models.nilm.network.card import read, write

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/benchmarks/nilm/as-shipped.json"
WEIGHTS = ROOT / "src/chowon/models/nilm/weights"
TOLD = ("f1", "mae_w", "zero_mae_w", "month_energy_error_pct", "matched_energy", "false_alarms_per_day")


def main() -> None:
    rows = [row for row in json.loads(RESULTS.read_text("utf-8"))["rows"] if row["model"] == "network"]
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["learnt"] and row["figures"]["f1"]:
            by_kind.setdefault(row["kind"], []).append(row)
    figures = {kind: _figures(homes) for kind, homes in by_kind.items()}
    for path in sorted(WEIGHTS.glob("*.json")):
        write(replace(read(path.read_text("utf-8"), path.name), figures=figures), path)


def _figures(rows: list[dict[str, Any]]) -> dict[str, float]:
    alike = [row for row in rows if not row["home"].startswith("redd/")] or rows
    found = [row["figures"] for row in alike]
    return {name: round(mean(one[name]["mean"] for one in found if one[name]), 4) for name in TOLD}


if __name__ == "__main__":
    main()
