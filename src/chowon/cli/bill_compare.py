"""`chowon bill compare` and `chowon bill what-if`: questions about a bill, to a data folder or a file."""

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer

from chowon.cli.output import AsJson, emit, note, table
from chowon.cli.serve import wall_ms
from chowon.cli.settings import ConfigFile, DataFolder, loaded, named
from chowon.errors import BadInput

if TYPE_CHECKING:
    from chowon.domain.bill import Profile
    from chowon.domain.compare import Compared, Metered
    from chowon.registry import TariffBook

Lang = Annotated[Literal["ko", "en"], typer.Option(help="language")]
Day = Annotated[str | None, typer.Option("--date", help="a day of the period, YYYY-MM-DD; left out: today")]
Tariffs = Annotated[list[str] | None, typer.Option(help="only this tariff; may be repeated")]
Options = Annotated[list[str] | None, typer.Option("--option", help="an option of the tariff, name=value")]


def compare(
    site: Annotated[str, typer.Option(help="site key")] = "home",
    months: Annotated[int | None, typer.Option(min=1, max=36, help="how many closed periods; 12")] = None,
    day: Day = None,
    tariff: Tariffs = None,
    profile: Annotated[
        Path | None, typer.Option(help="a use instead of a site: CSV or Parquet with time, kwh")
    ] = None,
    option: Options = None,
    lang: Lang = "ko",
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Which tariff would have been the cheapest, for a site or for a file; which cannot say, and why.

    With --profile the whole calendar months in the file are compared, under the tariffs that are named; the
    first one counts as the one in force, and --option is for all that have it.
    """
    from chowon.api import compare as api
    from chowon.cli.bill_use import day as day_of
    from chowon.cli.bill_use import pairs
    from chowon.domain.clock import local_day, period_of
    from chowon.jobs.billing import Billing, Books
    from chowon.jobs.compare import closed_periods, comparison
    from chowon.registry import TariffBook
    from chowon.store.opening import open_reader

    folder = loaded(config, data).config.data.folder
    if profile is not None:
        _compare_file(
            profile, TariffBook.beside(folder), tariff or [], pairs("--option", option), lang, as_json
        )
        return
    if option:
        raise BadInput("--option: a site's own options are used; --option is for --profile")
    if day is not None and months is not None:
        raise BadInput("--date and --months: expected one of them")
    reader = open_reader(folder)
    try:
        found = named(reader.sites.sites(), site)
        now_ms = wall_ms()
        today = local_day(now_ms, ZoneInfo(found.timezone))
        periods = (
            closed_periods(today, found.reading_day, months or 12)
            if day is None
            else [period_of(day_of("--date", day), found.reading_day)]
        )
        book = TariffBook.beside(folder)
        billing = Billing(reader.history, book.load, Books(reader.prices, reader.records))
        told = comparison(billing, found, (book.load, book.ids()), periods, now_ms, tariff or ())
    finally:
        reader.close()
    if as_json:
        typer.echo(json.dumps(api.answer(found.id, told).model_dump(mode="json"), ensure_ascii=False))
        return
    _print(told.compared, told.currency, lang)
    count = "1 period" if len(told.periods) == 1 else f"{len(told.periods)} periods"
    note(
        f"{told.kwh:.1f} kWh in {count}, {told.periods[0].start} to "
        f"{told.periods[-1].end}; known for {told.coverage:.1%} of the time gone by"
    )


def what_if(
    site: Annotated[str, typer.Option(help="site key")] = "home",
    day: Day = None,
    without_kwh: Annotated[float | None, typer.Option(help="an appliance's kWh less")] = None,
    solar_kwp: Annotated[float | None, typer.Option(help="panels, kW")] = None,
    azimuth: Annotated[float, typer.Option(help="where they look; 180 is south")] = 180,
    tilt: Annotated[float, typer.Option(help="degrees from level")] = 30,
    battery_kwh: Annotated[float | None, typer.Option(help="a battery, kWh")] = None,
    battery_kw: Annotated[float, typer.Option(help="what it takes and gives at most, kW")] = 5,
    battery_efficiency: Annotated[float, typer.Option(help="what it gives / what it took")] = 0.9,
    battery_plan: Annotated[Literal["self_use", "by_price"], typer.Option(help="when")] = "self_use",
    ev_kwh: Annotated[float | None, typer.Option(help="what a car charges a day, kWh")] = None,
    ev_from: Annotated[str, typer.Option(help="HH:MM")] = "23:00",
    ev_until: Annotated[str, typer.Option(help="HH:MM; may be of the next day")] = "06:00",
    ev_kw: Annotated[float, typer.Option(help="kW")] = 7,
    tariff: Annotated[str | None, typer.Option(help="another tariff")] = None,
    option: Options = None,
    lang: Lang = "ko",
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """A site's bill as it would have been: without an appliance, with solar, a battery, a car."""
    from chowon.cli.bill_use import pairs

    asked: dict[str, object] = {
        "without_kwh": without_kwh,
        "solar": None if solar_kwp is None else {"kwp": solar_kwp, "azimuth": azimuth, "tilt": tilt},
        "battery": None
        if battery_kwh is None
        else {"kwh": battery_kwh, "kw": battery_kw, "efficiency": battery_efficiency, "plan": battery_plan},
        "ev": None
        if ev_kwh is None
        else {"kwh_a_day": ev_kwh, "from": ev_from, "until": ev_until, "kw": ev_kw},
        "tariff": tariff,
        "options": pairs("--option", option) or None,
    }
    told = _asked({name: part for name, part in asked.items() if part is not None}, site, day, config, data)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    amounts = [(line["label"][lang], line["now"], line["then"]) for line in told["lines"]]
    amounts.append(("청구금액" if lang == "ko" else "Total", told["now"]["total"], told["then"]["total"]))
    rows = [[name, *(f"{Decimal(amount):,}" for amount in both)] for name, *both in amounts]
    rows.append(["kWh", f"{told['now']['kwh']:.1f}", f"{told['then']['kwh']:.1f}"])
    heads = ("항목", "지금", "그랬다면") if lang == "ko" else ("line", "now", "then")
    emit(told, False, lambda: table(heads, rows))
    for words in told["assumes"]:
        note(words[lang])


def _asked(
    asked: dict[str, object], site: str, day: str | None, config: Path | None, data: Path | None
) -> dict[str, Any]:
    from pydantic import ValidationError

    from chowon.api import what_if as api
    from chowon.cli.bill_use import day as day_of
    from chowon.domain.clock import local_day, period_of
    from chowon.jobs.billing import Billing, Books
    from chowon.registry import TariffBook
    from chowon.store.opening import open_reader

    try:
        question = api.WhatIfAsked.model_validate(asked)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise BadInput(f"what-if: {wrong}") from error
    folder = loaded(config, data).config.data.folder
    reader = open_reader(folder)
    try:
        found = named(reader.sites.sites(), site)
        now_ms = wall_ms()
        of = local_day(now_ms, ZoneInfo(found.timezone)) if day is None else day_of("--date", day)
        period = period_of(of, found.reading_day)
        load = TariffBook.beside(folder).load
        billing = Billing(reader.history, load, Books(reader.prices, reader.records))
        told = api.found_for(billing, load, found, period, now_ms, question)
    finally:
        reader.close()
    return api.answer(told).model_dump(mode="json")


def _compare_file(
    path: Path,
    book: "TariffBook",
    ids: list[str],
    options: dict[str, str],
    lang: Literal["ko", "en"],
    as_json: bool,
) -> None:
    from chowon.cli.interval_file import read_profile
    from chowon.domain.bill import number_text
    from chowon.domain.compare import Candidate, compare

    if not ids:
        raise BadInput("--tariff: expected one or more with --profile; `chowon tariff list` shows all")
    tariffs = [book.load(tariff_id) for tariff_id in dict.fromkeys(ids)]
    if len({t.currency for t in tariffs}) > 1:
        told = ", ".join(f"{t.id} in {t.currency}" for t in tariffs)
        raise BadInput(f"--tariff: found {told}; expected one currency")
    zone = ZoneInfo(tariffs[0].timezone)
    profile = read_profile(path, zone)
    uses = _months(profile, zone)
    if not uses:
        raise BadInput(
            f"{path}: found no whole calendar month in {tariffs[0].timezone}; expected one or more"
        )
    found = compare(
        uses,
        [
            Candidate(t, {name: v for name, v in options.items() if name in t.options}, in_force=n == 0)
            for n, t in enumerate(tariffs)
        ],
    )
    if not as_json:
        _print(found, tariffs[0].currency, lang)
        return
    span = {"start": uses[0].period.start.isoformat(), "end": uses[-1].period.end.isoformat()}
    kwh = number_text(sum((use.usage.kwh for use in uses), Decimal(0)))
    answer = {"periods": len(uses), **span, "kwh": kwh, "currency": tariffs[0].currency}
    typer.echo(json.dumps(answer | _plain(found), ensure_ascii=False))


def _months(profile: "Profile", zone: ZoneInfo) -> list["Metered"]:
    """The whole calendar months of the profile."""
    from chowon.domain.bill import Usage
    from chowon.domain.clock import local_day, midnight_ms, period_of
    from chowon.domain.compare import Metered

    uses, period = [], period_of(local_day(profile.start_ms, zone), 1)
    while (end_ms := midnight_ms(period.end, zone)) <= profile.end_ms:
        start_ms = midnight_ms(period.start, zone)
        if start_ms >= profile.start_ms:
            kwh, export_kwh = profile.kwh(start_ms, end_ms)
            usage = Usage(kwh, profile, export_kwh=export_kwh)
            uses.append(Metered(period, start_ms, end_ms, usage, closed=True))
        period = period_of(period.end, 1)
    return uses


def _plain(found: "Compared") -> dict[str, object]:
    """Rows and what is left out, for JSON."""
    from chowon.domain.bill import number_text

    return {
        "rows": [
            {
                "tariff": row.tariff.id,
                "options": row.options,
                "total": number_text(row.total),
                "difference": None if (d := found.difference(row)) is None else number_text(d),
            }
            for row in found.rows
        ],
        "left_out": [
            {"tariff": out.id, "why": {"ko": out.why.ko, "en": out.why.en}} for out in found.left_out
        ],
    }


def _print(found: "Compared", currency: str, lang: Literal["ko", "en"]) -> None:
    from chowon.domain.bill import number_text

    rows = []
    for row in found.rows:
        difference = found.difference(row)
        told = "" if difference is None else f"{Decimal(number_text(difference)):+,}"
        name = f"{row.tariff.name.to(lang)}{' *' if row.in_force else ''}"
        rows.append([row.tariff.id, name, f"{Decimal(number_text(row.total)):,}", told])
    heads = ("id", "요금제", currency, "차이") if lang == "ko" else ("id", "tariff", currency, "difference")
    emit(None, False, lambda: table(heads, rows))
    for out in found.left_out:
        note(f"{out.id}: {out.why.to(lang)}")
