"""docs/benchmarks/nilm.md is made from the results beside it, and names every model."""

from pathlib import Path

from chowon.bench.nilm import protocol
from chowon.bench.nilm.naming import WITH_NAMED
from chowon.bench.nilm.page import scoreboard
from chowon.bench.nilm.plot import matched_energy_svg
from chowon.bench.nilm.results import read_all
from chowon.bench.nilm.run import BASELINES
from chowon.models.nilm.registry import learning_models, models, quick_models, ready_models

BENCHMARKS = Path(__file__).parents[2] / "docs/benchmarks"


def test_the_scoreboard_is_made_from_the_results_beside_it():
    results = read_all(BENCHMARKS / "nilm")
    assert (BENCHMARKS / "nilm.md").read_text("utf-8") == scoreboard(results, "nilm")
    assert [one.protocol for one in results] == protocol.names()
    for one in results:
        assert (BENCHMARKS / "nilm" / f"{one.protocol}.svg").read_text("utf-8") == matched_energy_svg(one)


def test_every_model_and_both_baselines_stand_in_every_table():
    """But for those whose training takes long: they stand at least where models are taken as they come.

    Where people name runs, those stand that learn of it, with and without.
    """
    for one in read_all(BENCHMARKS / "nilm"):
        named = protocol.load(one.protocol).naming is not None
        taught = {f"{name}{WITH_NAMED}" for name in learning_models()} if named else set()
        trained = any(home.role == "train" for home in one.homes)
        expected = {*BASELINES, *learning_models(), *taught} if named else quick_models()
        if not named and not trained:
            expected = ready_models()
        for home, kind in {(row.home, row.kind) for row in one.rows}:
            told = {row.model for row in one.rows if (row.home, row.kind) == (home, kind)}
            assert set(expected) <= told <= {*models(), *taught}
