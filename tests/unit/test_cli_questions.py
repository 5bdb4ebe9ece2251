"""chowon bill explain by interval, compare and what-if; files with one row an interval."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from chowon.cli import interval_file
from chowon.cli.main import app
from chowon.errors import BadInput, ChowonError, NotFound
from tests.hourly import book

SEOUL = ZoneInfo("Asia/Seoul")
RUN = CliRunner()
LOW, HIGH = "kr.kepco.residential.low", "kr.kepco.residential.high"
OCTOBER = ["--start", "2025-10-01", "--end", "2025-11-01"]


@pytest.fixture
def tariffs(tmp_path, monkeypatch):
    found = book(tmp_path / "tariffs")
    monkeypatch.setenv("CHOWON_DATA__FOLDER", str(tmp_path))
    return found


def hourly(path: Path, kwh: str = "0.5", days: int = 31, start: str = "2025-10-01") -> Path:
    first = datetime.fromisoformat(start).replace(tzinfo=SEOUL)
    rows = (f"{(first + timedelta(hours=n)).isoformat()},{kwh}" for n in range(days * 24))
    path.write_text("time,kwh\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def explain(*words: object) -> dict:
    done = RUN.invoke(app, ["bill", "explain", *map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def said(*words: object) -> str:
    done = RUN.invoke(app, ["bill", *map(str, words)])
    assert done.exit_code != 0
    return done.stderr + str(done.exception)


def test_a_file_by_the_hour_is_billed_as_its_sum_and_by_its_hours(tmp_path, tariffs) -> None:
    file = hourly(tmp_path / "use.csv")
    by_sum = explain("--tariff", LOW, "--kwh", 372, *OCTOBER)
    assert explain("--tariff", LOW, "--profile", file, *OCTOBER) == by_sum
    told = explain("--tariff", "kr.test.residential.hours", "--profile", file, *OCTOBER)
    assert Decimal(told["total"]) == 124 * 50 + 248 * 200


def test_registers_stand_for_the_hours(tariffs) -> None:
    told = explain(
        "--tariff", "kr.test.residential.hours", "--band", "night=100", "--band", "day=10", *OCTOBER
    )
    assert told["total"] == "7000"
    assert "night, day" in said(
        "explain", "--tariff", "kr.test.residential.hours", "--band", "light=1", *OCTOBER
    )


def test_prices_come_from_a_file(tmp_path, tariffs) -> None:
    use, prices = hourly(tmp_path / "use.csv"), tmp_path / "prices.csv"
    text = use.read_text(encoding="utf-8").replace("kwh", "price").replace(",0.5", ",-20")
    prices.write_text(text, encoding="utf-8")
    told = explain(
        "--tariff",
        "kr.test.residential.market",
        "--profile",
        use,
        "--prices",
        f"day_ahead={prices}",
        *OCTOBER,
    )
    assert told["total"] == "-7440"


def test_a_part_of_a_period_counts_by_days() -> None:
    told = explain("--tariff", LOW, "--kwh", 100, "--start", "2025-10-01", "--end", "2025-10-11",
                   "--part-of", "2025-10-01..2025-11-01")  # fmt: skip
    assert Decimal(told["lines"][0]["amount"]) == 1600 * 10 // 31  # 310 kWh a month: tier 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "one of --kwh, --profile and --band"),
        (["--kwh", "5", "--band", "day=5"], "one of --kwh, --profile and --band"),
        (["--band", "day"], "name=value"),
        (["--band", "day=much"], "a number of kWh"),
        (["--kwh", "5", "--demand-kw", "much"], "a number of kW"),
        (["--kwh", "5", "--past-demand", "2025=3"], "--past-demand"),
        (["--kwh", "5", "--export-kwh", "-3"], "0 or more"),
        (["--kwh", "5", "--part-of", "2025-10-01"], "START..END"),
        (["--kwh", "5", "--part-of", "2025-10-05..2025-11-05"], "expected a part of"),
        (["--kwh", "5", "--prices", "x=none.csv"], "none.csv"),
        (["--profile", "none.csv"], "No such file"),
    ],
)
def test_a_use_that_cannot_be_is_refused(words, expected) -> None:
    assert expected in said("explain", "--tariff", LOW, *OCTOBER, *words)


def test_a_profile_that_lacks_a_part_of_the_period_is_refused_even_where_hours_dont_count(tmp_path) -> None:
    file = hourly(tmp_path / "use.csv", days=30)
    assert "all of the period" in said("explain", "--tariff", LOW, "--profile", file, *OCTOBER)


T = "2025-10-01T00:{:02}+09:00"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(T.format(0), "1"), (T.format(15), "1"), (T.format(45), "1")], "line 4: found a gap from"),
        ([(T.format(0), "1"), (T.format(15), "1"), (T.format(35), "1")], "an uneven step"),
        ([(T.format(0), "1"), (T.format(15), "1"), (T.format(15), "1")], "line 4: found"),
        ([(T.format(0), "1"), (T.format(15), "-1")], "line 3.kwh: found '-1'; expected kWh, 0 or more"),
        ([(T.format(0), "1"), (T.format(15), "nan")], "line 3.kwh"),
        ([(T.format(0), "1"), ("2025-13-01", "1")], "line 3.time"),
        ([(T.format(0), "1"), ("--5", "1")], "line 3.time"),
        ([(T.format(0), "1"), (T.format(15), "1", "5")], "line 3: found more cells"),
        ([(T.format(0), "1"), (T.format(15),)], "line 3.kwh"),
        ([(T.format(0), "1")], "found 1 rows"),
        ([(T.format(0), "1"), (T.format(7), "1")], "a whole part of it"),
        ([(T.format(0), "1"), (T.format(15), "0.0000000001")], "digits after the point"),
    ],
)
def test_a_file_that_is_no_profile_says_where(tmp_path, rows, expected) -> None:
    file = tmp_path / "use.csv"
    file.write_text("time,kwh\n" + "\n".join(map(",".join, rows)), encoding="utf-8")
    with pytest.raises(ChowonError) as error:
        interval_file.read_profile(file, SEOUL)
    assert expected in str(error.value)


def test_a_file_with_other_columns_is_refused(tmp_path) -> None:
    file = tmp_path / "use.csv"
    file.write_text("when,kwh\n1,2\n3,4\n", encoding="utf-8")
    with pytest.raises(BadInput, match="expected time, kwh"):
        interval_file.read_profile(file, SEOUL)
    file.write_bytes(b"time,kwh\n\xff,1\n")
    with pytest.raises(BadInput, match="CSV in UTF-8"):
        interval_file.read_profile(file, SEOUL)
    with pytest.raises(NotFound):
        interval_file.read_profile(tmp_path / "none.parquet", SEOUL)


def test_rows_in_any_order_and_times_of_any_kind_are_the_same_profile(tmp_path) -> None:
    file = tmp_path / "use.csv"
    start_ms = 1_759_244_400_000  # 1 October 2025 in Seoul
    file.write_text(f"time,kwh\n2025-10-01T01:00,0.25\n{start_ms},1.5\n", encoding="utf-8")
    found = interval_file.read_profile(file, SEOUL)
    assert (found.start_ms, found.step_ms, found.per_kwh) == (start_ms, 3_600_000, 100)
    assert found.import_energy.tolist() == [150, 25]
    times = [datetime(2025, 10, 1, hour, tzinfo=SEOUL) for hour in (0, 1)]
    pq.write_table(
        pa.table({"time": times, "kwh": [1.5, 0.25], "export_kwh": [0.0, 3.0]}), tmp_path / "u.parquet"
    )
    same = interval_file.read_profile(tmp_path / "u.parquet", SEOUL)
    assert same.import_energy.tolist() == [150, 25]
    assert same.export_energy is not None
    assert same.export_energy.tolist() == [0, 300]


def test_a_file_is_compared_by_whole_months(tmp_path, tariffs) -> None:
    file = hourly(tmp_path / "use.csv", days=40)
    words = ["bill", "compare", "--profile", str(file), "--tariff", LOW]
    words += ["--tariff", "kr.test.residential.flat", "--tariff", "kr.test.residential.market"]
    told = json.loads(RUN.invoke(app, [*words, "--json"]).stdout)
    assert (told["periods"], told["kwh"], told["end"]) == (1, "372", "2025-11-01")
    rows = {row["tariff"]: row for row in told["rows"]}
    assert (rows[LOW]["difference"], rows["kr.test.residential.flat"]["total"]) == ("0", "37200")
    assert [out["tariff"] for out in told["left_out"]] == ["kr.test.residential.market"]
    shown = RUN.invoke(app, [*words, "--lang", "en"])
    assert "37,200" in shown.stdout
    assert "day_ahead" in shown.stderr


def test_comparing_a_file_needs_tariffs_and_a_month(tmp_path, tariffs) -> None:
    file = hourly(tmp_path / "use.csv", days=2)
    assert "--tariff" in said("compare", "--profile", file)
    assert "whole calendar month" in said("compare", "--profile", file, "--tariff", LOW)
    abroad = ("--tariff", LOW, "--tariff", "kr.test.residential.abroad")
    assert "one currency" in said("compare", "--profile", file, *abroad)


@pytest.fixture
def data(tmp_path):
    rows = "".join(f"2026-10-01T{h:02}:{m:02}:00+09:00,1000\n" for h in range(10) for m in range(60))
    (tmp_path / "m.csv").write_text("time,power_w\n" + rows, encoding="utf-8")
    words = ["import", str(tmp_path / "m.csv"), "--hold", "60", "--data", str(tmp_path / "data")]
    assert RUN.invoke(app, words).exit_code == 0
    return tmp_path / "data"


def test_a_site_is_compared_and_asked_what_if(data) -> None:
    here = ["--data", str(data), "--date", "2026-10-05"]
    told = json.loads(RUN.invoke(app, ["bill", "compare", *here, "--json"]).stdout)
    assert {row["tariff"]["id"] for row in told["rows"]} >= {LOW, HIGH}
    shown = RUN.invoke(app, ["bill", "compare", *here, "--tariff", HIGH, "--lang", "en"])
    assert HIGH in shown.stdout
    assert "known for" in shown.stderr
    what = ["bill", "what-if", *here, "--without-kwh", "4", "--ev-kwh", "2", "--solar-kwp", "1"]
    told = json.loads(RUN.invoke(app, [*what, "--json"]).stdout)
    assert told["then"]["kwh"] > told["now"]["kwh"]
    assert "청구금액" in RUN.invoke(app, what).stdout
    assert "at least one of" in said("what-if", *here)
    assert "ev.from" in said("what-if", *here, "--ev-kwh", "1", "--ev-from", "x")


def test_every_tariff_says_what_it_may_need(tariffs) -> None:
    rows = json.loads(RUN.invoke(app, ["tariff", "list", "--json"]).stdout)["tariffs"]
    needs = {row["id"].rpartition(".")[2]: row["needs"] for row in rows if ".test." in row["id"]}
    assert needs["hours"]["hours"]
    assert needs["market"]["series"] == ["day_ahead"]
    assert needs["contract"]["options"] == ["contract_kw"]
    assert not needs["flat"]["hours"]
    assert "day_ahead" in RUN.invoke(app, ["tariff", "list"]).stdout


def test_check_reads_registers_and_demand(tmp_path, tariffs) -> None:
    file = tmp_path / "cases.csv"
    head = "case,tariff,start,end,kwh,band.night,band.day,demand_kw,energy\n"
    ours = "kr.test.residential.hours,2025-10-01,2025-11-01"
    file.write_text(f"{head}A,{ours},,100,10,3,7000\nB,{ours},110,100,10,,7001\n", encoding="utf-8")
    told = RUN.invoke(app, ["bill", "check", str(file)])
    assert told.stdout.splitlines() == ["B: energy expected 7001, computed 7000", "exact 1 of 2"]
    for cells, expected in (
        ("111,100,10,,7000", "add up to"),
        (",,,,7", "line 2.kwh"),
        (",1,1,-3,7", "demand_kw"),
    ):
        file.write_text(f"{head}A,{ours},{cells}\n", encoding="utf-8")
        assert expected in said("check", file)


def test_the_end_of_the_running_period_under_a_forecast(tariffs, tmp_path, monkeypatch):
    """October 2025, ten days of 12 kWh measured; 21 more of 20 kWh are 540 kWh."""
    ten_days = hourly(tmp_path / "use.csv", "500", days=10)
    ten_days.write_text(ten_days.read_text().replace("time,kwh", "time,power_w"))
    assert RUN.invoke(app, ["import", str(ten_days), "--hold", "3600"]).exit_code == 0
    now = datetime(2025, 10, 10, 23, tzinfo=SEOUL)
    monkeypatch.setattr("chowon.cli.bill_outlook.wall_ms", lambda: int(now.timestamp() * 1000))
    done = RUN.invoke(app, ["bill", "outlook", "--kwh-a-day", "20", "--json"])
    assert done.exit_code == 0, done.output
    even = json.loads(done.stdout)
    assert even["kwh"] == pytest.approx(119.5 + 20 * 21 + 20 / 24)
    ahead = hourly(tmp_path / "ahead.csv", "0.5")
    done = RUN.invoke(app, ["bill", "outlook", "--forecast", str(ahead)])
    assert done.exit_code == 0, done.output
    assert "2025-10-01 to 2025-11-01: 372.0 kWh" in done.stdout
    assert "one of --kwh-a-day and --forecast" in said("outlook")
