"""`chowon bench nilm-speed`: how many homes a core tells apart, and what that takes."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Group

from chowon.cli.exits import clear_errors
from chowon.cli.output import AsJson, emit, note, short, table


def nilm_speed(
    homes: Annotated[int, typer.Option(min=1, help="told together by the live network")] = 10_000,
    minutes: Annotated[int, typer.Option(min=1, help="of each, at 10 s, after two that aren't counted")] = 3,
    as_json: AsJson = False,
) -> None:
    """Homes a core of the live network at 10 s, beside the nightly one and a published shape."""
    with clear_errors():
        from chowon.bench.nilm import speed
        from chowon.errors import ExtraMissing

        live, facts = speed.live(homes, minutes)
        found = [live, speed.nightly()]
        try:
            found.append(speed.sequence_to_point())
        except ExtraMissing as missing:
            note(f"seq2point is left out: {missing}")
        rows = [asdict(one) for one in found]
        beside = asdict(facts)

        def shown() -> Group:
            return Group(
                table(list(rows[0]), [[short(value) for value in row.values()] for row in rows]),
                table(list(beside), [[short(value) for value in beside.values()]]),
            )

        emit({"networks": rows, "live": beside}, as_json, shown)
