"""An experiment from recordings to the scoreboard, and the command."""

import json
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from chowon.bench.nilm import protocol as protocols
from chowon.bench.nilm.homes import GapRules
from chowon.bench.nilm.page import scoreboard
from chowon.bench.nilm.results import read_all, write
from chowon.bench.nilm.run import run, zero_shot
from chowon.bench.nilm.scoring import billing, score, truth_of, value_of
from chowon.cli.main import app
from chowon.domain.nilm.power import Home
from chowon.domain.nilm.runs import OnRule
from chowon.errors import DataSetInvalid, HomeSeen, NotFound, ProtocolInvalid
from chowon.models.nilm.registry import model
from tests.nilm_homes import RULES, home, power
from tests.unit.test_nilm_protocols import GOOD

BILL = billing("kr.kepco.residential.low", date(2025, 10, 1))


def recorded(path, made: Home, **metadata) -> None:
    n = len(made.mains)
    columns = {"timestamp": pa.array(60_000 * np.arange(n, dtype=np.int64), pa.timestamp("ms", "UTC"))}
    columns["mains"] = pa.array(made.mains.power_w)
    columns |= {kind: pa.array(power.power_w) for kind, power in made.appliances.items()}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)


@pytest.fixture
def data(tmp_path):
    for n in (1, 2):
        recorded(
            tmp_path / f"{n}.parquet", home(f"made/{n}", 10, n), dataset="made", home=str(n), licence="none"
        )
    return tmp_path


@pytest.fixture
def experiment():
    return protocols.parse(
        GOOD.replace("from = 2024-01-01T00:00:00Z", "").replace("frozen_mains_s = 3600", ""), "p"
    )


def figures(results, name, kind):
    return next(row.figures for row in results.rows if (row.model, row.kind) == (name, kind))


def test_a_perfect_model_has_perfect_figures():
    made = home(days=31)
    found = score(
        made.mains, made.appliances["kettle"], made.appliances["kettle"], RULES["kettle"], 0, 5.0, BILL
    )
    kwh = 31 * 12 * 3 * 2000 / 60 / 1000
    assert found.true_kwh == found.told_kwh == pytest.approx(kwh)
    assert (found.mae_w, found.f1, found.event_f1, found.matched_energy) == (0, 1, 1, 1)
    assert (found.energy_error_pct, found.month_energy_error_pct, found.sae) == (0, 0, 0)
    assert (found.false_alarms_per_day, found.runs_found, found.delay_s) == (0, 1, 60)
    assert (found.runs, found.hours) == (31 * 12, 744)
    assert (found.won_error_per_month, found.kwh_error_per_month) == (0, 0)
    assert found.kwh_per_month == pytest.approx(kwh)


def test_the_zero_and_mean_columns_are_those_predictors_errors():
    made = home(days=31)
    kettle = made.appliances["kettle"]
    found = score(made.mains, kettle, None, RULES["kettle"], 0, 50.0, BILL)
    assert found.mae_w == found.zero_mae_w == pytest.approx(kettle.power_w.mean())
    assert found.mean_mae_w == pytest.approx(np.abs(kettle.power_w - 50).mean())
    assert (found.energy_error_pct, found.won_error_per_month) == (-100, found.won_per_month)


def test_won_is_the_appliances_part_of_the_real_bill():
    """310 kWh in October 2025, low voltage: 60,340 won by hand, of which a tenth.

    1,600 base, 200 × 120.0 and 110 × 214.6 energy, 310 × 9 climate, 310 × 5 fuel: 53,546. VAT 5,355, fund
    2.7 % 1,440; to tens of won.
    """
    n = 31 * 1440
    mains, kettle = power(np.full(n, 310_000 / 744)), power(np.full(n, 31_000 / 744))
    found = score(mains, kettle, None, OnRule(10), 0, None, BILL)
    assert (found.won_per_month, found.won_error_per_month) == (6034, 6034)


def test_only_what_is_known_of_both_is_scored():
    known = [True] * 60 + [False] * 60
    mains, kettle = power(np.full(120, 900.0), known=known), power([100.0] * 30 + [0.0] * 90)
    found = score(mains, kettle, power(np.full(120, 100.0)), OnRule(50), 0, None, BILL)
    assert (found.hours, found.mae_w) == (1.0, 50.0)


def test_power_above_the_cut_off_counts_as_the_cut_off():
    found = score(power([900.0]), power([900.0]), power([5000.0]), OnRule(10, most_w=400), 0, None, BILL)
    assert (found.mae_w, found.true_kwh) == (0, pytest.approx(0.4 / 60))


def test_what_is_told_of_an_appliance_that_the_home_has_not_is_a_false_alarm():
    made = home(days=1)
    assert truth_of(made, "oven", absent=False) is None
    truth = truth_of(made, "oven", absent=True)
    told = power(np.where(np.arange(1440) % 720 < 5, 900.0, 0.0))
    found = score(made.mains, truth, told, OnRule(200), 0, None, BILL)
    assert (found.false_alarms_per_day, found.f1, found.energy_error_pct) == (2, 0, None)


@pytest.mark.parametrize(
    ("lookahead_ms", "step_ms", "value"),
    [
        (0, 10_000, "provisional"),
        (1, 10_000, "settled"),
        (29 * 60_000, 60_000, "settled"),
        (30 * 60_000, 60_000, "nightly"),
        (None, 1_000, "nightly"),
    ],
)
def test_a_value_is_as_late_as_its_interval_and_look_ahead(lookahead_ms, step_ms, value):
    assert value_of(lookahead_ms, step_ms) == value


def test_zero_and_mean_stand_in_every_table(experiment, data):
    results = run(experiment, data, ["hart"])
    assert [row.model for row in results.rows if row.kind == "kettle"] == ["zero", "mean", "hart"]
    assert figures(results, "zero", "kettle")["mae_w"] == figures(results, "zero", "kettle")["zero_mae_w"]
    assert figures(results, "mean", "kettle")["mae_w"] == figures(results, "mean", "kettle")["mean_mae_w"]


def test_a_home_of_plain_edges_is_told_apart(experiment, data):
    found = figures(run(experiment, data, ["hart", "co"]), "hart", "kettle")
    assert found["f1"].mean > 0.95
    assert abs(found["energy_error_pct"].mean) < 5


def test_rows_of_models_that_did_not_run_stay_while_the_experiment_is_the_same(experiment, data, tmp_path):
    write(run(experiment, data, ["hart"]), tmp_path)
    write(run(experiment, data, ["co"]), tmp_path)
    (kept,) = read_all(tmp_path)
    assert list(dict.fromkeys(row.model for row in kept.rows)) == ["zero", "mean", "hart", "co"]
    assert len({(row.model, row.home, row.kind) for row in kept.rows}) == len(kept.rows)
    write(run(replace(experiment, least_coverage=0.1, step_ms=300_000), data, ["co"]), tmp_path)
    (kept,) = read_all(tmp_path)
    assert {row.model for row in kept.rows} == {"zero", "mean", "co"}


def test_a_model_that_ran_with_fewer_seeds_than_the_others_says_so(experiment, data, tmp_path):
    three = replace(experiment, seeds=(0, 1, 2))
    write(run(three, data, ["hart"]), tmp_path)
    write(run(three, data, ["co"], seeds=1), tmp_path)
    (kept,) = read_all(tmp_path)
    assert {row.model: row.seeds for row in kept.rows} == {"zero": (), "mean": (), "hart": (), "co": (0,)}
    page = scoreboard([kept], "kept")
    assert "| co (1 seed) |" in page
    assert "| hart |" in page


def test_results_survive_being_written_and_make_the_page(experiment, data, tmp_path):
    results = run(experiment, data, [])
    write(results, tmp_path / "kept")
    (kept,) = read_all(tmp_path / "kept")
    assert [row.kind for row in kept.rows] == [row.kind for row in results.rows]
    page = scoreboard([kept], "kept")
    assert "### Kettle, made/2" in page
    zero = kept.rows[0].figures["mae_w"].mean
    assert f"| `p` | kettle | 3.5 / 0.94 | {zero:.2f} zero |" in page
    assert "| made/1 | learnt from | 10.0 | 100% |" in page
    assert page == scoreboard(read_all(tmp_path / "kept"), "kept")
    assert "](kept/p.svg)" in page
    with pytest.raises(NotFound, match="no results"):
        read_all(tmp_path / "nowhere")
    (tmp_path / "kept" / "bad.json").write_text("{}", "utf-8")
    with pytest.raises(DataSetInvalid, match=r"bad\.json"):
        read_all(tmp_path / "kept")


def test_a_model_that_a_home_can_teach_is_scored_twice_after_the_last_run_that_was_named(data):
    text = GOOD[: GOOD.index("[[train]]")] + "train = []\nnaming = {runs = 3, days = 2}\n"
    text += '[[test]]\nid = "made/2"\npath = "2.parquet"\n'
    found = run(protocols.parse(text, "p"), data, ["network", "hart"])
    told = {row.model: row for row in found.rows if row.kind == "kettle"}
    assert told.keys() == {"zero", "mean", "network", "network-named", "hart"}
    hours = {row.figures["hours"].mean for row in told.values()}
    assert len(hours) == 1
    assert 8 * 24 <= hours.pop() < 10 * 24
    assert told["network-named"].figures["runs"] == told["network"].figures["runs"]


def test_a_home_under_another_ones_name_is_refused(experiment, data):
    recorded(data / "2.parquet", home("made/1", 10, 2), dataset="made", home="1")
    with pytest.raises(ProtocolInvalid, match="'made/1', as the files"):
        run(experiment, data, [])


def test_a_home_that_was_hardly_measured_is_refused(experiment, data):
    made = home("made/2", 10, 2)
    quiet = np.where(np.arange(14_400) < 9_000, 0.0, made.mains.power_w)
    quiet[0] = 1.0
    recorded(data / "2.parquet", Home("made/2", power(quiet), made.appliances), dataset="made", home="2")
    with pytest.raises(DataSetInvalid, match="38%"):
        run(experiment, data, [])


def test_a_recording_of_a_home_that_taught_the_model_is_refused(data):
    with pytest.raises(HomeSeen, match="home made/1 took part"):
        zero_shot([data / "1.parquet"], model("co"), 60_000, BILL, GapRules(), train=[data / "1.parquet"])


def test_a_teacher_under_another_name_is_known_again(experiment, data):
    recorded(data / "2.parquet", home("made/1", 10, 1), dataset="made", home="2")
    with pytest.raises(HomeSeen, match="made/2 has the same mains as made/1"):
        run(experiment, data, [])
    with pytest.raises(HomeSeen, match="made/2 has the same mains as made/1"):
        zero_shot([data / "2.parquet"], model("co"), 60_000, BILL, GapRules(), train=[data / "1.parquet"])


def test_a_recording_of_a_shipped_models_teacher_is_scored_with_what_the_others_teach(data):
    recorded(data / "refit.parquet", home("refit/2", 10, 2), dataset="REFIT", home="2")
    (found,) = zero_shot([data / "refit.parquet"], model("hart"), 60_000, BILL, GapRules())
    assert found.home == "refit/2"
    assert found.appliances["kettle"].mean_mae_w is not None


def command(*args):
    return CliRunner().invoke(app, ["bench", "nilm", *map(str, args)])


def test_the_command_scores_recordings_as_json(data):
    done = command(
        data / "2.parquet", "--model", "hart", "--train", data / "1.parquet", "--absent", "oven", "--json"
    )
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["model"], found["step_s"], found["value"]) == ("hart", 60, "nightly")
    (scored,) = found["homes"]
    assert scored["home"] == "made/2"
    assert set(scored["appliances"]) == {"fridge", "kettle", "oven"}
    assert scored["not_learnt"] == ["oven"]
    asked = {
        "mae_w",
        "zero_mae_w",
        "f1",
        "energy_error_pct",
        "matched_energy",
        "false_alarms_per_day",
        "delay_s",
    }
    assert asked <= set(scored["appliances"]["kettle"])
    assert scored["appliances"]["kettle"]["f1"] > 0.95


def test_the_command_shows_a_table(data):
    done = command(data / "2.parquet", "--model", "zero")
    assert done.exit_code == 0
    assert "made/2" in done.stdout


def test_the_command_tells_of_zeros_that_may_be_gaps(data):
    made = home("made/3", 2, 3)
    holes = np.where(np.arange(2880) % 1440 < 200, 0.0, made.mains.power_w)
    recorded(data / "3.parquet", Home("made/3", power(holes), made.appliances))
    asked = [data / "3.parquet", "--model", "zero"]
    assert "exactly 0 W for 14%" in command(*asked).stderr
    assert "exactly 0 W" not in command(*asked, "--zero-mains-is-gap").stderr


def test_the_command_says_so_where_nothing_can_be_scored(data):
    recorded(data / "3.parquet", Home("made/3", home().mains, {}))
    done = command(data / "3.parquet", "--model", "zero")
    assert done.exit_code == 0
    assert "no column is of a kind that is scored" in done.stderr


def test_the_command_runs_a_protocol_and_writes_the_page(data, tmp_path):
    text = GOOD.replace("from = 2024-01-01T00:00:00Z", "").replace("frozen_mains_s = 3600", "")
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    page = tmp_path / "page.md"
    asked = [
        "--protocol",
        tmp_path / "mine.toml",
        "--data",
        data,
        "--results",
        tmp_path / "r",
        "--page",
        page,
    ]
    done = command(*asked, "--model", "co")
    assert done.exit_code == 0, done.stderr
    assert "kettle" in done.stdout
    assert page.read_text("utf-8") == scoreboard(read_all(tmp_path / "r"), "r")
    bars = ET.fromstring((tmp_path / "r" / "mine.svg").read_text("utf-8"))
    texts = [text.text for text in bars.iter("{http://www.w3.org/2000/svg}text")]
    assert {"mean", "co", "kettle", "fridge"} <= set(texts)
    assert "zero" not in texts


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "nothing to do"),
        (("x.parquet",), "--model"),
        (("x.parquet", "--model", "zero"), "no such file"),
        (("x.parquet", "--model", "zeroo"), "did you mean zero"),
        (("x.parquet", "--model", "zero", "--protocol", "all"), "recordings or for protocols"),
        (("x.parquet", "--model", "zero", "--absent", "spaceship"), "spaceship"),
        (("--protocol", "nothing"), "no protocol"),
        (("--page", "x.md"), "--results"),
    ],
)
def test_the_command_says_what_it_cannot_do(args, said):
    done = command(*args)
    assert done.exit_code == 2
    assert said in done.stderr
