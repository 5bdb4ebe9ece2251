"""Importing US rates: what comes out, what is refused and by which name, what is wrong in the file."""

import json
import tomllib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from chowon.domain.bill import Usage, bill
from chowon.domain.clock import Period
from chowon.domain.tariff import Tariff, parse
from chowon.errors import TariffInvalid, UsageInvalid
from chowon.tariff_import.tariff_file import written
from chowon.tariff_import.urdb import Imported, Wishes, imported
from tests.urdb_rates import Rate, by_season, demand, every_hour, flat, solar, tiered, time_of_use

DENVER = Wishes(timezone="America/Denver")


def made_of(rate: object, wishes: Wishes = DENVER) -> Imported:
    return imported(json.dumps(rate).encode(), "rate.json", wishes)


def document_of(rate: object, wishes: Wishes = DENVER) -> dict[str, Any]:
    return tomllib.loads(made_of(rate, wishes).text, parse_float=Decimal)


def tariff_of(rate: object) -> Tariff:
    return parse(document_of(rate), "rate.toml")


def lines_of(rate: object) -> dict[str, dict[str, Any]]:
    return {line["id"]: line for line in document_of(rate)["line"]}


def problems_of(content: bytes | Rate, wishes: Wishes = DENVER) -> list[str]:
    given = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(TariffInvalid) as caught:
        imported(given, "rate.json", wishes)
    return [str(problem) for problem in caught.value.problems]


def test_a_flat_rate_is_one_price_a_kwh_and_a_fixed_charge() -> None:
    lines = lines_of(flat())
    assert list(lines) == ["fixed", "energy"]
    assert lines["energy"]["kind"] == "per_kwh"
    assert [price["price"] for price in lines["energy"]["price"]] == [Decimal("0.0966")]  # rate + adj
    assert lines["fixed"]["price"][0]["amount"] == Decimal("14.5")


def test_every_price_names_the_page_the_utilitys_document_and_the_start_date() -> None:
    prices = [price for line in lines_of(demand()).values() for price in line["price"]]
    source = "https://apps.openei.org/USURDB/rate/view/aa04; https://prairie.example/tariffs.pdf"
    assert {(price["source"], price["from"]) for price in prices} == {(source, date(2024, 1, 1))}


def test_months_of_equal_prices_are_a_season_and_the_most_frequent_the_rest_of_the_year() -> None:
    document = document_of(tiered())
    assert document["season"]["jun_sep"]["months"] == [6, 7, 8, 9]
    sets = [(s.get("season"), s["upto"]) for s in document["tiers"]["energy"]["set"]]
    assert sets == [
        (None, [600, 1200]),
        ("jun_sep", [500, 1000]),
    ]  # winter's last block is cut on at its price
    energy = next(line for line in document["line"] if line["id"] == "energy")
    assert [p["per_tier"] for p in energy["price"]] == [
        [Decimal("0.08"), Decimal("0.095"), Decimal("0.095")],
        [Decimal("0.089"), Decimal("0.12"), Decimal("0.15")],
    ]
    fuel = next(line for line in document["line"] if line["id"] == "fuel")
    assert [(p.get("season"), p["price"]) for p in fuel["price"]] == [
        (None, Decimal("0.0125")),
        ("jan_feb", Decimal("0.012")),
        ("mar", Decimal("0.0118")),
    ]


def test_a_season_over_new_year_and_one_of_single_months_have_speaking_names() -> None:
    rate = tiered() | {"fueladjustmentsmonthly": [1, 0, 0, 0, 1, 0, 0, 2, 0, 0, 1, 1]}
    document = document_of(rate)
    assert document["season"]["may_and_nov_jan"]["months"] == [1, 5, 11, 12]
    assert document["season"]["may_and_nov_jan"]["label"] == {"ko": "5, 11–1월", "en": "May, Nov–Jan"}


def test_a_calendar_is_as_short_as_a_person_would_write_it() -> None:
    rules = document_of(time_of_use())["calendar"]["energy"]["version"][0]["rule"]
    assert rules == [
        {"days": ["weekend"], "bands": {"period_1": "00-24"}},
        {
            "season": "jun_sep",
            "bands": {"period_1": "22-10", "period_2": "14-19", "period_3": "10-14,19-22"},
        },
        {"bands": {"period_1": "10-17,21-06", "period_4": "06-10,17-21"}},
    ]


def test_periods_of_one_price_are_one_band() -> None:
    rate = time_of_use()
    rate["energyratestructure"][3] = [{"rate": 0.133}]
    document = document_of(rate)
    assert set(document["band"]) == {"period_1", "period_2", "period_3"}


def test_neighbouring_tiers_of_one_price_are_one_block() -> None:
    rate = flat() | {"energyratestructure": [[{"max": 500, "rate": 0.1}, {"rate": 0.1}]]}
    assert lines_of(rate)["energy"]["kind"] == "per_kwh"


def test_bounds_a_day_are_allowances_by_the_days_of_the_period() -> None:
    rate = flat() | {"energyratestructure": [[{"max": 8.5, "rate": 0.1, "unit": "kWh daily"}, {"rate": 0.2}]]}
    assert [s["per"] for s in document_of(rate)["tiers"]["energy"]["set"]] == ["day"]


def test_a_bound_of_1e38_is_none() -> None:
    rate = flat() | {"energyratestructure": [[{"max": 1e38, "rate": 0.1, "unit": "kWh/kW"}]]}
    assert lines_of(rate)["energy"]["kind"] == "per_kwh"


def test_a_demand_rate_has_a_line_for_the_month_and_one_for_each_charged_period() -> None:
    lines = lines_of(demand())
    assert list(lines) == ["fixed", "more_meters", "energy", "demand", "demand_2"]
    assert [(p.get("season"), p["per_kw"]) for p in lines["demand"]["price"]] == [
        (None, Decimal("4.5")),
        ("jun_sep", Decimal("6.35")),
    ]
    assert (lines["demand_2"]["bands"], lines["demand_2"]["interval_min"]) == (["demand_2"], 60)


def test_demand_by_schedule_that_knows_no_hours_is_demand_of_the_month() -> None:
    months = every_hour(*by_season(0, 1))
    rate = demand() | {"demandweekdayschedule": months, "demandweekendschedule": months}
    lines = lines_of(rate)
    assert "calendar" not in lines["demand_timed"]
    assert [p["per_kw"] for p in lines["demand_timed"]["price"]] == [0, Decimal("9.75")]


def test_a_rate_without_a_demand_window_says_what_is_assumed() -> None:
    rate = demand()
    del rate["demandwindow"]
    made = made_of(rate)
    assert any("15 minutes are assumed" in told for told in made.notes)
    assert "interval_min = 15" in made.text


def test_a_charge_a_year_is_its_exact_12th_part_a_month() -> None:
    assert lines_of(time_of_use())["fixed"]["price"][0]["amount"] == 10
    assert problems_of(flat() | {"fixedchargefirstmeter": 100, "fixedchargeunits": "$/year"}) == [
        "fixedchargefirstmeter: found 100; expected an amount a year whose 12th part has an end: 120, not 100"
    ]


def test_export_is_a_line_of_its_own_under_net_billing() -> None:
    export = lines_of(solar())["export"]
    assert (export["kind"], export["of"], export["calendar"]) == ("time_of_use", "export", "energy")
    assert export["price"][0]["bands"]["period_2"] == Decimal("0.09")


def test_net_metering_bills_what_is_left_and_carries_on_the_rest() -> None:
    rate = tiered() | {"dgrules": "Net Metering"}
    assert document_of(rate)["period"]["net"] == "kwh"
    assert any("isn't said" in told for told in made_of(rate).notes)
    may = Period(date(2024, 5, 1), date(2024, 6, 1))
    found = bill(tariff_of(rate), may, Usage(Decimal(900), export_kwh=Decimal(150), carried=Decimal(50)))
    amounts = {line.id: line.amount for line in found.lines}
    assert amounts["energy"] == Decimal("57.50")  # 600 × 0.08 + 100 × 0.095
    assert (amounts["fuel"], found.carried) == (Decimal("8.75"), 0)
    less = bill(tariff_of(rate), may, Usage(Decimal(100), export_kwh=Decimal(150)))
    assert (less.total, less.carried) == (20, 50)  # the minimum


def test_a_period_after_the_end_of_the_rate_is_refused() -> None:
    rate = flat() | {"enddate": 1_717_200_000 - 86_400}  # 2024-05-31
    assert any("ends on 2024-05-31" in told for told in made_of(rate).notes)
    may, june = (Period(date(2024, month, 1), date(2024, month + 1, 1)) for month in (5, 6))
    assert bill(tariff_of(rate), may, Usage(Decimal(100))).total == Decimal("24.16")
    with pytest.raises(UsageInvalid, match=r"known until 2024-06-01"):
        bill(tariff_of(rate), june, Usage(Decimal(100)))


def test_a_rate_with_periods_says_that_holidays_are_days_as_others() -> None:
    assert any("no holidays" in told for told in made_of(time_of_use()).notes)
    assert made_of(flat()).notes == ()


def test_export_says_that_a_bill_may_be_negative() -> None:
    assert any("makes a bill negative" in told for told in made_of(solar()).notes)


def test_numbers_keep_all_their_decimals() -> None:
    content = json.dumps(flat()).replace("0.0921", "0.09210000000000000005").encode()
    made = imported(content, "rate.json", DENVER)
    assert "price = 0.09660000000000000005" in made.text


def test_words_of_urdb_stand_at_the_top_and_are_pointed_to() -> None:
    rate = flat() | {
        "energycomments": "Plus 3 % franchise fee.\nSee rider F.",
        "fixedattrs": [{"Late fee": "1.5 %"}],
        "servicetype": "Delivery",
    }
    made = made_of(rate, Wishes(timezone="America/Denver", without_attrs=True))
    assert "# energycomments: Plus 3 % franchise fee. See rider F.\n" in made.text
    assert '# fixedattrs: [{"late fee": "1.5 %"}]' in made.text
    assert any("energycomments, fixedattrs" in told for told in made.notes)
    assert any("'Delivery'" in told for told in made.notes)


def test_text_of_a_rate_cannot_become_anything_but_text() -> None:
    rate = flat() | {"name": 'A"\\ \u0007\ud800]\n[line]', "energycomments": "x\n[[line]]\nid = 1\u2028y"}
    document = document_of(rate)
    assert document["name"]["en"] == 'Prairie Light & Power: A"\\ \ufffd\ufffd] [line]'
    assert len(document["line"]) == 2


def test_the_item_is_chosen_by_its_label() -> None:
    answer = {"items": [flat(), tiered()]}
    assert made_of(answer, Wishes(timezone="America/Denver", label="aa02")).id == "us.urdb.aa02"
    (problem,) = problems_of(answer)
    assert problem == (
        "rate.json: items: found 2 of 2; expected one item; there are aa01 ('Residential Flat'), "
        "aa02 ('Residential Tiered')"
    )
    (problem,) = problems_of(answer, Wishes(timezone="America/Denver", label="aa09"))
    assert "found 0 of 2; expected one item with the label 'aa09'" in problem


def test_an_answer_a_list_and_an_item_are_read_alike() -> None:
    assert made_of({"items": [flat()]}) == made_of([flat()]) == made_of(flat())


def test_a_rate_without_a_start_date_wants_one() -> None:
    rate = flat() | {"startdate": None}
    expected = (
        "startdate: found nothing; expected seconds since 1970 UTC, or the tariff's first day by --from"
    )
    assert problems_of(rate) == [expected]
    wishes = Wishes(timezone="America/Denver", since=date(2023, 5, 1))
    assert document_of(rate, wishes)["from"] == date(2023, 5, 1)


def test_a_tariff_begins_on_the_first_of_a_month_and_not_before_the_rate() -> None:
    made = made_of(flat() | {"startdate": 1_702_599_200})  # 2023-12-15
    assert "\nfrom = 2024-01-01\n" in made.text
    assert any("begins on 2024-01-01" in told for told in made.notes)
    assert problems_of(flat(), Wishes(timezone="America/Denver", since=date(2023, 5, 1))) == [
        "--from: found 2023-05-01; expected 2024-01-01 or later: the rate begins on that day"
    ]


def test_a_midnight_of_a_us_time_zone_is_its_day() -> None:
    assert document_of(flat() | {"startdate": 1_704_067_200 + 8 * 3600})["from"] == date(2024, 1, 1)


def test_without_export_a_net_metered_rate_is_that_of_a_site_that_gives_nothing() -> None:
    rate = solar() | {"dgrules": "Net Billing Hourly"}
    made = made_of(rate, Wishes(timezone="America/Denver", without_export=True))
    assert "export" not in [line["id"] for line in tomllib.loads(made.text)["line"]]
    assert any("about export is left out" in told for told in made.notes)


def test_a_tariff_file_reads_back_as_what_was_written() -> None:
    document = {
        "text": 'a "b" \\ 원',
        "number": Decimal("0.00000001"),
        "whole": Decimal("1E+3"),
        "day": date(2024, 1, 1),
        "yes": True,
        "list": [Decimal("1.50"), 2],
        "line": [{"label": {"ko": "가", "en": "a"}, "price": [{"amount": Decimal(1)}]}, {"id": "x"}],
        "tiers": {"a": {"set": [{"upto": [1, 2]}]}},
    }
    assert tomllib.loads(written(document), parse_float=Decimal) == document
    with pytest.raises(TypeError, match="float has no place"):
        written({"price": 0.1})
