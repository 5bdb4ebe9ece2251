"""Puts the figures of docs/benchmarks/nilm into the cards of the shipped weights.

Usage: put_nilm_figures.py, after
`chowon bench nilm --protocol as-shipped --protocol three-runs-named --results docs/benchmarks/nilm`.
A card's figures are means over the homes, each told by weights that it did not teach: those at 230 V where
any of these has the kind, for its appliances are those of Korea; else the American ones. The live network's
are those of its settled values, and beside them, as `now_…`, those of what it tells at once. `named_f1` is
the nightly network's on all homes, once they had taught it by three runs.
"""

import json
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

from chowon.models.nilm.network.card import read, write

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/benchmarks/nilm"
WEIGHTS = ROOT / "src/chowon/models/nilm/weights"
TOLD = ("f1", "mae_w", "zero_mae_w", "month_energy_error_pct", "matched_energy", "false_alarms_per_day")
NOW = ("f1", "mae_w")


def main() -> None:
    rows = _rows("as-shipped")
    told, named = _by_kind(rows, "network", TOLD), _named(_rows("three-runs-named"))
    _put(WEIGHTS, {kind: told.get(kind, {}) | named.get(kind, {}) for kind in sorted(told | named)})
    live, now = _by_kind(rows, "live-settled", TOLD), _by_kind(rows, "live", NOW)
    beside = {kind: {f"now_{name}": value for name, value in one.items()} for kind, one in now.items()}
    kinds = [*live, *(kind for kind in beside if kind not in live)]
    _put(WEIGHTS / "live", {kind: live.get(kind, {}) | beside.get(kind, {}) for kind in kinds})


def _rows(protocol: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((RESULTS / f"{protocol}.json").read_text("utf-8"))["rows"]
    return rows


def _named(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Of kinds that a home has: their F1 is a number there."""
    by_kind: dict[str, list[float]] = {}
    for row in rows:
        if row["model"] == "network-named" and row["learnt"] and row["figures"]["f1"]:
            by_kind.setdefault(row["kind"], []).append(row["figures"]["f1"]["mean"])
    return {kind: {"named_f1": round(mean(f1), 4)} for kind, f1 in by_kind.items()}


def _put(folder: Path, figures: dict[str, dict[str, float]]) -> None:
    for path in sorted(folder.glob("*.json")):
        write(replace(read(path.read_text("utf-8"), path.name), figures=figures), path)


def _by_kind(rows: list[dict[str, Any]], model: str, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["model"] == model and row["learnt"] and row["figures"]["f1"]:
            by_kind.setdefault(row["kind"], []).append(row)
    return {kind: _figures(homes, names) for kind, homes in by_kind.items()}


def _figures(rows: list[dict[str, Any]], names: tuple[str, ...]) -> dict[str, float]:
    alike = [row for row in rows if not row["home"].startswith("redd/")] or rows
    found = [row["figures"] for row in alike]
    return {name: round(mean(one[name]["mean"] for one in found if one[name]), 4) for name in names}


if __name__ == "__main__":
    main()
