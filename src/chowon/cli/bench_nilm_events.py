"""`chowon bench nilm-events`: edges of the mains, how many are found in recordings and how fast."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from chowon.cli.exits import clear_errors
from chowon.cli.output import AsJson, emit, short, table

_BATCHES = ((200, 1, 300), (20_000, 1, 60), (100_000, 1, 20), (2_000, 60, 5), (20_000, 60, 2))
"""(homes, seconds a batch, batches)"""
_FOLLOWED = ((1, 600), (1_000, 120), (10_000, 30))
"""(homes, seconds)"""
_SCORES = {
    "least_w": "from W",
    "true_edges": "true",
    "told_edges": "told",
    "found_share": "found",
    "right_share": "right",
    "f1": "F1",
    "delay_p50_s": "s, p50",
    "delay_max_s": "s, max",
    "settled_p50_s": "settled s",
}


def nilm_events(
    paths: Annotated[list[Path] | None, typer.Argument(help="labelled recordings")] = None,
    days: Annotated[float | None, typer.Option(min=0.01, help="of each, from its first reading")] = None,
    taps: Annotated[int, typer.Option(min=0, help="also name each appliance so often, see its energy")] = 0,
    speed: Annotated[bool, typer.Option(help="also measure home-samples a second and core")] = True,
    as_json: AsJson = False,
) -> None:
    """Edges of the mains: found and right ones, delay, runs and clusters of recordings; and how fast."""
    with clear_errors():
        from chowon.bench.nilm import events
        from chowon.bench.nilm.followed import followed_speed
        from chowon.bench.nilm.taps import named

        homes = [asdict(events.on_recording(path, days)) for path in paths or []]
        said = [asdict(one) for path in paths or [] for one in named(path, taps, days)] if taps else []
        speeds = [asdict(events.speed(*batch)) for batch in _BATCHES] if speed else []
        followed = [asdict(followed_speed(*of)) for of in _FOLLOWED] if speed else []
        told = {"homes": homes, "named": said, "speed": speeds, "followed": followed}
        emit(told, as_json, lambda: _tables(homes, said, speeds, followed))


def _tables(homes: list[dict[str, Any]], *others: list[dict[str, Any]]) -> Group:
    shown: list[Any] = []
    if homes:
        rows = [
            [home["home"], *(short(one[name]) for name in _SCORES)]
            for home in homes
            for one in home["by_size"]
        ]
        shown.append(table(("home", *_SCORES.values()), rows))
        rest = [name for name in homes[0] if name != "by_size"]
        shown.append(table(rest, [[short(home[name]) for name in rest] for home in homes]))
    shown += [
        table(list(of[0]), [[short(value) for value in one.values()] for one in of]) for of in others if of
    ]
    return Group(*shown)
