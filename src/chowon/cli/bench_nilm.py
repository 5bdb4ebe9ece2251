"""`chowon bench nilm`: how well a model tells appliances apart, on a recording or by a protocol."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group

from chowon.cli.exits import clear_errors
from chowon.cli.output import AsJson, emit, note, short, table
from chowon.errors import BadInput

if TYPE_CHECKING:
    from chowon.bench.nilm.protocol import Protocol

_SHOWN = {
    "mae_w": "MAE W",
    "zero_mae_w": "zero",
    "f1": "F1",
    "energy_error_pct": "energy %",
    "matched_energy": "matched",
    "false_alarms_per_day": "false/day",
    "delay_s": "delay s",
    "won_error_per_month": "won off",
}
_MUCH_ZERO = 0.02


def nilm(
    paths: Annotated[list[Path] | None, typer.Argument(help="labelled recordings, scored zero-shot")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="model; repeat for a protocol (the quick ones if left out)"),
    ] = None,
    protocol: Annotated[
        list[str] | None, typer.Option(help="protocol by name or TOML file; repeat; `all` for each")
    ] = None,
    data: Annotated[Path, typer.Option(help="folder of the data sets that protocols name")] = Path("data"),
    results: Annotated[
        Path | None, typer.Option(help="folder that keeps a protocol's results as JSON")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="write the scoreboard from all of --results")] = None,
    train: Annotated[list[Path] | None, typer.Option(help="recording that teaches the model; repeat")] = None,
    absent: Annotated[list[str] | None, typer.Option(help="kind that the homes surely lack; repeat")] = None,
    step: Annotated[int, typer.Option(min=1, help="grid of a recording's scores, seconds")] = 60,
    zero_mains_is_gap: Annotated[
        bool, typer.Option("--zero-mains-is-gap", help="mains of 0 W are no measurement (REFIT)")
    ] = False,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="only so many of a protocol's seeds, the first ones")
    ] = None,
    seed: Annotated[int, typer.Option(help="for training on --train")] = 0,
    kept: Annotated[
        Path, typer.Option(help="folder in which long trainings of protocols are kept and taken up")
    ] = Path(".chowon-training"),
    as_json: AsJson = False,
) -> None:
    """Score models on recordings (PATH …), run protocols (--protocol), write the scoreboard (--page)."""
    with clear_errors():
        if paths:
            if protocol or results or page:
                raise BadInput("PATH and --protocol, --results, --page: ask for recordings or for protocols")
            if model is None or len(model) != 1:
                raise BadInput("--model: name the one model to score; `--model co`, for example")
            _recordings(paths, model[0], train or [], absent or [], step, zero_mains_is_gap, seed, as_json)
        elif protocol:
            _protocols(protocol, data, model, results, kept, seeds, as_json)
        elif not page:
            raise BadInput("nothing to do: name recordings, or --protocol, or --results with --page")
        if page and not paths:
            _page(results, page)


def _recordings(
    paths: list[Path],
    model: str,
    train: list[Path],
    absent: list[str],
    step_s: int,
    zero_mains_is_gap: bool,
    seed: int,
    as_json: bool,
) -> None:
    from chowon.bench.nilm.homes import GapRules
    from chowon.bench.nilm.kinds import kinds
    from chowon.bench.nilm.run import zero_shot
    from chowon.bench.nilm.scoring import billing, value_of
    from chowon.models.nilm.registry import model as model_named

    unknown = set(absent) - kinds().keys()
    if unknown:
        raise BadInput(f"--absent {', '.join(sorted(unknown))}: expected kinds of {', '.join(kinds())}")
    used, bill = model_named(model), billing("kr.kepco.residential.low", date(2025, 10, 1))
    gaps = GapRules(zero_mains=zero_mains_is_gap)
    found = zero_shot(paths, used, step_s * 1000, bill, gaps, train, absent, seed)
    for home in found:
        if not zero_mains_is_gap and home.zero_mains_share > _MUCH_ZERO:
            note(
                f"{home.path}: mains are exactly 0 W for {home.zero_mains_share:.0%} of the time; if these "
                "are gaps, --zero-mains-is-gap leaves them out"
            )
        if home.seen_sources:
            note(
                f"{home.path}: composed of recordings that taught this model, so its figures are too good: "
                f"{', '.join(home.seen_sources)}"
            )
        if not home.appliances:
            note(f"{home.path}: no column is of a kind that is scored; there are {', '.join(kinds())}")
    lookahead_ms = used.lookahead_ms(step_s * 1000)
    document = {
        "model": model,
        "step_s": step_s,
        "lookahead_s": None if lookahead_ms is None else lookahead_ms / 1000,
        "value": value_of(lookahead_ms, step_s * 1000),
        "homes": [asdict(home) for home in found],
    }
    rows = [
        [home.home, kind, *(short(asdict(scored)[name]) for name in _SHOWN)]
        for home in found
        for kind, scored in home.appliances.items()
    ]
    emit(document, as_json, lambda: table(("home", "appliance", *_SHOWN.values()), rows))


def _protocols(
    asked: list[str],
    data: Path,
    models: list[str] | None,
    results: Path | None,
    kept: Path,
    seeds: int | None,
    as_json: bool,
) -> None:
    from chowon.bench.nilm import protocol
    from chowon.bench.nilm.results import write
    from chowon.bench.nilm.run import run

    chosen = protocol.names() if asked == ["all"] else asked
    loaded = [protocol.load(name) for name in chosen]
    found = [run(one, data, models or sorted(_usual(one)), note, kept, seeds) for one in loaded]
    if results is not None:
        for one in found:
            note(f"wrote {write(one, results)}")
    emit([asdict(one) for one in found], as_json, lambda: _tables(found))


def _usual(protocol: "Protocol") -> Collection[str]:
    """The models to run where none is named: one that learns for hours only where it comes taught.

    Where people name runs, those that learn of it.
    """
    from chowon.models.nilm.registry import learning_models, quick_models, ready_models

    if protocol.naming is not None:
        return learning_models()
    return quick_models() if protocol.train else ready_models()


def _tables(found: list[Any]) -> Group:
    shown: list[Any] = []
    for one in found:
        rows = [
            [row.kind, row.model, *(_spread(row.figures[name]) for name in _SHOWN)]
            for row in sorted(one.rows, key=lambda row: (row.home, row.kind))
        ]
        shown += [f"\n{one.protocol}: {one.title}", table(("appliance", "model", *_SHOWN.values()), rows)]
    return Group(*shown)


def _page(results: Path | None, page: Path) -> None:
    import os.path

    from chowon.bench.nilm.page import scoreboard
    from chowon.bench.nilm.plot import matched_energy_svg
    from chowon.bench.nilm.results import read_all

    if results is None:
        raise BadInput("--page: name the folder of the results too, --results")
    kept = read_all(results)
    for one in kept:
        (results / f"{one.protocol}.svg").write_text(matched_energy_svg(one), "utf-8")
    beside = Path(os.path.relpath(results, page.parent)).as_posix()
    page.write_text(scoreboard(kept, beside), "utf-8")
    note(f"wrote {page} and {len(kept)} pictures in {results}")


def _spread(spread: Any) -> str:
    return short(None if spread is None else spread.mean)
