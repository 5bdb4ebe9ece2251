"""docs/benchmarks/nilm.md is made from the results beside it, and names every model."""

from pathlib import Path

from chowon.bench.nilm import protocol
from chowon.bench.nilm.page import scoreboard
from chowon.bench.nilm.plot import matched_energy_svg
from chowon.bench.nilm.results import read_all
from chowon.models.nilm.interface import KeepsTraining
from chowon.models.nilm.registry import models

BENCHMARKS = Path(__file__).parents[2] / "docs/benchmarks"


def test_the_scoreboard_is_made_from_the_results_beside_it():
    results = read_all(BENCHMARKS / "nilm")
    assert (BENCHMARKS / "nilm.md").read_text("utf-8") == scoreboard(results, "nilm")
    assert [one.protocol for one in results] == protocol.names()
    for one in results:
        assert (BENCHMARKS / "nilm" / f"{one.protocol}.svg").read_text("utf-8") == matched_energy_svg(one)


def test_every_model_and_both_baselines_stand_in_every_table():
    """But for those whose training takes hours: they stand where models are taken as they come, at homes that
    some of their weights leave out.
    """
    slow = {name for name, model in models().items() if isinstance(model, KeepsTraining)}
    for one in read_all(BENCHMARKS / "nilm"):
        trained = any(home.role == "train" for home in one.homes)
        for home, kind in {(row.home, row.kind) for row in one.rows}:
            told = {row.model for row in one.rows if (row.home, row.kind) == (home, kind)}
            taught_by_it = {name for name in slow if home in models()[name].shipped([home]).homes}
            assert told | (slow if trained else taught_by_it) == set(models())
