"""The command line: which commands there are, and how they end."""

import sys

import typer

from chowon import __version__
from chowon.cli import (
    bench,
    bench_nilm,
    bench_nilm_events,
    bench_nilm_speed,
    bill,
    bill_compare,
    bill_outlook,
    bill_shares,
    bill_show,
    configuration,
    demo,
    doctor,
    enertalk,
    meters,
    meters_scan,
    prices,
    replay,
    serve,
    sql,
    tariff,
    tariff_import,
    token,
    train,
    transfer,
)
from chowon.errors import BadInput, ChowonError, Misconfigured, NotFound

app = typer.Typer(
    name="chowon",
    help="From every second of electricity to every won of the bill.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo.demo)
app.command()(serve.serve)
app.command("import")(transfer.import_)
app.command("export")(transfer.export)
app.command()(sql.sql)
app.command()(replay.replay)
bill.app.command("show")(bill_show.show)
bill.app.command("compare")(bill_compare.compare)
bill.app.command("what-if")(bill_compare.what_if)
bill.app.command("shares")(bill_shares.shares)
bill.app.command("outlook")(bill_outlook.outlook)
app.add_typer(bill.app, name="bill")
tariff.app.command("import")(tariff_import.import_rate)
app.add_typer(tariff.app, name="tariff")
app.add_typer(prices.app, name="prices")
meters.app.command("scan")(meters_scan.scan)
app.add_typer(meters.app, name="meters")
app.add_typer(token.app, name="token")
app.add_typer(train.app, name="train")
app.add_typer(enertalk.app, name="enertalk")
bench.app.command("nilm")(bench_nilm.nilm)
bench.app.command("nilm-events")(bench_nilm_events.nilm_events)
bench.app.command("nilm-speed")(bench_nilm_speed.nilm_speed)
app.add_typer(bench.app, name="bench")
app.command()(doctor.doctor)
app.command("config")(configuration.config)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="print the version and stop")) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run a command. Exit 0: done; 1: it could not be done; 2: the input or the settings are wrong."""
    try:
        app()
    except ChowonError as error:
        typer.echo(f"chowon: {error}", err=True)
        sys.exit(2 if isinstance(error, BadInput | Misconfigured | NotFound) else 1)
