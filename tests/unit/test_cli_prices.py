"""`chowon prices`, and bills from the command line that rest on what it keeps."""

import json
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from typer.testing import CliRunner

from chowon.cli import bill_compare, bill_show
from chowon.cli.main import app, main
from chowon.domain.clock import midnight_ms
from chowon.domain.quantities import QUARTER_MS
from tests.told import served

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
START_MS = midnight_ms(date(2026, 10, 1), COPENHAGEN)
END_MS = midnight_ms(date(2026, 11, 1), COPENHAGEN)


@pytest.fixture
def folder(tmp_path):
    """A home in Denmark that used 1 kW in October 2026; no server runs."""
    n = (END_MS - START_MS) // QUARTER_MS
    place = tmp_path / "data"
    site = {"timezone": "Europe/Copenhagen", "tariff": "dk.nrgi.time.n1"}
    with served(place, np.full(n, 1000), START_MS, END_MS, **site):
        pass
    return place


def run(*words, code: int = 0):
    done = CliRunner().invoke(app, [str(w) for w in words])
    assert done.exit_code == code, (done.output, done.exception)
    return done


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "prices.csv"
    hours = range((END_MS - START_MS) // 3_600_000)
    path.write_text("time,price\n" + "".join(f"{START_MS + h * 3_600_000},0.{h % 10}\n" for h in hours))
    return path


def test_a_file_of_prices_makes_the_bill_of_show_compare_and_what_if(folder, file, monkeypatch):
    for module in (bill_show, bill_compare):
        monkeypatch.setattr(module, "wall_ms", lambda: END_MS)
    kept = json.loads(
        run("prices", "import", file, "--series", "day_ahead", "--data", folder, "--json").stdout
    )
    assert (kept["accepted"], kept["from_ms"], kept["to_ms"]) == (745, START_MS, END_MS)
    at = ("--date", "2026-10-05", "--data", folder, "--json")
    bill = json.loads(run("bill", "show", *at).stdout)
    # 1 kWh in each hour; the prices go 0.0 to 0.9 and round again, 74 × 4.5 and 0 + 0.1 + … 0.4.
    assert next(line["amount"] for line in bill["lines"] if line["id"] == "spot") == "334"
    compared = json.loads(run("bill", "compare", "--tariff", "dk.nrgi.time.n1", *at).stdout)
    assert compared["rows"][0]["total"] == bill["total"]
    what_if = json.loads(run("bill", "what-if", "--without-kwh", "1", *at).stdout)
    assert what_if["now"]["total"] == bill["total"]


def test_importing_again_keeps_the_same_and_show_tells_what_there_is(folder, file):
    for _ in range(2):
        run("prices", "import", file, "--series", "day_ahead", "--data", folder)
    (series,) = json.loads(run("prices", "show", "--data", folder, "--json").stdout)
    assert (series["series"], series["intervals"], series["written_by"]) == ("day_ahead", 745, "command")
    one = json.loads(run("prices", "show", "day_ahead", "--data", folder, "--json").stdout)
    assert [p["price"] for p in one["last_day"][-3:]] == ["0.2", "0.3", "0.4"]
    assert "2026-10-31T23:00" in run("prices", "show", "--data", folder).stdout.replace("\n", "")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("2026-10-01T00:00Z,much\n2026-10-01T01:00Z,1", "line 2.price: found 'much'"),
        ("2026-10-01T00:00Z,1\n2026-10-01T01:00Z,1\n2026-10-01T05:00Z,1", "line 4: found a gap"),
        ("2026-10-01T00:00Z,1\n2026-10-01T00:07Z,1", "intervals of 7 min"),
        ("2026-10-01T00:00Z,1\n2026-10-01T01:00Z,1e10", "below 10^9"),
    ],
)
def test_a_file_that_cannot_be_used_keeps_nothing_and_names_the_row(
    folder, tmp_path, monkeypatch, capsys, rows, words
):
    bad = tmp_path / "bad.csv"
    bad.write_text(f"time,price\n{rows}\n")
    told = ["chowon", "prices", "import", str(bad), "--series", "day_ahead", "--data", str(folder)]
    monkeypatch.setattr("sys.argv", told)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
    assert json.loads(run("prices", "show", "--data", folder, "--json").stdout) == []
