"""Wrong calendars, prices by season and numbers: each problem named with its place and what to set."""

import tomllib
from datetime import date
from decimal import Decimal

import pytest

from chowon.domain.tariff import parse
from chowon.errors import TariffInvalid
from chowon.registry import holiday_dates
from tests.hourly import BY_BAND, DEMAND, EXPORT, HEAD, MARKET, NUMBER

WHOLE = HEAD + BY_BAND + DEMAND + NUMBER
NIGHT_DAY = 'bands = { night = "00-03,22-24", day = "03-22" }'
WRONG = [
    ("a hole", NIGHT_DAY, 'bands = { night = "00-03,22-24", day = "04-22" }', "03:00 to 04:00 in no band"),
    ("an overlap", NIGHT_DAY, 'bands = { night = "00-03,21-24", day = "03-22" }', "21:00 in two bands"),
    ("a short day", NIGHT_DAY, 'bands = { night = "00-03", day = "03-22" }', "22:00 to 24 is in none"),
    ("no hours", NIGHT_DAY, 'bands = { night = "late", day = "03-22" }', "hours of the day like"),
    ("hour 25", NIGHT_DAY, 'bands = { night = "22-25", day = "03-22" }', "hours of the day like"),
    ("no span", NIGHT_DAY, 'bands = { night = "03-03", day = "03-22" }', "hours of the day like"),
    ("no bands", NIGHT_DAY, "", "the hours of each band"),
    ("a day that isn't", NIGHT_DAY, 'days = ["satuday"]\n' + NIGHT_DAY, "did you mean 'saturday'"),
    ("no last rule", NIGHT_DAY, 'days = ["weekend"]\n' + NIGHT_DAY, "a last rule for every other day"),
    ("an unknown season", NIGHT_DAY, 'season = "sumer"\n' + NIGHT_DAY, "did you mean 'summer'"),
    ("a holiday without a table", NIGHT_DAY, 'days = ["holiday"]\n' + NIGHT_DAY, "a table [holidays]"),
    ("a band without words", "[band.day]", "[band.noon]", "words for band 'day'"),
    ("words without a band", "[band.day]", "[band.noon]", "a calendar with band 'noon'"),
    (
        "a late version",
        "version]]\nfrom = 2026-01-01",
        "version]]\nfrom = 2026-02-01",
        "set from <= 2026-01-01",
    ),
    (
        "a price of no band",
        "night = 0.1, day = 0.3",
        "night = 0.1",
        "one price for each band of the calendar",
    ),
    ("no prices", "bands = { night = 0.1, day = 0.3 }\n", "", "a price for each band"),
    ("no calendar", 'calendar = "hours"\nlabel', 'calendar = "hour"\nlabel', "did you mean 'hours'"),
    ("no such band", 'bands = ["day"]', 'bands = ["dy"]', "one of day, night"),
    ("no such number", 'kw_option = "kw"', 'kw_option = "kv"', "an option with a unit"),
    ("no number at all", 'kw_option = "kw"\n', "", "the numeric option that holds the contract's kW"),
]


@pytest.mark.parametrize(("old", "new", "expected"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_calendar_or_price_names_what_to_set(old: str, new: str, expected: str) -> None:
    assert old in WHOLE
    with pytest.raises(TariffInvalid) as caught:
        parse(tomllib.loads(WHOLE.replace(old, new, 1), parse_float=Decimal), "x.toml", holiday_dates)
    said = [str(problem) for problem in caught.value.problems]
    assert any(expected in line for line in said), said


def test_an_interval_that_no_hour_is_a_multiple_of_is_refused() -> None:
    wrong = WHOLE.replace('bands = ["day"]', 'bands = ["day"]\ninterval_min = 7')
    with pytest.raises(TariffInvalid, match="whole minutes that an hour is a multiple of"):
        parse(tomllib.loads(wrong, parse_float=Decimal), "x.toml")


def test_prices_of_seasons_alone_must_hold_every_day() -> None:
    lines = BY_BAND.replace("source", 'season = "summer"\nsource', 1)
    with pytest.raises(TariffInvalid) as caught:
        parse(tomllib.loads(HEAD + lines, parse_float=Decimal), "x.toml")
    assert "a price for every day from 2026-01-01 on; 2026-01-01 has none" in str(caught.value.problems)


def test_net_metering_goes_with_neither_calendars_nor_export() -> None:
    for lines in (
        BY_BAND,
        EXPORT,
        MARKET.replace('series = "day_ahead"', 'series = "day_ahead"\nof = "net"'),
    ):
        head = HEAD.replace('split = "measured"', 'net = "kwh"')
        with pytest.raises(TariffInvalid, match="1 problem") as caught:
            parse(tomllib.loads(head + lines, parse_float=Decimal), "x.toml")
        assert 'net = "kwh" without calendars' in str(caught.value.problems)


def test_a_number_has_no_values_for_when() -> None:
    wrong = WHOLE.replace("measured = false", 'measured = false\nwhen = [{ kw = ["5"] }]')
    with pytest.raises(TariffInvalid) as caught:
        parse(tomllib.loads(wrong, parse_float=Decimal), "x.toml")
    assert "kw" in str(caught.value.problems)


HOLIDAYS = """
[holidays]
country = "KR"
language = "en_US"
without = ["Election"]
add = [2026-04-10]
remove = [2026-05-05]
source = "s"
"""


def test_holidays_are_the_librarys_with_what_the_tariff_changes() -> None:
    rule = NIGHT_DAY + '\n[[calendar.hours.version.rule]]\nbands = { night = "00-24" }\n'
    text = HEAD.replace("[band.night]", HOLIDAYS + "[band.night]") + BY_BAND
    text = text.replace(NIGHT_DAY, 'days = ["holiday"]\n' + rule)
    tariff = parse(tomllib.loads(text, parse_float=Decimal), "x.toml", holiday_dates)
    days = [date(2026, 5, 25), date(2026, 6, 3), date(2026, 4, 10), date(2026, 5, 5), date(2026, 5, 26)]
    assert [tariff.is_holiday(day) for day in days] == [True, False, True, False, False]


def test_a_country_that_the_library_does_not_know_is_named() -> None:
    text = HEAD.replace("[band.night]", HOLIDAYS.replace('"KR"', '"XX"') + "[band.night]") + BY_BAND
    tariff = parse(tomllib.loads(text, parse_float=Decimal), "x.toml", holiday_dates)
    with pytest.raises(TariffInvalid, match="holidays cannot be told") as caught:
        tariff.is_holiday(date(2026, 5, 1))
    assert "XX" in str(caught.value.problems)
