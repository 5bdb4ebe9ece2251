"""An EnerTalk meter as a process of its own, and a server that is killed under it again and again."""

import contextlib
import os
import socket
from pathlib import Path

import numpy as np
import pytest

from chowon.app import opened
from chowon.config import Config, DataSection
from chowon.domain.sites import ChannelKey, Placement
from chowon.store.opening import open_reader
from tests.enertalk_meter import DEVICE, SAMPLES, power_mw
from tests.system.programs import Program, Server, eventually, run, serve

KILLS = 3
FRAMES_BETWEEN = 25
FIRST_MS = 1_795_310_000_000
ROOT = Path(__file__).parents[2]


def lasting_port() -> int:
    """A free port that stays ours while nobody listens: none of those that systems hand out by themselves.

    A meter that knocks at one of those may even be connected to itself.
    """
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no free port")


class Meter(Program):
    """The stand-in of tests/enertalk_meter.py."""

    module = "tests.enertalk_meter"

    def __init__(self, port: int) -> None:
        super().__init__(str(port), str(FIRST_MS), PYTHONPATH=f"{ROOT / 'src'}:{ROOT}")

    def acknowledged(self, frames: int) -> list[int]:
        """The stamps of so many further frames that were acknowledged."""
        return [int(self.line()) for _ in range(frames)]

    def others(self) -> list[int]:
        """All further stamps, after its end."""
        found: list[int] = []
        while (line := self._lines.get()) is not None:
            found.append(int(line))
        return found


def placed(folder: Path) -> int:
    """A folder in which the meter has its place; the channel's id."""
    store = opened(Config(data=DataSection(folder=folder)), lambda: FIRST_MS)
    try:
        channel = store.sites.register(ChannelKey("home", "main", "main"), 10_000)
        store.devices.place([Placement(ChannelKey("~enertalk", DEVICE, "main"), channel)])
        return channel.id
    finally:
        store.close()


def started(folder: Path, port: int, samples: str) -> Server:
    settings = {"ENABLED": "true", "PORT": str(port), "SAMPLES": samples}
    return serve(folder, **{f"CHOWON_ENERTALK__{name}": value for name, value in settings.items()})


@pytest.mark.parametrize("samples", ["mean", "each"])
def test_what_a_meter_was_acknowledged_survives_kill_nine(tmp_path: Path, samples: str) -> None:
    channel, port = placed(tmp_path), lasting_port()
    acknowledged: list[int] = []
    with Meter(port) as meter:
        for _ in range(KILLS):
            with started(tmp_path, port, samples) as server:
                server.ready()
                acknowledged += meter.acknowledged(FRAMES_BETWEEN)
                server.killed()
        with started(tmp_path, port, samples) as server:
            server.ready()
            acknowledged += meter.acknowledged(FRAMES_BETWEEN)
            meter.killed()
            acknowledged += meter.others()
            door = server.get("/health")["enertalk"]
            assert (door["listening"], door["dropped_connections"]) == (True, 0)
            assert [m["device"] for m in door["meters"]] == [DEVICE]
            assert server.stopped() == 0
    assert acknowledged == [FIRST_MS + 1_000 * n for n in range(len(acknowledged))]
    reader = open_reader(tmp_path)
    try:
        kept = reader.history.readings([channel], 0, 2**42)
    finally:
        reader.close()
    assert kept.power_dw is not None
    assert kept.import_milliwh is not None
    at_stamp = np.isin(kept.time_ms, acknowledged)
    assert np.count_nonzero(at_stamp) == len(acknowledged), "an acknowledged frame is lost"
    assert (kept.import_milliwh[at_stamp] == kept.time_ms[at_stamp] // 1_000).all()
    sent_mw = [power_mw(t) for t in acknowledged]
    sent_mw = [mw.mean() if samples == "mean" else mw[-1] for mw in sent_mw]
    assert (kept.power_dw[at_stamp] == np.floor(np.array(sent_mw) / 100 + 0.5)).all(), "halves go up"
    last_stamp_ms = acknowledged[-1]
    through = kept.where(kept.time_ms <= last_stamp_ms)
    assert len(through) == len(acknowledged) * (1 if samples == "mean" else SAMPLES)


def test_check_goes_a_meters_way_and_doctor_tells_of_the_door(tmp_path: Path) -> None:
    port = lasting_port()
    with started(tmp_path, port, "mean") as server:
        server.ready()
        assert server.enertalk_port == port
        looked = run("enertalk", "check", "localhost", "--port", str(port))
        assert (looked.code, looked.out.count("ok")) == (0, 4), looked
        assert "TLSv1 with AES256-SHA" in looked.out
        http_port = server.http.rpartition(":")[2]
        there = {"CHOWON_SERVER__PORT": http_port}
        assert "no frame of a meter" in run("doctor", "--data", tmp_path, **there).out
        with Meter(port) as meter:
            meter.acknowledged(1)
            assert DEVICE in eventually(lambda: run("doctor", "--data", tmp_path, **there).out)
        wrong = run("enertalk", "check", "localhost", "--port", http_port)
        assert (wrong.code, wrong.out.count("FAILED")) == (1, 1), wrong


def test_the_door_opens_to_a_network_only_when_somebody_says_which(tmp_path: Path) -> None:
    refused = run("serve", "--data", tmp_path, CHOWON_ENERTALK__ENABLED="1", CHOWON_ENERTALK__HOST="0.0.0.0")
    assert refused.code == 2
    assert "[enertalk] networks" in refused.err
    wrong = run("config", CHOWON_ENERTALK__NETWORKS="192.168.0.0/24, home")
    assert wrong.code == 2
    assert "enertalk.networks" in wrong.err
    with serve(
        tmp_path,
        CHOWON_ENERTALK__ENABLED="1",
        CHOWON_ENERTALK__HOST="0.0.0.0",
        CHOWON_ENERTALK__PORT="0",
        CHOWON_ENERTALK__NETWORKS="192.168.0.0/24,fd00::/8",
    ) as server:
        server.ready()
        assert server.enertalk_port
        with started(tmp_path / "other", server.enertalk_port, "mean") as second:
            assert second.ended() == 2
            assert "[enertalk] host and port" in second.stderr
        assert server.stopped() == 0
