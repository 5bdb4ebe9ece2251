"""The page on importing a US rate: its commands answer what stands there, its lists are the program's."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chowon.cli.main import app
from chowon.tariff_import.urdb.known import ATTRS, READ, REFUSED_ABOVE_ZERO

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "import-a-us-rate.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_rate_of_the_page_becomes_the_tariff_whose_bill_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (rate,), (case,) = _blocks("json"), _blocks("toml")
    (importing, checking), (made, notes, checked) = _blocks("sh"), _blocks("text")
    Path("rate.json").write_text(rate, encoding="utf-8")
    answer = CliRunner().invoke(app, importing.split()[1:])
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, made, notes)
    with Path("prairie.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{case}")
    answer = CliRunner().invoke(app, checking.split()[1:])
    assert (answer.exit_code, answer.stdout) == (0, checked)


def test_every_field_that_is_refused_or_left_out_on_request_is_on_the_page() -> None:
    named = {name.lower() for name in re.findall(r"`(\w+)`", PAGE)}
    assert REFUSED_ABOVE_ZERO.keys() | set(ATTRS) <= named


def test_every_charge_that_is_translated_is_on_the_page() -> None:
    named = {name.lower() for name in re.findall(r"`(\w+)`", PAGE)}
    charges = {key for key in READ if key.endswith(("structure", "charge", "monthly", "meter", "eaaddl"))}
    assert len(charges) == 9
    assert charges <= named
