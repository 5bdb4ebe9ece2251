"""`chowon doctor` says what is wrong, in plain words."""

import json

from typer.testing import CliRunner

from chowon import checkup
from chowon.cli.main import app
from tests.system.programs import taken_port


def doctor(*words: object) -> tuple[int, dict[str, list[dict[str, str]]]]:
    done = CliRunner().invoke(app, ["doctor", "--json", *map(str, words)])
    parts: dict[str, list[dict[str, str]]] = {}
    for finding in json.loads(done.stdout):
        parts.setdefault(finding["part"], []).append(finding)
    return done.exit_code, parts


def test_an_empty_folder_is_no_fault_and_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("CHOWON_SERVER__PORT", "1")
    _, parts = doctor("--data", tmp_path / "new")
    assert parts["data"][0]["state"] == "look"
    assert "chowon serve" in parts["data"][0]["said"]
    assert parts["tariffs"][0]["state"] == "well"
    assert "nothing answers" in parts["server"][0]["said"]


def test_a_home_is_told_with_its_newest_reading_and_lost_files_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("CHOWON_SERVER__PORT", "1")
    csv = tmp_path / "some.csv"
    csv.write_text("time,power_w\n2026-11-01T00:00:00Z,100\n2026-11-01T00:00:05Z,100\n")
    data = tmp_path / "data"
    assert CliRunner().invoke(app, ["import", str(csv), "--data", str(data)]).exit_code == 0
    _, parts = doctor("--data", data, "--deep")
    assert parts["data"][0]["state"] == "well"
    assert "silent since 2026-11-01T00:00:05" in parts["site home"][0]["said"]
    lost = next((data / "lake").rglob("raw/**/*.parquet"))
    lost.unlink()
    code, parts = doctor("--data", data)
    assert code == 1
    assert lost.name in parts["data"][0]["said"]
    assert "backup" in parts["data"][0]["said"]


def test_a_meter_slower_than_its_readings_may_stand_for_is_pointed_out(tmp_path):
    rows = "\n".join(f"2026-11-01T00:{m:02}:00Z,100" for m in range(20))
    csv = tmp_path / "slow.csv"
    csv.write_text(f"time,power_w\n{rows}\n")
    for hold, told in (("10", True), ("150", False)):
        data = tmp_path / hold
        done = CliRunner().invoke(app, ["import", str(csv), "--hold", hold, "--data", str(data)])
        assert done.exit_code == 0
        _, parts = doctor("--data", data)
        assert ("sends every 60 s" in parts["site home"][0]["said"]) == told


def test_something_else_on_our_port_is_found_out(tmp_path, monkeypatch):
    with taken_port() as port:
        monkeypatch.setenv("CHOWON_SERVER__PORT", str(port))
        monkeypatch.setattr("chowon.checkup.ANSWER_WITHIN_S", 0.2)
        code, parts = doctor("--data", tmp_path)
    assert code == 1
    assert "does not answer as chowon does" in parts["server"][0]["said"]


def test_what_does_not_reach_others_is_named_with_the_reason_and_what_does_is_not():
    hook = {"address": "https://a.example/…", "waiting": 3}
    failed, fine = ({"event": "tier.reached", "problem": p} for p in ("the address answered 500", None))
    health = {
        "healthy": True,
        "version": "0",
        "outward": {
            "mqtt": {"problem": "the broker does not answer"},
            "webhooks": [
                hook | {"deliveries": [failed, fine]},
                hook | {"deliveries": [fine, failed]},
                hook | {"deliveries": []},
            ],
        },
    }
    found = [(f.part, f.state, f.said) for f in checkup._health("http://x", health)][1:]
    assert found == [
        ("publishing", "look", "the broker does not answer"),
        (
            "webhook https://a.example/…",
            "look",
            "tier.reached was not taken: the address answered 500; 3 events wait",
        ),
    ]


def test_a_device_that_does_not_give_what_it_has_kept_is_named():
    devices = [{"device": "mains", "problem": "no answer"}, {"device": "well", "problem": None}]
    health = {"healthy": True, "version": "1", "backfill": {"devices": devices}}
    (finding,) = (f for f in checkup._health("http://x", health) if f.part == "backfill")
    assert (finding.state, finding.said) == ("look", "mains does not give what it has kept: no answer")
    assert [f.part for f in checkup._health("http://x", health | {"backfill": None})] == ["server"]
