"""The scoreboard, docs/benchmarks/nilm.md: the same results give the same page."""

from collections.abc import Callable, Sequence
from importlib import resources
from typing import Final

from chowon.bench.nilm.opening import HomeFacts
from chowon.bench.nilm.run import Results, Row, Spread
from chowon.domain.nilm.runs import OnRule

_COLUMNS: Final = (
    ("MAE, W", "mae_w", 2),
    ("F1", "f1", 3),
    ("event F1", "event_f1", 3),
    ("energy, %", "energy_error_pct", 1),
    ("by month, %", "month_energy_error_pct", 1),
    ("kWh off a month", "kwh_error_per_month", 2),
    ("matched", "matched_energy", 3),
    ("SAE", "sae", 3),
    ("false alarms a day", "false_alarms_per_day", 2),
    ("runs found", "runs_found", 3),
    ("delay, s", "delay_s", 0),
    ("won off a month", "won_error_per_month", 0),
)


def scoreboard(results: Sequence[Results], pictures: str) -> str:
    """The page, in Markdown. pictures: the folder of plots, as seen from the page."""
    intro = resources.files("chowon.bench.nilm").joinpath("page.md").read_text("utf-8").rstrip()
    return "\n\n".join([intro, _overview(results), *(_section(one, pictures) for one in results)]) + "\n"


def _overview(results: Sequence[Results]) -> str:
    """The best of each figure, and how far it is from the goal."""
    rows = []
    for one in results:
        several = len({row.home for row in one.rows}) > 1
        for home, kind in dict.fromkeys((row.home, row.kind) for row in one.rows):
            of_kind = [row for row in one.rows if (row.home, row.kind) == (home, kind)]
            runs = of_kind[0].figures["runs"]
            if runs is None or not runs.mean:
                continue
            goal = one.goals.get(kind)
            wanted = (
                "–" if goal is None else f"{goal.mae_w:g}" + ("" if goal.f1 is None else f" / {goal.f1:g}")
            )
            best = [
                _best(of_kind, "mae_w", 2, min),
                _best(of_kind, "f1", 3, max),
                _best(of_kind, "matched_energy", 3, max),
                _best(of_kind, "month_energy_error_pct", 1, min),
            ]
            named = f"`{one.protocol}`" + (f" {home}" if several else "")
            rows.append([named, kind.replace("_", " "), wanted, *best])
    columns = ["protocol", "appliance", "goal: MAE, W / F1", "MAE, W", "F1", "matched", "by month, %"]
    return f"## The best so far\nEach figure with the model that has it.\n\n{_table(columns, rows)}"


def _best(rows: Sequence[Row], figure: str, digits: int, which: Callable[..., tuple[float, str]]) -> str:
    told = [(spread.mean, row.model) for row in rows if (spread := row.figures[figure]) is not None]
    if not told:
        return "–"
    value, model = which(told, key=lambda one: one[0])
    return f"{value:,.{digits}f} {model}"


def _section(results: Results, pictures: str) -> str:
    parts = [
        f"## {results.title}",
        f"`{results.protocol}`, {_seconds(results.step_s)} grid. {_joined(results.note)}",
    ]
    parts.append(_homes(results.homes))
    parts.append(f"![Matched energy by appliance and model, 0 to 1]({pictures}/{results.protocol}.svg)")
    tested = dict.fromkeys((row.home, row.kind) for row in results.rows)
    parts += [
        _appliance([row for row in results.rows if (row.home, row.kind) == one], results.rules[one[1]])
        for one in tested
    ]
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
        if home.measured
    ]
    plugs: dict[str, list[HomeFacts]] = {}
    for home in homes:
        if not home.measured:
            plugs.setdefault(home.id.partition("/")[0], []).append(home)
    rows += [
        [
            f"{dataset}: {len(theirs)} without mains",
            "learnt from",
            f"{sum(home.hours for home in theirs) / 24:,.1f}",
            "–",
        ]
        for dataset, theirs in plugs.items()
    ]
    return _table(["home", "role", "days known", "coverage"], rows)


def _appliance(rows: Sequence[Row], rule: OnRule) -> str:
    first = rows[0]
    runs, hours, kwh = (first.figures[name] for name in ("runs", "hours", "true_kwh"))
    won = first.figures["won_per_month"]
    about = f"{_text(runs, 0)} runs and {_text(kwh, 1)} kWh in {_text(hours, 0)} h"
    about += "" if won is None else f"; {_text(won, 0)} won a month"
    on = f"On from {rule.on_w:g} W, runs from {rule.min_on_ms / 1000:g} s, pauses from "
    on += f"{rule.min_off_ms / 1000:g} s, cut-off {rule.most_w:,g} W"
    cells = [
        [_named(row), row.value] + [_text(row.figures[name], digits) for _, name, digits in _COLUMNS]
        for row in rows
    ]
    heading = f"### {first.kind.replace('_', ' ').capitalize()}, {first.home}\n{about}. {on}."
    return f"{heading}\n\n" + _table(["model", "value", *(title for title, _, _ in _COLUMNS)], cells)


def _named(row: Row) -> str:
    seeds = f" ({len(row.seeds)} seed{'s' * (len(row.seeds) > 1)})" if row.seeds else ""
    return row.model + seeds + ("" if row.learnt else " (never learnt it)")


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
