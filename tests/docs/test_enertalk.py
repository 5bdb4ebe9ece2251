"""docs/how-to/enertalk.md: its settings are settings, and what it quotes is what is said."""

import re
from pathlib import Path

from chowon.config import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/enertalk.md").read_text("utf-8")


def test_the_settings_of_the_page_open_the_door_to_a_home_network(tmp_path: Path) -> None:
    settings = tmp_path / "chowon.toml"
    settings.write_text("".join(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)), "utf-8")
    found = load(settings, environ={}).config.enertalk
    assert (found.enabled, found.port, found.networks) == (True, 5010, ("192.168.0.0/24",))


def test_the_troubles_of_the_page_are_those_that_are_told() -> None:
    sources = ["ingest/enertalk.py", "ingest/enertalk_check.py", "checkup.py", "meters/enertalk.py"]
    said = "".join((ROOT / "src/chowon" / name).read_text("utf-8") for name in sources)
    quoted = re.findall(r'"([^"\n|]{8,}?)"', PAGE.partition("## When nothing arrives")[2])
    assert len(quoted) >= 4
    for text in quoted:
        for part in text.split(": "):
            assert part in said or part == "secure DNS", part
