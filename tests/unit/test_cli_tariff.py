"""`chowon tariff show` and `check` on the command line."""

import json
from pathlib import Path

from typer.testing import CliRunner

from chowon.cli.main import app

RUN = CliRunner()
HIGH = Path(__file__).parents[2] / "src" / "chowon" / "tariffs" / "kr" / "kepco" / "residential_high.toml"


def test_show_prints_every_price_as_it_is_written():
    shown = RUN.invoke(app, ["tariff", "show", "kr.kepco.residential.low"])
    assert shown.exit_code == 0
    document = json.loads(shown.stdout)
    energy = next(line for line in document["line"] if line["id"] == "energy")
    assert energy["price"][-1]["per_tier"] == ["120.0", "214.6", "307.3"]
    assert document["from"] == "2016-12-01"


def test_a_file_of_ones_own_beside_the_data_is_a_tariff_like_any_other(tmp_path):
    own = tmp_path / "tariffs" / "xx" / "mine.toml"
    own.parent.mkdir(parents=True)
    own.write_text(HIGH.read_text("utf-8").replace('"kr.kepco.residential.high"', '"xx.mine"'), "utf-8")
    data = ["--data", str(tmp_path)]
    listed = RUN.invoke(app, ["tariff", "list", "--json", *data])
    assert "xx.mine" in [t["id"] for t in json.loads(listed.stdout)["tariffs"]]
    assert RUN.invoke(app, ["tariff", "show", "xx.mine", *data]).exit_code == 0
    use = ["--tariff", "xx.mine", "--kwh", "350", "--start", "2025-10-01", "--end", "2025-11-01"]
    told = RUN.invoke(app, ["bill", "explain", *use, "--json", *data])
    same = RUN.invoke(app, ["bill", "explain", "--tariff", "kr.kepco.residential.high", *use[2:], "--json"])
    assert json.loads(told.stdout)["total"] == json.loads(same.stdout)["total"]
    assert RUN.invoke(app, ["tariff", "show", "xx.mine"]).exit_code == 2


def test_show_of_an_unknown_tariff_names_close_ones():
    shown = RUN.invoke(app, ["tariff", "show", "kr.kepco.residental.low"])
    assert shown.exit_code == 2
    assert "did you mean kr.kepco.residential.low" in shown.stderr


def test_check_finds_a_bill_that_falls_where_the_file_declares_none(tmp_path):
    text = HIGH.read_text(encoding="utf-8")
    assert "per_tier = [730, 1260, 6060]" in text
    wrong = tmp_path / "residential_high.toml"
    wrong.write_text(text.replace("per_tier = [730, 1260, 6060]", "per_tier = [9730, 1260, 6060]"), "utf-8")
    checked = RUN.invoke(app, ["tariff", "check", str(wrong)])
    assert checked.exit_code == 1
    assert "never_falls: 2025-01-01 to 2025-02-01: 200 kWh cost" in checked.stdout
