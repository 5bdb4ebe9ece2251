"""The command that times the networks."""

import json

import pytest
from typer.testing import CliRunner

from chowon.bench.nilm import speed
from chowon.cli.main import app


@pytest.fixture(scope="module")
def said():
    found = CliRunner().invoke(app, ["bench", "nilm-speed", "--homes", "30", "--minutes", "1", "--json"])
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def test_homes_a_core_are_those_whose_ticks_fill_it(said):
    live, facts = said["networks"][0], said["live"]
    assert (live["name"], live["appliances"], facts["homes"]) == ("live", speed.APPLIANCES, 30)
    assert live["homes_a_core"] == pytest.approx(30 * 10_000 / facts["tick_ms"], rel=0.02)
    assert live["values_per_s"] == pytest.approx(live["homes_a_core"] * speed.APPLIANCES / 10, rel=0.02)
    assert facts["closing_tick_ms"] > 0
    assert facts["first_answer_s"] > 0
    assert facts["open_ms"] > 0


def test_the_nightly_network_is_timed_in_the_same_run(said):
    names = [one["name"] for one in said["networks"]]
    assert names[:2] == ["live", "network"]
    assert all(one["homes_a_core"] > 0 and one["file_bytes"] > 0 for one in said["networks"])


def test_a_home_s_state_is_of_fixed_small_size(said):
    assert said["live"]["bytes_a_home"] < 10_000


def test_a_person_sees_tables():
    found = CliRunner().invoke(app, ["bench", "nilm-speed", "--homes", "5", "--minutes", "1"])
    assert found.exit_code == 0
    assert "live" in found.stdout
