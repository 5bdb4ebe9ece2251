"""The whole way: a file of URDB → the text of a tariff file, or all that stands against it."""

import json
import textwrap
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from chowon.domain.tariff import parse
from chowon.errors import Problem, TariffInvalid
from chowon.tariff_import.tariff_file import Toml, written
from chowon.tariff_import.urdb.answer import item_of
from chowon.tariff_import.urdb.charges import add_fixed, add_minimum
from chowon.tariff_import.urdb.demand import add_demand
from chowon.tariff_import.urdb.draft import Draft
from chowon.tariff_import.urdb.energy import add_energy, add_fuel
from chowon.tariff_import.urdb.export import settle_export
from chowon.tariff_import.urdb.fields import Fields, one_line
from chowon.tariff_import.urdb.known import ATTRS, WORDS, refuse_others
from chowon.tariff_import.urdb.structure import flat_demand_of, structure_of
from chowon.tariff_import.urdb.timing import Seasons
from chowon.tariff_import.urdb.wishes import Wishes

_MEASURED: Final[Toml] = {
    "counts_as": "one_month",
    "split": "measured",
    "source": "URDB tells charges by month; a period over two months is split by what was measured",
}
_NET: Final[Toml] = {
    "counts_as": "one_month",
    "net": "kwh",
    "source": "URDB: Net Metering; charges are told by month; a period over two months is split by days",
}
_WHOLE: Final = "Bundled"
_LAST_YEAR: Final = 2099
_YEAR_2100_S: Final = 4_102_444_800


@dataclass(frozen=True, slots=True)
class Imported:
    """A rate as a tariff file."""

    id: str
    text: str
    """TOML, read back once: it is a tariff"""
    notes: tuple[str, ...]
    """What a person must know or decide about it"""


def imported(content: bytes, where: str, wishes: Wishes) -> Imported:
    """The tariff file for one rate of URDB.

    content: an answer of the API (format=json, detail=full), or one rate of it; where: its name in messages.
    Errors: TariffInvalid with every field that is wrong or that our language can't express.
    """
    problems: list[Problem] = []
    item = Fields(item_of(content, where, wishes.label), "", problems)
    refuse_others(item, wishes.without_attrs)
    label = _label(item)
    since, until, notes = _dates(item, wishes)
    _check_place(item, wishes)
    source = "; ".join(filter(None, (item.text("uri") or f"URDB item {label}", item.text("source"))))
    draft = Draft(item, since, source, Seasons(source), notes=notes)
    _add_lines(draft, wishes)
    if not problems and not draft.lines:
        draft.refuse("energyratestructure", "no charge in any field", "a rate that costs something")
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise TariffInvalid(f"{where} can't become a tariff: {count}", problems)
    notes.extend(_notes(item, draft))
    name = f"{item.text('utility')}: {item.text('name')}"
    text = f"{_head(item, name, source)}\n{written(_document(draft, label, name, until, wishes))}"
    tariff = parse(tomllib.loads(text, parse_float=Decimal), where)
    return Imported(tariff.id, text, tuple(notes))


def _label(item: Fields) -> str:
    label = item.text("label") or ""
    if not (label.isascii() and label.isalnum()):
        item.note("label", "URDB's label of the rate: letters and digits")
    for key in ("utility", "name"):
        if item.text(key) is None and not item.has(key):
            item.note(key, "a text that names the rate")
    return label.lower()


def _check_place(item: Fields, wishes: Wishes) -> None:
    country = item.text("country")
    if country is not None and country.upper() not in ("USA", "US"):
        item.note("country", "USA: the currency of other countries isn't said")
    try:
        ZoneInfo(wishes.timezone)
    except (ValueError, OSError, KeyError):
        expected = "an IANA time zone, e.g. America/Los_Angeles"
        item.problems.append(Problem("--timezone", repr(wishes.timezone), expected))


def _dates(item: Fields, wishes: Wishes) -> tuple[date, date | None, list[str]]:
    """First day of the tariff, the first day after it, and what must be said about them."""
    start, last = _day(item, "startdate"), _day(item, "enddate")
    if wishes.since is not None and wishes.since.year > _LAST_YEAR:
        item.problems.append(Problem("--from", str(wishes.since), "a day before 2100"))
        return date(2000, 1, 1), None, []
    since = wishes.since or start
    notes: list[str] = []
    if since is None:
        if not item.has("startdate"):
            item.note("startdate", "seconds since 1970 UTC, or the tariff's first day by --from")
        return date(2000, 1, 1), None, notes
    if start is not None and since < start:
        item.problems.append(Problem("--from", str(since), f"{start} or later: the rate begins on that day"))
    if since.day != 1:
        since = date(since.year + since.month // 12, since.month % 12 + 1, 1)
        notes.append(f"The tariff begins on {since}: months are billed from their first day on.")
    if last is not None and last < since:
        item.note("enddate", f"a day after {since}, on which the tariff begins")
    if last is None:
        return since, None, notes
    notes.append(f"The rate ended or ends on {last}: periods that end later are refused.")
    return since, last + timedelta(days=1), notes


def _day(item: Fields, key: str) -> date | None:
    """The UTC day of an instant: URDB writes midnights, in UTC or a US zone, which lies behind it."""
    if not item.has(key):
        return None
    value = item.content[key]
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _YEAR_2100_S:
        return datetime.fromtimestamp(value, UTC).date()
    item.note(key, "whole seconds since 1970 UTC, before 2100")
    return None


def _add_lines(draft: Draft, wishes: Wishes) -> None:
    """All lines, in the order of a bill."""
    energy = structure_of(draft.item, "energyratestructure", "energy{}schedule", "kWh")
    timed = structure_of(draft.item, "demandratestructure", "demand{}schedule", "kW")
    flat = flat_demand_of(draft.item)
    add_fixed(draft)
    if energy is not None:
        add_energy(draft, energy, wishes.without_export)
    elif draft.item.has("dgrules") and not wishes.without_export:
        draft.item.note("dgrules", "energyratestructure beside it: what is netted has no price")
    add_fuel(draft)
    add_demand(draft, flat, timed)
    add_minimum(draft)
    settle_export(draft)


def _notes(item: Fields, draft: Draft) -> list[str]:
    notes = []
    service = item.text("servicetype")
    if service not in (None, _WHOLE):
        notes.append(f"The rate is of service type {service!r}: it is a part of a bill, not all of it.")
    if draft.calendars:
        notes.append("URDB knows no holidays: they count as the days of the week on which they fall.")
    words = [key for key in (*WORDS, *ATTRS) if key != "servicetype" and item.has(key)]
    if words:
        where = "They stand at the top of the file: look whether they name a charge that no field holds."
        notes.append(f"URDB says more in words ({', '.join(words)}). {where}")
    return notes


def _head(item: Fields, name: str, source: str) -> str:
    """Comments: where the file is from, what was assumed, what URDB says in words."""
    lines = [name, f"From the US Utility Rate Database (OpenEI): {source}"]
    lines.append("Each line is rounded to cents, half up: URDB doesn't say how.")
    for key in (*WORDS, *ATTRS):
        if item.has(key):
            value = item.content[key]
            told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            lines.append(f"{key}: {one_line(told)}")
    wrap = textwrap.TextWrapper(108, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)
    return "".join(f"{wrap.fill(line)}\n" for line in lines)


def _document(draft: Draft, label: str, name: str, until: date | None, wishes: Wishes) -> Toml:
    ends: Toml = {} if until is None else {"until": until}
    tables = {
        "option": draft.options,
        "season": draft.seasons.tables,
        "tiers": draft.tiers,
        "band": draft.bands,
        "calendar": draft.calendars,
    }
    return {
        "id": f"us.urdb.{label}",
        "name": {"ko": name, "en": name},
        "country": "US",
        "currency": "USD",
        "timezone": wishes.timezone,
        "from": draft.since,
        **ends,
        "price_step": Decimal("0.0001"),
        "period": _NET if draft.net_kwh else _MEASURED,
        **{key: table for key, table in tables.items() if table},
        "line": draft.lines,
    }
