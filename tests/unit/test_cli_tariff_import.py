"""chowon tariff import: the file made, what is said beside it, and exit status."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from chowon.cli import tariff, tariff_import
from tests.urdb_rates import Rate, demand, flat, solar, tiered, time_of_use

RUN = CliRunner()
APP = typer.Typer()
APP.add_typer(tariff.app)
APP.command("import")(tariff_import.import_rate)
ZONE = ["--timezone", "America/Chicago"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return _kept(tmp_path, {"items": [flat(), tiered()]})


def _kept(folder: Path, rate: Rate) -> Path:
    found = folder / "answer.json"
    found.write_text(json.dumps(rate), encoding="utf-8")
    return found


def run(*words: object) -> Any:
    return RUN.invoke(APP, ["import", *(str(word) for word in words), *ZONE])


def test_an_imported_file_passes_the_check(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiered.toml"
    answer = run(file, "--label", "aa02", "--out", out)
    assert (answer.exit_code, answer.stdout) == (0, f"us.urdb.aa02 in {out}\n")
    checked = RUN.invoke(APP, ["tariff", "check", str(out)])
    assert (checked.exit_code, checked.stdout) == (0, "us.urdb.aa02: 4 lines, 0 cases, 0 wrong amounts\n")


@pytest.mark.parametrize("make", [flat, time_of_use, demand, solar])
def test_every_kind_of_rate_passes_the_check(make: Callable[[], Rate], tmp_path: Path) -> None:
    out = tmp_path / "rate.toml"
    assert run(_kept(tmp_path, make()), "--out", out).exit_code == 0
    checked = RUN.invoke(APP, ["tariff", "check", str(out)])
    assert (checked.exit_code, "0 wrong amounts" in checked.stdout) == (0, True)


def test_attributes_are_left_out_for_whoever_has_read_them(tmp_path: Path) -> None:
    file = _kept(tmp_path, flat() | {"energyattrs": [{"Rider F": "see page 3"}]})
    assert "energyattrs: found" in run(file).stderr
    answer = run(file, "--without-attrs")
    assert (answer.exit_code, '# energyattrs: [{"rider f": "see page 3"}]' in answer.stdout) == (0, True)


def test_without_out_the_file_goes_to_stdout_and_notes_to_stderr(tmp_path: Path) -> None:
    answer = run(_kept(tmp_path, flat() | {"energycomments": "Plus taxes."}))
    assert answer.exit_code == 0
    assert answer.stdout.startswith("# Prairie Light & Power: Residential Flat\n")
    assert "energycomments" in answer.stderr
    assert "URDB says more" not in answer.stdout


def test_a_file_that_exists_is_left_as_it_is(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    out.write_text("mine", encoding="utf-8")
    answer = run(file, "--label", "aa02", "--out", out)
    assert (answer.exit_code, out.read_text(encoding="utf-8")) == (2, "mine")
    assert "name a new file" in answer.stderr


def test_a_refused_rate_makes_no_file_and_says_every_reason(tmp_path: Path) -> None:
    out = tmp_path / "out.toml"
    file = _kept(tmp_path, demand() | {"annualmincharge": 5, "demandrateunit": "kVA"})
    answer = run(file, "--out", out)
    assert (answer.exit_code, out.exists()) == (2, False)
    assert "can't become a tariff: 2 problems" in answer.stderr
    assert "annualmincharge: found 5" in answer.stderr
    assert "demandrateunit: found kva" in answer.stderr
    as_json = json.loads(run(file, "--out", out, "--json").stdout)
    assert [p["where"] for p in as_json["problems"]] == ["annualmincharge", "demandrateunit"]


def test_as_json_the_answer_is_one_document(file: Path) -> None:
    answer = json.loads(run(file, "--label", "aa01", "--json").stdout)
    assert (answer["id"], answer["notes"]) == ("us.urdb.aa01", [])
    assert answer["toml"].startswith("# Prairie")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--from", "May"], "--from: found 'May'; expected a day like 2026-01-01"),
        (["--label", "zz"], "expected one item with the label 'zz'"),
        ([], "Name one with --label"),
    ],
)
def test_wrong_options_are_told_and_exit_with_2(file: Path, words: list[str], told: str) -> None:
    answer = run(file, *words)
    assert answer.exit_code == 2
    assert told in answer.stderr


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    answer = run(tmp_path / "none.json")
    assert answer.exit_code == 2
    assert "name a file that can be read" in answer.stderr
