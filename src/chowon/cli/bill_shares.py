"""`chowon bill shares`: what each part of a site's use costs."""

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from chowon.cli.bill_compare import Day, Lang
from chowon.cli.output import AsJson, emit, note, table
from chowon.cli.serve import wall_ms
from chowon.cli.settings import ConfigFile, DataFolder, loaded, named

if TYPE_CHECKING:
    from chowon.jobs.shares import Shares


def shares(
    site: Annotated[str, typer.Option(help="site key")] = "home",
    day: Day = None,
    rule: Annotated[
        Literal["average", "marginal", "shapley"],
        typer.Option(
            help="average: split by kWh; marginal: what would be saved without it; "
            "shapley: how much of the bill is its doing"
        ),
    ] = "average",
    lang: Lang = "ko",
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """What each part of a site's use costs: what has a meter of its own, what is told, and the rest."""
    from chowon.api.shares import answer
    from chowon.cli.bill_use import day as day_of
    from chowon.domain.clock import local_day, period_of
    from chowon.jobs.appliances import Telling
    from chowon.jobs.billing import Billing, Books
    from chowon.jobs.shares import shares as shares_of
    from chowon.models.nilm.nightly import tellable
    from chowon.registry import TariffBook
    from chowon.store.opening import open_reader

    used = loaded(config, data).config
    folder = used.data.folder
    reader = open_reader(folder)
    try:
        found = named(reader.sites.sites(), site)
        now_ms = wall_ms()
        of = local_day(now_ms, ZoneInfo(found.timezone)) if day is None else day_of("--date", day)
        period = period_of(of, found.reading_day)
        books = Books(reader.prices, reader.records)
        billing = Billing(reader.history, TariffBook.beside(folder).load, books)
        prepared = billing.prepared(found, period, now_ms)
        telling = Telling(tellable, reader.told, reader.witnessed) if used.appliances.tell else None
        told = shares_of(reader.history, found, prepared, rule, now_ms, telling)
    finally:
        reader.close()
    if as_json:
        typer.echo(json.dumps(answer(found, told).model_dump(mode="json"), ensure_ascii=False))
        return
    _print(told, lang)


def _print(told: "Shares", lang: Literal["ko", "en"]) -> None:
    shared = told.shared
    rows = [
        [part.label.to(lang), f"{part.kwh:.1f}", _amount(part.amount, part.error), f"{part.coverage:.0%}"]
        for part in told.parts
    ]
    rest = told.rest
    rows.append([rest.label.to(lang), f"{rest.kwh:.1f}", _amount(rest.amount, rest.error), ""])
    if shared.difference:
        overlap = "겹치거나 남는 금액" if lang == "ko" else "not caused by one part alone"
        rows.append([overlap, "", _amount(shared.difference, None), ""])
    kwh = told.use.kwh - told.use.export_kwh
    rows.append(["청구금액" if lang == "ko" else "Total", f"{kwh:.1f}", _amount(shared.total, None), ""])
    ko, en = ("부분", "kWh", told.currency, "측정"), ("part", "kWh", told.currency, "measured")
    emit(None, False, lambda: table(ko if lang == "ko" else en, rows))
    span = told.use.period
    note(f"{span.start} to {span.end}; known for {told.use.coverage:.1%} of the time gone by")
    if told.over_kwh:
        note(f"{told.over_kwh:.1f} kWh of parts are left out: beyond the main meter, or while it was silent")


def _amount(amount: Decimal | None, error: Decimal | None) -> str:
    if amount is None:
        return "–"
    return f"{amount:,}" if not error else f"{amount:,} ± {error:,}"
