"""The page on the world's tariffs names each of them, and the file that the how-to writes is a tariff."""

import re
from pathlib import Path

from typer.testing import CliRunner

from chowon.cli.main import app
from chowon.registry import TariffBook

DOCS = Path(__file__).parents[2] / "docs"
WORLD = (DOCS / "reference/world-tariffs.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to/add-a-tariff.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", HOW_TO, re.DOTALL)


def test_every_tariff_but_kepcos_has_its_row_its_certainty_and_what_it_leaves_out() -> None:
    world = [tariff_id for tariff_id in TariffBook().ids() if not tariff_id.startswith("kr.")]
    assert world
    for tariff_id in world:
        assert len(re.findall(rf"^\| `{re.escape(tariff_id)}` \|", WORLD, re.MULTILINE)) == 2, tariff_id
        assert f"- `{tariff_id}`: " in WORLD


def test_the_file_of_the_how_to_is_a_tariff_whose_bills_come_out(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("evening.toml").write_text("\n".join(_blocks("toml")), encoding="utf-8")
    command, answer = _blocks("sh")[0].split()[1:], _blocks("text")[0]
    done = CliRunner().invoke(app, command)
    assert (done.exit_code, done.stdout) == (0, answer)


def test_a_case_that_is_wrong_ends_as_the_how_to_says(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "\n".join(_blocks("toml"))
    Path("evening.toml").write_text(text.replace("total = 57.50", "total = 57.51"), encoding="utf-8")
    done = CliRunner().invoke(app, ["tariff", "check", "evening.toml"])
    assert done.exit_code == 1
    assert "57.51" in done.stdout
    Path("evening.toml").write_text(text.replace('kind = "fixed"', 'kind = "fixt"'), encoding="utf-8")
    done = CliRunner().invoke(app, ["tariff", "check", "evening.toml"])
    assert done.exit_code == 2
    assert "'fixed'" in done.stderr
