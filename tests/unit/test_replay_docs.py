"""What docs/reference/recordings.md says is true."""

import re
from pathlib import Path

import numpy as np

from chowon.replay.recording import MAIN, SHIPPED, Recording
from tests.replaying import MONDAY_MS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "recordings.md").read_text()


def test_the_example_writes_a_recording_that_opens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {"times_ms": MONDAY_MS + np.arange(10) * 1000, "power_w": np.arange(10) * 100.0}
    exec(compile(example, "recordings.md", "exec"), names)
    with Recording.open(tmp_path / "home.parquet") as recording:
        assert recording.timezone.key == "Asia/Seoul"
        assert recording.slice(0, recording.end_ms).power_dw["main"].tolist() == list(range(0, 10_000, 1_000))


def test_the_figures_of_the_shipped_home_are_those_of_the_file():
    rows = re.findall(r"^\| `(\w+)`[^|]*\| ([\d.]+) \| (\d+) \|", PAGE, re.MULTILINE)
    with Recording.open(SHIPPED) as recording:
        told = {name: (float(kwh), int(peak_w)) for name, kwh, peak_w in rows}
        assert set(told) == {"mains", *recording.facts.appliances}
        for channel in recording.channels:
            kwh, peak_w = told["mains" if channel == MAIN else channel]
            held_wh = recording.energy_wh(recording.start_ms, recording.end_ms, channel)
            assert abs(held_wh / 1000 * 30 / 35 - kwh) <= 0.06
            assert recording.slice(0, recording.end_ms, [channel]).power_dw[channel].max() / 10 == peak_w
