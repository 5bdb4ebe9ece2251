"""`chowon train`: teaching models."""

from pathlib import Path
from typing import Annotated

import typer

from chowon.cli.exits import clear_errors
from chowon.cli.output import AsJson, emit, note

app = typer.Typer(no_args_is_help=True, help="Teach models from recordings.")


@app.callback()
def _models() -> None:
    """Teach models from recordings."""


@app.command()
def nilm(
    out: Annotated[Path, typer.Option(help="NAME: writes NAME.onnx and its card NAME.json")],
    data: Annotated[Path, typer.Option(help="folder of the data sets")] = Path("data"),
    teaching: Annotated[Path | None, typer.Option(help="TOML list of homes and plugs; chowon's own")] = None,
    unseen: Annotated[
        list[Path] | None, typer.Option(help="recording that it is to be scored on: left out; repeat")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="the network that tells while appliances run, not the nightly one")
    ] = False,
    steps: Annotated[
        int, typer.Option(min=1, help="batches, of each of the networks that are made one")
    ] = 4000,
    seed: Annotated[int, typer.Option(help="all chance comes from it")] = 0,
    kept: Annotated[
        Path, typer.Option(help="folder in which an interrupted training is kept and taken up")
    ] = Path(".chowon-training"),
    as_json: AsJson = False,
) -> None:
    """Teach a network that tells appliances apart; needs the extra `train` (torch)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from chowon.bench.nilm import teaching as lists
    from chowon.models.nilm.live_network.fitting import WAY
    from chowon.models.nilm.network import fitting

    with clear_errors():
        left_out = frozenset().union(*(lists.names_of(path) for path in unseen or ()))
        chosen = lists.load(teaching)
        homes, licences = chosen.open(data, left_out, note)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("training", total=steps if live else steps * fitting.MEMBERS)

            def tell(step: int, loss: float) -> None:
                bar.update(task, completed=step, description=f"loss {loss:.2f}")

            way = WAY if live else None
            weights = fitting.fit(
                homes, lists.rules(), seed, chosen.step_ms, steps, kept, tell, licences, way
            )
        fitting.keep(weights, out)
        card = weights.card
        done = {
            "weights": str(out.with_name(f"{out.name}.onnx")),
            "bytes": len(weights.onnx),
            "kinds": list(card.kinds),
            "homes": len(card.homes),
            "steps": card.steps,
        }
        emit(done, as_json, lambda: f"{done['weights']}: {len(card.kinds)} kinds, {done['bytes']:,} bytes")
