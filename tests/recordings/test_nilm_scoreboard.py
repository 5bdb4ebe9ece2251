"""The published scoreboard is what the shared recordings give. Read where present, never shipped."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scripts import learn_nilm_facts

from chowon.bench.nilm import protocol, teaching
from chowon.bench.nilm.homes import GapRules, home_on_grid
from chowon.bench.nilm.readers import recording
from chowon.bench.nilm.results import read_all
from chowon.bench.nilm.run import run
from chowon.models.nilm.network.fitting import WINDOW
from chowon.models.nilm.network.gates import gates_of
from chowon.models.nilm.network.library import library
from chowon.models.nilm.network.shipped import cards, chosen
from chowon.models.nilm.registry import quick_models

RESULTS = Path(__file__).parents[2] / "docs/benchmarks/nilm"


@pytest.mark.parametrize("name", ["refit-20-unseen", "redd-1-unseen"])
def test_the_scoreboard_is_reproduced(shared, name):
    kept = next(one for one in read_all(RESULTS) if one.protocol == name)
    once = replace(protocol.load(name), seeds=(0,))  # these models use no chance
    found = run(once, shared / "data", sorted(quick_models()))
    assert_same(found, [row for row in kept.rows if row.model in quick_models()])


def test_what_comes_with_chowon_is_as_good_as_the_scoreboard_says(shared):
    kept = next(one for one in read_all(RESULTS) if one.protocol == "as-shipped")
    shipped = protocol.load("as-shipped")
    homes = ("ideal/65", "redd/2", "redd/6")
    some = replace(shipped, test=tuple(home for home in shipped.test if home.id in homes))
    found = run(some, shared / "data", ["network"])
    rows = [row for row in kept.rows if row.model == "network" and row.home in homes]
    assert len(rows) > 8
    assert_same(found, rows, rel=0.02)  # another processor may round a likelihood to the other side


def test_the_gates_of_the_shipped_weights_are_those_of_lessons_that_did_not_teach_them(shared):
    [card] = [card for file, card in cards() if file.name == "all.json"]
    homes, _ = teaching.load().open(shared / "data")
    of = library(homes, teaching.rules(), card.step_ms, WINDOW)
    found = gates_of(chosen(())[0], of, card.seed, card.steps)
    assert found == pytest.approx(dict(card.thresholds), rel=0.1)  # one step of them, on another processor


def assert_same(found, rows, rel=1e-4):
    again = {(row.home, row.model, row.kind): row.figures for row in found.rows}
    for row in rows:
        for figure, spread in row.figures.items():
            now = again[row.home, row.model, row.kind][figure]
            assert (now is None) == (spread is None), (row.model, row.kind, figure)
            if spread is not None:
                assert now.mean == pytest.approx(spread.mean, rel=rel, abs=rel), (
                    row.model,
                    row.kind,
                    figure,
                )


def test_the_shipped_facts_are_those_of_the_recordings(shared, tmp_path, monkeypatch):
    kept = json.loads(learn_nilm_facts.OUT.read_text("utf-8"))
    monkeypatch.setattr(learn_nilm_facts, "OUT", tmp_path / "learnt.json")
    learn_nilm_facts.main(shared / "data")
    assert json.loads((tmp_path / "learnt.json").read_text("utf-8")) == kept
    assert not any(home.startswith("redd") for home in kept["homes"])


def test_the_zero_predictor_of_refit_20_is_the_mean_of_its_measured_minutes(shared):
    table = pq.read_table(shared / "data/refit/house20_1min.parquet", columns=["mains", "kettle"])
    mains, kettle = (table[name].to_numpy().astype(np.float64) for name in ("mains", "kettle"))
    raw = recording.read(shared / "data/refit/house20_1min.parquet")
    home = home_on_grid(raw, 60_000, ["kettle"], GapRules(zero_mains=True))
    known = home.mains.known & home.appliances["kettle"].known
    assert known.sum() == pytest.approx((mains > 0).sum(), rel=1e-3)
    assert home.appliances["kettle"].power_w[known].mean() == pytest.approx(
        kettle[mains > 0].mean(), rel=1e-3
    )
