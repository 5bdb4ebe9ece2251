"""Experiments written down: what is refused, and what the shipped ones say."""

from pathlib import Path

import pytest

from chowon.bench.nilm import protocol
from chowon.bench.nilm.naming import Naming
from chowon.errors import NotFound, ProtocolInvalid

GOOD = """
title = "t"
step_s = 60
kinds = ["kettle", "fridge"]
seeds = [0]
least_coverage = 0.5
tariff = "kr.kepco.residential.low"
bill_month = 2025-10-01

[[train]]
id = "made/1"
path = "1.parquet"

[[test]]
id = "made/2"
path = "2.parquet"
from = 2024-01-01T00:00:00Z
absent = ["freezer"]
zero_mains_is_gap = true
frozen_mains_s = 3600

[on.kettle]
on_w = 700

[goal.kettle]
mae_w = 3.5
f1 = 0.94
"""


def refused(text: str) -> str:
    with pytest.raises(ProtocolInvalid) as error:
        protocol.parse(text, "p")
    return str(error.value)


def test_a_protocol_says_homes_grid_and_rules():
    found = protocol.parse(GOOD, "p")
    assert (found.name, found.step_ms, found.seeds) == ("p", 60_000, (0,))
    assert list(found.rules) == ["kettle", "fridge"]
    assert (found.rules["kettle"].on_w, found.rules["kettle"].most_w) == (700, 3100)
    assert found.rules["fridge"].min_on_ms == 60_000
    assert found.goals == {"kettle": protocol.Goal(3.5, 0.94)}
    test = found.test[0]
    assert (test.from_ms, test.to_ms, test.absent) == (1_704_067_200_000, None, ("freezer",))
    assert (test.gaps.zero_mains, test.gaps.frozen_mains_ms) == (True, 3_600_000)


def test_a_home_that_teaches_cannot_be_scored():
    assert "made/1, which teaches too" in refused(GOOD.replace('"made/2"', '"made/1"'))


def test_every_problem_is_named_at_once():
    said = refused(GOOD.replace("step_s = 60", 'step_s = "60"\nstepp = 1').replace("seeds = [0]", ""))
    for part in ("step_s", "'stepp'", "no seeds"):
        assert part in said


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('"kettle", "fridge"', '"kettle", "spaceship"', "'spaceship'"),
        ('absent = ["freezer"]', 'absent = ["spaceship"]', "'spaceship'"),
        ("on_w = 700", "on_watts = 700", "on_watts"),
        ("mae_w = 3.5", "mae_kw = 3.5", "mae_kw"),
        ("[goal.kettle]", "[goal.spaceship]", "'spaceship'"),
        ('path = "1.parquet"', 'path = "1.parquet"\nreader = "nilmtkk"', "'nilmtkk'"),
        ('path = "1.parquet"', 'path = "1.parquet"\nwhere = 1', "'where'"),
        ("seeds = [0]", "seeds = []", "no seed"),
        ("step_s = 60", "step_s = 0", "1 s or more"),
        ("title", "= title", "TOML"),
    ],
)
def test_what_cannot_be_meant_is_refused(was, becomes, said):
    assert said in refused(GOOD.replace(was, becomes, 1))


def test_an_unknown_protocol_is_told_which_there_are(tmp_path):
    with pytest.raises(NotFound, match="refit-20-unseen"):
        protocol.load("refit-21")
    with pytest.raises(NotFound, match="no such file"):
        protocol.load(str(tmp_path / "x.toml"))


def test_a_protocol_of_ones_own_is_a_file(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD, "utf-8")
    assert protocol.load(str(tmp_path / "mine.toml")).name == "mine"


@pytest.mark.parametrize("name", protocol.names())
def test_shipped_protocols_are_fair(name):
    found = protocol.load(name)
    assert len(found.seeds) >= (3 if found.train else 1)  # what comes taught was taught once
    assert {home.id for home in found.train}.isdisjoint(home.id for home in found.test)
    assert not Path(found.test[0].path).is_absolute()


def test_the_issues_splits_are_all_there():
    assert {
        "redd-1-unseen",
        "refit-2-unseen",
        "refit-20-unseen",
        "ideal-65-unseen",
        "virtual-3-unseen",
    } <= set(protocol.names())


def test_a_person_may_name_runs():
    text = GOOD.replace("least_coverage", "naming = {runs = 3, days = 7}\nleast_coverage")
    assert protocol.parse(text, "p").naming == Naming(3, 7)
    assert protocol.parse(GOOD, "p").naming is None


@pytest.mark.parametrize("naming", ["{runs = 3}", "{runs = 0, days = 7}", "{runs = 3, days = 7, hours = 2}"])
def test_naming_says_how_many_runs_of_how_many_days(naming):
    assert "runs and days" in refused(GOOD.replace("least_coverage", f"naming = {naming}\nleast_coverage"))
