"""The scoreboard, docs/benchmarks/nilm.md: the same results give the same page."""

from collections.abc import Sequence
from importlib import resources
from typing import Final

from chowon.bench.nilm.run import HomeFacts, Results, Row, Spread

_COLUMNS: Final = (
    ("MAE, W", "mae_w", 2),
    ("F1", "f1", 3),
    ("event F1", "event_f1", 3),
    ("energy, %", "energy_error_pct", 1),
    ("by month, %", "month_energy_error_pct", 1),
    ("matched", "matched_energy", 3),
    ("SAE", "sae", 3),
    ("false alarms a day", "false_alarms_per_day", 2),
    ("runs found", "runs_found", 3),
    ("delay, s", "delay_s", 0),
    ("won off a month", "won_error_per_month", 0),
)


def scoreboard(results: Sequence[Results]) -> str:
    """The page, in Markdown."""
    intro = resources.files("chowon.bench.nilm").joinpath("page.md").read_text("utf-8").rstrip()
    return "\n\n".join([intro, *(_section(one) for one in results)]) + "\n"


def _section(results: Results) -> str:
    parts = [
        f"## {results.title}",
        f"`{results.protocol}`, {_seconds(results.step_s)} grid. {_joined(results.note)}",
    ]
    parts.append(_homes(results.homes))
    tested = dict.fromkeys((row.home, row.kind) for row in results.rows)
    parts += [_appliance([r for r in results.rows if (r.home, r.kind) == one]) for one in tested]
    return "\n\n".join(parts)


def _homes(homes: Sequence[HomeFacts]) -> str:
    rows = [
        [
            home.id,
            "learnt from" if home.role == "train" else "scored",
            f"{home.hours / 24:,.1f}",
            f"{home.coverage:.0%}",
        ]
        for home in homes
    ]
    return _table(["home", "role", "days known", "coverage"], rows)


def _appliance(rows: Sequence[Row]) -> str:
    first = rows[0]
    runs, hours, kwh = (first.figures[name] for name in ("runs", "hours", "true_kwh"))
    won = first.figures["won_per_month"]
    about = f"{_text(runs, 0)} runs and {_text(kwh, 1)} kWh in {_text(hours, 0)} h"
    about += "" if won is None else f"; {_text(won, 0)} won a month"
    cells = [
        [row.model + ("" if row.learnt else " (never learnt it)"), row.value]
        + [_text(row.figures[name], digits) for _, name, digits in _COLUMNS]
        for row in rows
    ]
    heading = f"### {first.kind.replace('_', ' ').capitalize()}, {first.home}\n{about[0].upper()}{about[1:]}."
    return f"{heading}\n\n" + _table(["model", "value", *(title for title, _, _ in _COLUMNS)], cells)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return "–"
    low, mean, high = (f"{value:,.{digits}f}" for value in (spread.low, spread.mean, spread.high))
    return mean if low == high else f"{mean} ({low} to {high})"


def _seconds(step_s: float) -> str:
    return f"{step_s / 60:g}-minute" if step_s >= 60 else f"{step_s:g}-second"


def _joined(text: str) -> str:
    return " ".join(text.split())
