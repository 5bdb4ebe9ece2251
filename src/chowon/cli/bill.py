"""`chowon bill`: what a use costs and why; whether bills come out as a list of cases says."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from chowon.cli.exits import clear_errors
from chowon.cli.settings import DataFolder, loaded
from chowon.errors import BadInput, shortened

app = typer.Typer(name="bill", help="What a use costs, and why.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Options = Annotated[
    list[str] | None, typer.Option("--option", help="An option of the tariff, name=value; may be repeated.")
]
_LANGUAGES: Final = ("ko", "en")


@app.command()
def explain(
    *,
    tariff: Annotated[str, typer.Option(help="Id of the tariff; `chowon tariff list` shows all.")],
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD.")],
    end: Annotated[str, typer.Option(help="The next reading day, YYYY-MM-DD; not part of the period.")],
    kwh: Annotated[str | None, typer.Option(help="Use of the period, kWh.")] = None,
    profile: Annotated[
        Path | None, typer.Option(help="The use by interval: CSV or Parquet with time, kwh, export_kwh.")
    ] = None,
    band: Annotated[
        list[str] | None, typer.Option(help="kWh of a time-of-use register, light=100; may be repeated.")
    ] = None,
    export_kwh: Annotated[str | None, typer.Option(help="Energy given to the grid, kWh.")] = None,
    demand_kw: Annotated[str | None, typer.Option(help="Greatest demand of the period, kW.")] = None,
    past_demand: Annotated[
        list[str] | None, typer.Option(help="Of an earlier month, 2026-01=95; may be repeated.")
    ] = None,
    carried: Annotated[str | None, typer.Option(help="Credit carried into the period.")] = None,
    part_of: Annotated[
        str | None, typer.Option(help="The full period that this is a part of, START..END.")
    ] = None,
    prices: Annotated[
        list[str] | None, typer.Option(help="A price series, NAME=FILE with time, price; may be repeated.")
    ] = None,
    family: Annotated[
        str | None, typer.Option(help="The family's class; short for --option family=….")
    ] = None,
    welfare: Annotated[
        str | None, typer.Option(help="The welfare class; short for --option welfare=….")
    ] = None,
    option: Options = None,
    lang: Annotated[str, typer.Option(help="ko or en.")] = "ko",
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Every line of a bill: quantity × price, since when, by which source, how rounded."""
    from chowon.cli.bill_table import print_bill
    from chowon.cli.bill_use import Told, pairs, period_of_options
    from chowon.domain.bill import plain_bill, plain_standing, prepare
    from chowon.registry import TariffBook

    with clear_errors():
        if lang not in _LANGUAGES:
            raise BadInput(f"--lang: found {shortened(lang)}; expected ko or en")
        period = period_of_options(start, end, part_of)
        classes = {"family": family, "welfare": welfare}
        chosen = {name: value for name, value in classes.items() if value is not None}
        options = pairs("--option", option) | chosen
        told = Told(kwh, profile, band or (), demand_kw, past_demand or (), export_kwh, carried, prices or ())
        known = TariffBook.beside(loaded(None, data).config.data.folder).load(tariff)
        prepared = prepare(known, period, options, told.series(known))
        usage = told.usage(known, period)
        bill, next_kwh, standing = prepared.bill(usage), prepared.next_kwh(usage), prepared.standing(usage)
    if as_json:
        answer = plain_bill(bill) | {
            "marginal_price": str(next_kwh.marginal_price),
            "energy_price": str(next_kwh.energy_price),
            "tier": None if standing is None else plain_standing(standing),
        }
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=1))
    else:
        print_bill(bill, next_kwh, standing, "ko" if lang == "ko" else "en")


@app.command()
def check(
    cases: Annotated[Path, typer.Argument(help="CSV with kwh, start, end, tariff or voltage, and amounts.")],
    kind: Annotated[list[str] | None, typer.Option(help="Only rows of this kind; may be repeated.")] = None,
    option: Options = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Recompute each row of a list of bills and compare every amount that it gives.

    A column named like a line of the tariff (base, energy, …, subtotal, vat, fund) or "total" is compared;
    deductions and discounts are given as positive amounts. A column named like an option of the tariff, or
    family_discount and welfare_discount, sets that option for its row. Registers stand in columns like
    band.light, instead of kwh or with it; demand_kw and export_kwh may be told too. Rows that the tariff
    can't express are counted apart, by reason.
    """
    from chowon.cli.bill_check import check_rows, read_rows
    from chowon.cli.bill_use import pairs
    from chowon.registry import TariffBook

    with clear_errors():
        book = TariffBook.beside(loaded(None, data).config.data.folder)
        result = check_rows(read_rows(cases, kind or []), book, pairs("--option", option))
        if not result.compared and not result.not_computed:
            raise BadInput(f"{cases}: no rows to compare; name a CSV with rows, or another --kind")
    if as_json:
        typer.echo(json.dumps(result.plain(), ensure_ascii=False, indent=1))
    else:
        for difference in result.differences:
            typer.echo(str(difference))
        typer.echo(f"exact {result.exact} of {result.compared}")
        if result.not_computed:
            typer.echo(f"not computed {result.not_computed.total()}")
        for reason, count in sorted(result.not_computed.items()):
            typer.echo(f"not computed {count}: {reason}", err=True)
    if result.differences:
        raise typer.Exit(1)
    if not result.compared:
        typer.echo("nothing was compared: no row could be computed", err=True)
        raise typer.Exit(2)
