"""chowon bill and chowon tariff: data on stdout, notes on stderr, exit codes 0, 1, 2."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from chowon.cli import bill, tariff

PACKAGE = Path(__file__).parents[2] / "src" / "chowon" / "tariffs"
RUN = CliRunner()
APP = typer.Typer()
APP.add_typer(bill.app)
APP.add_typer(tariff.app)
EXPLAIN = ["bill", "explain", "--tariff", "kr.kepco.residential.low", "--kwh", "350"]
OCTOBER = ["--start", "2025-10-01", "--end", "2025-11-01"]
HEAD = "case,kind,kwh,start,end,voltage,welfare_discount,energy,essential_deduction,total\n"


def test_explain_shows_quantity_price_date_source_and_rounding() -> None:
    answer = RUN.invoke(APP, [*EXPLAIN, *OCTOBER])
    assert answer.exit_code == 0
    for words in (
        "전력량요금",
        "150 kWh × 214.6 = 32,190",
        "2023-05-16",
        "별표 1",
        "원 미만 버림",
        "70,640 KRW",
    ):
        assert words in answer.stdout
    assert "다음 1 kWh: 257.6; 3단계 중 2단계, 다음 단계까지 50 kWh" in answer.stdout


def test_explain_speaks_english() -> None:
    answer = RUN.invoke(APP, [*EXPLAIN, "--start", "2025-06-11", "--end", "2025-07-11", "--lang", "en"])
    assert answer.exit_code == 0
    for words in (
        "Tier 2 06-11 – 07-01 (20/30)",
        "39,712 × 3.2 % = 1,270.784",
        "rounded down to 10 won",
        "67,320",
    ):
        assert words in answer.stdout


def test_explain_says_where_a_price_is_not_known_yet() -> None:
    january = ["--start", "2026-12-15", "--end", "2027-01-15"]
    assert "※ 연료비조정요금: 2026년 12월분까지 알려진 단가" in RUN.invoke(APP, [*EXPLAIN, *january]).stdout
    document = json.loads(RUN.invoke(APP, [*EXPLAIN, *january, "--json"]).stdout)
    assert "reading month 2026-12" in document["notes"][0]["en"]
    assert "※" not in RUN.invoke(APP, [*EXPLAIN, *OCTOBER]).stdout


def test_explain_as_json_is_one_document() -> None:
    answer = RUN.invoke(APP, [*EXPLAIN, *OCTOBER, "--option", "climate_rounding=three_components", "--json"])
    document = json.loads(answer.stdout)
    assert (document["total"], document["marginal_price"], document["tier"]["index"]) == ("70640", "257.6", 2)
    assert document["options"]["climate_rounding"] == "three_components"


def test_explain_takes_the_customers_classes() -> None:
    classes = ["--family", "large_family", "--welfare", "basic_livelihood_or_medical"]
    answer = RUN.invoke(APP, [*EXPLAIN, *OCTOBER, *classes, "--lang", "en"])
    assert answer.exit_code == 0
    # 62,690 of charges − 16,000; 30 % of 46,690 are 14,007
    for words in ("1 month × -16,000 = -16,000", "46,690 × -30 % = -14,007", "32,683"):
        assert words in answer.stdout
    options = ["--option", "family=large_family", "--option", "welfare=basic_livelihood_or_medical"]
    assert RUN.invoke(APP, [*EXPLAIN, *OCTOBER, *options, "--lang", "en"]).stdout == answer.stdout


def test_check_compares_the_lines_of_a_class(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    head = "case,kwh,start,end,voltage,family_discount,welfare_discount,family_amount,welfare_amount\n"
    rows = ("A,600,2024-05-01,2024-06-01,low,large_family,disabled_or_veteran,0,16000",)
    rows += ("B,600,2024-05-01,2024-06-01,low,large_family,,15000,0",)
    file.write_text(head + "\n".join(rows), encoding="utf-8")
    answer = RUN.invoke(APP, ["bill", "check", str(file)])
    assert answer.stdout.splitlines() == ["B: family_amount expected 15000, computed 16000", "exact 1 of 2"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*EXPLAIN, "--start", "2025-13-01", "--end", "2025-11-01"], "--start"),
        ([*EXPLAIN, "--start", "2015-10-01", "--end", "2015-11-01"], "known from 2016-12-01"),
        ([*EXPLAIN, *OCTOBER, "--option", "fund"], "name=value"),
        ([*EXPLAIN, *OCTOBER, "--lang", "fr"], "ko or en"),
        ([*EXPLAIN, *OCTOBER, "--family", "large"], "option 'family'"),
        ([*EXPLAIN, *OCTOBER, "--welfare", "nearpoor"], "did you mean 'near_poor'"),
        ([*EXPLAIN[:-1], "-5", *OCTOBER], "0 or more"),
        ([*EXPLAIN[:-1], "five", *OCTOBER], "a number of kWh"),
        ([*EXPLAIN[:3], "kr.kepco.residental.low", *EXPLAIN[4:], *OCTOBER], "did you mean"),
    ],
)
def test_explain_ends_with_2_on_unusable_input(arguments: list[str], said: str) -> None:
    answer = RUN.invoke(APP, arguments)
    assert answer.exit_code == 2
    assert said in answer.stderr
    assert answer.stdout == ""


def test_check_counts_what_is_exact_and_what_it_cannot_compute(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    rows = (
        "A,x,350,2025-10-01,2025-11-01,low,,56190,0,70640",
        "B,x,100,2021-03-01,2021-04-01,low,,8830,4000,6780",
        "C,x,350,2025-10-01,2025-11-01,low,near_poor,56190,0,61620",
        "E,x,350,2025-10-01,2025-11-01,low,nearpoor,56190,0,61640",
        "D,x,9,2010-01-01,2010-02-01,low,,1,0,1",
    )
    file.write_text(HEAD + "\n".join(rows), encoding="utf-8")
    answer = RUN.invoke(APP, ["bill", "check", str(file)])
    assert answer.exit_code == 0
    assert answer.stdout == "exact 3 of 3\nnot computed 2\n"
    assert "not computed 1: option 'welfare': found 'nearpoor'" in answer.stderr
    assert "did you mean 'near_poor'" in answer.stderr
    assert "known from 2016-12-01" in answer.stderr
    document = json.loads(RUN.invoke(APP, ["bill", "check", str(file), "--json"]).stdout)
    assert (document["exact"], document["compared"], sum(document["not_computed"].values())) == (3, 3, 2)


def test_check_ends_with_1_and_names_each_difference(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(HEAD + "A,x,350,2025-10-01,2025-11-01,low,,56191,0,70630\n", encoding="utf-8")
    answer = RUN.invoke(APP, ["bill", "check", str(file)])
    assert answer.exit_code == 1
    assert answer.stdout.splitlines() == [
        "A: energy expected 56191, computed 56190",
        "A: total expected 70630, computed 70640",
        "exact 0 of 1",
    ]


def test_check_takes_only_the_kinds_that_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    wrong = "B,other,350,2025-10-01,2025-11-01,low,,1,0,1\n"
    file.write_text(HEAD + "A,x,350,2025-10-01,2025-11-01,low,,56190,0,70640\n" + wrong, encoding="utf-8")
    assert RUN.invoke(APP, ["bill", "check", str(file), "--kind", "x"]).exit_code == 0
    assert RUN.invoke(APP, ["bill", "check", str(file), "--kind", "none"]).exit_code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kwh,start,end,voltage,total\nx,2025-10-01,2025-13-01,low,1\n", "line 2.kwh"),
        ("kwh,start,end,voltage,total\n5,2025-10-01,2025-09-01,low,1\n", "a day after the start"),
        ("kwh,start,end,voltage,total\n5,2025-10-01,2025-11-01,,1\n", "a tariff's id"),
        ("kwh,start,end,voltage\n5,2025-10-01,2025-11-01,low\n", "no amounts"),
        ("kwh,start,end,voltage,total\n5,2025-10-01,2025-11-01,low,much\n", "an amount"),
        ("kwh,start,end,voltage,total\n5,2010-10-01,2010-11-01,low,1\n", "nothing was compared"),
    ],
)
def test_check_ends_with_2_on_rows_that_it_cannot_use(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(text, encoding="utf-8")
    answer = RUN.invoke(APP, ["bill", "check", str(file)])
    assert answer.exit_code == 2
    assert said in answer.stderr


def test_check_ends_with_2_without_a_file(tmp_path: Path) -> None:
    answer = RUN.invoke(APP, ["bill", "check", str(tmp_path / "none.csv")])
    assert answer.exit_code == 2
    assert "No such file" in answer.stderr


def test_the_list_of_tariffs_names_each() -> None:
    assert "kr.kepco.residential.high" in RUN.invoke(APP, ["tariff", "list"]).stdout
    rows = json.loads(RUN.invoke(APP, ["tariff", "list", "--json"]).stdout)["tariffs"]
    assert {"id", "name", "country", "currency", "from", "options", "needs"} == set(rows[0])


def test_checking_a_right_file_ends_with_0_a_wrong_case_with_1_a_wrong_file_with_2(tmp_path: Path) -> None:
    text = (PACKAGE / "kr/kepco/residential_low.toml").read_text(encoding="utf-8")
    file = tmp_path / "low.toml"
    file.write_text(text, encoding="utf-8")
    assert RUN.invoke(APP, ["tariff", "check", str(file)]).exit_code == 0
    file.write_text(text.replace("total = 70640", "total = 70650"), encoding="utf-8")
    answer = RUN.invoke(APP, ["tariff", "check", str(file)])
    assert answer.exit_code == 1
    assert "total expected 70650, computed 70640" in answer.stdout
    file.write_text(text.replace('kind = "subtotal"', 'kind = "subtotle"'), encoding="utf-8")
    answer = RUN.invoke(APP, ["tariff", "check", str(file), "--json"])
    assert answer.exit_code == 2
    assert json.loads(answer.stdout)["problems"][0]["where"].endswith("line 'subtotal'.kind")
    assert "did you mean 'subtotal'" in answer.stderr
