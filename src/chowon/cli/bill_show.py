"""`chowon bill show`: the bill of a site, from what was measured."""

import json
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from chowon.cli.output import AsJson, note
from chowon.cli.serve import wall_ms
from chowon.cli.settings import ConfigFile, DataFolder, loaded, named
from chowon.errors import BadInput

if TYPE_CHECKING:
    from chowon.domain.bill import Known


def show(
    site: Annotated[str, typer.Option(help="site key")] = "home",
    day: Annotated[
        str | None, typer.Option("--date", help="a day of the period, YYYY-MM-DD; left out: today")
    ] = None,
    lang: Annotated[Literal["ko", "en"], typer.Option(help="language")] = "ko",
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """The bill of a site's period, every line explained. A running server goes on undisturbed."""
    from chowon.api.bill_answer import answer
    from chowon.cli.bill_table import print_bill
    from chowon.domain.clock import local_day, period_of
    from chowon.jobs.billing import Billing, Books
    from chowon.jobs.statement import statement
    from chowon.registry import TariffBook
    from chowon.store.opening import open_reader

    folder = loaded(config, data).config.data.folder
    reader = open_reader(folder)
    try:
        found = named(reader.sites.sites(), site)
        now_ms = wall_ms()
        period = period_of(_day(day) or local_day(now_ms, ZoneInfo(found.timezone)), found.reading_day)
        billing = Billing(
            reader.history, TariffBook.beside(folder).load, Books(reader.prices, reader.records)
        )
        told = statement(reader.history, found, billing.prepared(found, period, now_ms), now_ms)
    finally:
        reader.close()
    if as_json:
        typer.echo(
            json.dumps(answer(found.id, told).model_dump(mode="json", by_alias=True), ensure_ascii=False)
        )
        return
    print_bill(told.bill, told.next_kwh, told.standing, lang)
    for words in known_words(told.known):
        note(words)
    if told.missing_ms:
        note(f"known for {told.coverage:.1%} of the time gone by; nothing is billed for the rest")
    if told.estimate:
        kwh, total = told.estimate.missing_kwh, told.estimate.total
        note(f"as usual, the rest would have been {kwh:.1f} kWh: {total:,} {told.bill.currency} in all")


def known_words(known: "Known") -> list[str]:
    """What the bill rests on besides the use, in words."""
    words = [
        f"demand of {past.month}: {past.kw.normalize():f} kW, {past.source}" for past in known.past_demand
    ]
    if known.unknown_months:
        words.append(
            f"the demand of {', '.join(known.unknown_months)} is not known; it may make the bill higher"
        )
    if known.carried is not None and known.carried.amount:
        words.append(f"credit carried in: {known.carried.amount.normalize():f}, {known.carried.source}")
    return words


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"--date: {text!r} is not a day such as 2026-11-23") from error
