"""`chowon bill outlook`: the bill at the end of the running period, under a forecast that is handed in."""

import json
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from chowon.cli.output import AsJson
from chowon.cli.serve import wall_ms
from chowon.cli.settings import ConfigFile, DataFolder, loaded, named
from chowon.errors import BadInput


def outlook(
    site: Annotated[str, typer.Option(help="site key")] = "home",
    kwh_a_day: Annotated[str | None, typer.Option(help="from now on, evenly")] = None,
    forecast: Annotated[
        Path | None, typer.Option(help="CSV or Parquet: time, kwh (export_kwh), to the period's end")
    ] = None,
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """What the running period will cost with what was measured so far and this forecast."""
    from chowon.api.bill_answer import outlook_answer
    from chowon.cli.bill_use import number
    from chowon.cli.interval_file import read_profile
    from chowon.domain.clock import local_day, period_of
    from chowon.jobs.billing import Billing, Books
    from chowon.jobs.forecast import ADay, outlook_under
    from chowon.registry import TariffBook
    from chowon.store.opening import open_reader

    if (kwh_a_day is None) == (forecast is None):
        raise BadInput("the forecast: expected one of --kwh-a-day and --forecast")
    folder = loaded(config, data).config.data.folder
    reader = open_reader(folder)
    try:
        found = named(reader.sites.sites(), site)
        zone, now_ms = ZoneInfo(found.timezone), wall_ms()
        to_come = (
            ADay(number("--kwh-a-day", kwh_a_day or "")) if forecast is None else read_profile(forecast, zone)
        )
        period = period_of(local_day(now_ms, zone), found.reading_day)
        books = Books(reader.prices, reader.records)
        billing = Billing(reader.history, TariffBook.beside(folder).load, books)
        prepared = billing.prepared(found, period, now_ms)
        told = outlook_under(reader.history, found, prepared, now_ms, to_come)
    finally:
        reader.close()
    if as_json:
        typer.echo(json.dumps(outlook_answer(told).model_dump(mode="json"), ensure_ascii=False))
        return
    currency = prepared.tariff.currency
    typer.echo(f"{period.start} to {period.end}: {told.kwh:.1f} kWh, {told.total:,} {currency}")
    tier = told.next_tier
    if tier is not None:
        typer.echo(f"tier {tier.tier} from {tier.at_kwh} kWh on {tier.day}, {tier.jump:,} at once")
    if told.kwh_a_day is not None:
        typer.echo(f"below it with at most {told.kwh_a_day} kWh a day")
