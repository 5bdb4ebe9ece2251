"""US rates that aren't imported: what can't be expressed, by its name, and what is wrong in the file."""

import json
from collections.abc import Callable
from datetime import date

import pytest

from chowon.errors import Problem, TariffInvalid
from chowon.tariff_import.urdb import Wishes, imported
from tests.urdb_rates import Rate, demand, every_hour, flat, solar, tiered, time_of_use

DENVER = Wishes(timezone="America/Denver")
UNKNOWN = "a field that chowon knows: whether this one changes the bill isn't known"


def problems_of(content: object, wishes: Wishes = DENVER) -> list[Problem]:
    given = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(TariffInvalid) as caught:
        imported(given, "rate.json", wishes)
    return list(caught.value.problems)


WITHOUT = "(--without-export imports the rate for a site that gives nothing to the grid)"
TIERS_IN_PERIODS = [
    [{"max": 400, "rate": 0.1}, {"rate": 0.2}],
    [{"rate": 0.3}],
    [{"rate": 0.1}],
    [{"rate": 0.2}],
]
REFUSED: list[tuple[Callable[[], Rate], Rate, str, str, str]] = [
    (
        time_of_use,
        {"energyratestructure": TIERS_IN_PERIODS},
        "energyratestructure[0]",
        "tiers in months with several periods",
        "tiers or periods: which of a tier's kWh fall into which period isn't said",
    ),
    (
        flat,
        {"energyratestructure": [[{"max": 100, "rate": 0.1, "unit": "kWh/kW"}, {"rate": 0.2}]]},
        "energyratestructure[0] unit",
        '"kwh/kw"',
        "kWh or kWh daily: bounds by kW can't be expressed",
    ),
    (
        tiered,
        {
            "energyratestructure": [
                [{"max": 10, "rate": 0.1, "unit": "kWh daily"}, {"rate": 0.2}],
                [{"max": 100, "rate": 0.1, "unit": "kWh"}, {"rate": 0.2}],
            ]
        },
        "energyratestructure unit",
        "kwh and kwh daily",
        "one unit of all bounds",
    ),
    (
        flat,
        {"energyratestructure": [[{"max": 100, "rate": 0.1}]]},
        "energyratestructure[0][0].max",
        "100",
        "no bound in the last tier: what is used above it has no price",
    ),
    (
        demand,
        {"demandratestructure": [[{"rate": 0}], [{"max": 50, "rate": 9}, {"rate": 7}]]},
        "demandratestructure[1]",
        "2 tiers",
        "one tier: tiered demand charges can't be expressed yet",
    ),
    (
        demand,
        {"flatdemandunit": "kVA"},
        "flatdemandunit",
        "kva",
        "kW: other units of demand, or a demand a day, can't be expressed yet",
    ),
    (
        demand,
        {"demandrateunit": None},
        "demandrateunit",
        "nothing",
        "kW: other units of demand, or a demand a day, can't be expressed yet",
    ),
    (
        demand,
        {"demandwindow": 25},
        "demandwindow",
        "25",
        "whole minutes that an hour is a multiple of: 15, 30 or 60",
    ),
    (
        demand,
        {"demandratchetpercentage": [0] * 11 + [85]},
        "demandratchetpercentage",
        "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 85]",
        "nothing or 0: ratchets of a percentage can't be expressed yet",
    ),
    (
        demand,
        {"lookbackPercent": 80, "lookbackRange": 11},
        "lookbackpercent",
        "80",
        "nothing or 0: which demand charges a lookback is of isn't said",
    ),
    (
        demand,
        {"demandreactivepowercharge": 0.3},
        "demandreactivepowercharge",
        "0.3",
        "nothing or 0: charges for reactive power can't be expressed yet",
    ),
    (
        demand,
        {"coincidentratestructure": [[{"rate": 3}]]},
        "coincidentratestructure",
        '[[{"rate": 3}]]',
        "nothing or 0: charges for demand at the system's peak can't be expressed yet",
    ),
    (
        flat,
        {"annualmincharge": 120},
        "annualmincharge",
        "120",
        "nothing or 0: a minimum a year can't be expressed yet",
    ),
    (
        flat,
        {"mincharge": 0.5, "minchargeunits": "$/day"},
        "minchargeunits",
        '"$/day"',
        "$/month: a minimum a day or a year can't be expressed yet",
    ),
    (
        flat,
        {"dgrules": "Net Billing Hourly"},
        "dgrules",
        '"Net Billing Hourly"',
        "'Net Metering' or 'Net Billing Instantaneous': other rules can't be expressed " + WITHOUT,
    ),
    (
        time_of_use,
        {"dgrules": "Net Metering"},
        "dgrules",
        "net metering beside periods of the day or a demand charge",
        "net metering of a rate that prices all hours alike and no kW " + WITHOUT,
    ),
    (
        flat,
        {"usenetmetering": True, "flatdemandstructure": [[{"rate": 4}]], "flatdemandunit": "kW"},
        "usenetmetering",
        "net metering beside periods of the day or a demand charge",
        "net metering of a rate that prices all hours alike and no kW " + WITHOUT,
    ),
    (
        flat,
        {"dgrules": "Net Metering", "energyratestructure": [[{"rate": 0.1, "sell": 0.04}]]},
        "energyratestructure[0] sell",
        "0.04",
        "no price under net metering: for which kWh isn't said " + WITHOUT,
    ),
    (
        flat,
        {"dgrules": "Net Metering", "energyratestructure": None},
        "dgrules",
        '"Net Metering"',
        "energyratestructure beside it: what is netted has no price",
    ),
    (
        flat,
        {"fixedattrs": [{"Street light": "$3.10/lamp"}]},
        "fixedattrs",
        '[{"street light": "$3.10/lamp"}]',
        "no charge in words: read it, then --without-attrs leaves it out",
    ),
    (
        demand,
        {"coincidentratestructure": [[{"rate": 0, "basis": 3}]]},
        "coincidentratestructure",
        '[[{"rate": 0, "basis": 3}]]',
        "nothing or 0: charges for demand at the system's peak can't be expressed yet",
    ),
    (
        solar,
        {"dgrules": None, "energyratestructure": [[{"rate": 0.1, "sell": 0.04}]] * 4},
        "energyratestructure[0] sell",
        "0.04",
        "dgrules beside it: what is netted before isn't said " + WITHOUT,
    ),
    (
        flat,
        {
            "dgrules": "Net Billing Instantaneous",
            "energyratestructure": [[{"max": 9, "rate": 0.1, "sell": 0.04}, {"rate": 0.2}]],
        },
        "energyratestructure[0] sell",
        "prices that differ by tier",
        "one price: tiers of export can't be expressed " + WITHOUT,
    ),
    (flat, {"stormfund": 0.01}, "stormfund", "0.01", UNKNOWN),
    (
        flat,
        {"energyratestructure": [[{"rate": 0.1, "rate2": 0.02}]]},
        "energyratestructure[0][0].rate2",
        "0.02",
        UNKNOWN,
    ),
    (flat, {"country": "MEX"}, "country", '"MEX"', "USA: the currency of other countries isn't said"),
]


@pytest.mark.parametrize(("make", "changes", "where", "found", "expected"), REFUSED)
def test_what_cannot_be_expressed_is_refused_by_its_name(
    make: Callable[[], Rate], changes: Rate, where: str, found: str, expected: str
) -> None:
    assert Problem(where, found, expected) in problems_of(make() | changes)


def test_everything_that_stands_against_a_rate_is_said_at_once() -> None:
    told = problems_of(
        demand() | {"stormfund": 1, "annualmincharge": 5, "flatdemandunit": "hp", "startdate": "x"}
    )
    assert [problem.where for problem in told] == [
        "stormfund",
        "annualmincharge",
        "startdate",
        "flatdemandunit",
    ]


BAD_FIELDS: list[tuple[Rate, str, str, str]] = [
    (
        {"energyweekdayschedule": every_hour(0)[:11]},
        "energyweekdayschedule",
        "a list of 11",
        "12 months of 24 hours",
    ),
    (
        {"energyweekendschedule": [*every_hour(0)[:11], [0] * 23]},
        "energyweekendschedule[11]",
        "23 hours",
        "24 hours, each with its period",
    ),
    (
        {"energyweekendschedule": [[0, 1, 4] + [0] * 21] * 12},
        "energyweekendschedule[3][1]",
        "1 and 1 more",
        "a period, 0 to 0",
    ),
    (
        {"energyweekdayschedule": [[0] * 23 + [True]] * 12},
        "energyweekdayschedule[0][23]",
        "true",
        "a period, 0 to 0",
    ),
    (
        {"energyratestructure": {"0": 1}},
        "energyratestructure",
        '{"0": 1}',
        "a list of periods, each a list of tiers: [[{rate: 0.1}], [{rate: 0.2}]]",
    ),
    ({"energyratestructure": [[0.1]]}, "energyratestructure[0][0]", "0.1", "a tier: {rate: 0.1}"),
    (
        {"energyratestructure": [[{"rate": "0.1"}]]},
        "energyratestructure[0][0].rate",
        '"0.1"',
        "a price, $ a kWh, below 10,000,000 and with at most 20 decimals",
    ),
    (
        {"energyratestructure": [[{"unit": "kWh"}]]},
        "energyratestructure[0][0].rate",
        "nothing",
        "a price, $ a kWh",
    ),
    (
        {"energyratestructure": [[{"rate": 0.1, "max": 50}, {"rate": 0.2, "max": 50}, {"rate": 0.3}]]},
        "energyratestructure[0][1].max",
        "50",
        "a bound above 50",
    ),
    (
        {"energyratestructure": [[{"rate": 0.1}, {"rate": 0.2}]]},
        "energyratestructure[0][0].max",
        "nothing",
        "a bound: only the last of the 2 tiers has none",
    ),
    (
        {"energyratestructure": None},
        "energyratestructure",
        "nothing",
        "the periods that energyweekdayschedule names",
    ),
    (
        {"fueladjustmentsmonthly": [0] * 10 + [1]},
        "fueladjustmentsmonthly",
        "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]",
        "12 prices, $ a kWh, January first",
    ),
    (
        {"flatdemandstructure": [[{"rate": 1}]], "flatdemandmonths": [1] * 12, "flatdemandunit": "kW"},
        "flatdemandmonths",
        "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
        "12 periods of flatdemandstructure, January first, each 0 to 0",
    ),
    ({"fixedchargeunits": "$/week"}, "fixedchargeunits", '"$/week"', "$/month or $/day or $/year"),
    ({"fixedchargeunits": None}, "fixedchargeunits", "nothing", "$/month or $/day or $/year"),
    ({"startdate": 1.5}, "startdate", "1.5", "whole seconds since 1970 UTC, before 2100"),
    ({"label": "../x"}, "label", '"../x"', "URDB's label of the rate: letters and digits"),
    ({"name": 5}, "name", "5", "a text"),
    ({"usenetmetering": 1}, "usenetmetering", "1", "true or false"),
    ({"utility": None}, "utility", "nothing", "a text that names the rate"),
]


@pytest.mark.parametrize(("changes", "where", "found", "expected"), BAD_FIELDS)
def test_a_wrong_field_is_told_with_what_was_found_and_expected(
    changes: Rate, where: str, found: str, expected: str
) -> None:
    assert Problem(where, found, expected) in problems_of(flat() | changes)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected JSON"),
        (b"\xff{}", "expected JSON"),
        (b'{"label": ', "expected JSON"),
        (b"[" * 100_000, "expected JSON"),
        (b'{"label": "aa01", "mincharge": NaN}', "NaN is no number of JSON"),
        (b'{"label": "aa01", "mincharge": 1e99999999999999999999}', "expected JSON"),
        (b'{"label": "aa01", "Label": "aa01"}', "stands twice in one object"),
        (b"[]", "expected a list of rates"),
        (b"7", "expected a list of rates"),
        (b'{"items": [7]}', "expected a list of rates"),
        (b'{"error": {"code": "API_KEY_MISSING"}}', "expected the answer of a request that succeeded"),
    ],
)
def test_a_file_that_is_no_rate_is_told_clearly(content: bytes, words: str) -> None:
    (problem,) = problems_of(content)
    assert words in str(problem)


def test_numbers_beyond_measure_are_refused() -> None:
    content = json.dumps(flat()).replace("14.5", "1e900").encode()
    expected = "$ by fixedchargeunits, below 10,000,000 and with at most 20 decimals"
    assert problems_of(content) == [Problem("fixedchargefirstmeter", "1E+900", expected)]


def test_a_rate_without_any_charge_is_no_tariff() -> None:
    rate = {key: value for key, value in flat().items() if not key.startswith(("energy", "fixed"))}
    problem = Problem("energyratestructure", "no charge in any field", "a rate that costs something")
    assert problems_of(rate) == [problem]


def test_a_first_day_out_of_this_world_is_refused() -> None:
    wishes = Wishes(timezone="America/Denver", since=date(9999, 12, 15))
    assert problems_of(flat(), wishes) == [Problem("--from", "9999-12-15", "a day before 2100")]


@pytest.mark.parametrize("zone", ["", "America/Nowhere", "../etc/passwd", "America"])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    (problem,) = problems_of(flat(), Wishes(timezone=zone))
    assert problem == Problem("--timezone", repr(zone), "an IANA time zone, e.g. America/Los_Angeles")
