"""The commands of the tutorial and of the README, run against a real server."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chowon.cli.main import app
from tests.system.programs import serve

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs/tutorials/first-ten-minutes.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_curl_commands_of_the_tutorial_do_what_it_says(tmp_path):
    commands = [b for b in blocks(TUTORIAL, "sh") if b.startswith("curl")]
    assert len(commands) == 2
    with serve(tmp_path / "data") as server:
        server.ready()
        answers = []
        for command in commands:
            here = command.replace("http://127.0.0.1:8420", server.http)
            done = subprocess.run(["sh", "-c", here], capture_output=True, text=True, check=True)
            answers.append(json.loads(done.stdout))
        assert answers[0]["accepted"] == 1
        assert answers[1]["reading_day"] == 15
        bill = server.get("/sites/1/bill")
        assert bill["tariff"]["id"] == "kr.kepco.residential.high"
        assert bill["period"]["start"].endswith("-15")


def commands() -> list[str]:
    texts = [TUTORIAL, *((ROOT / name).read_text("utf-8") for name in ("README.md", "README.ko.md"))]
    lines = [line for text in texts for line in text.splitlines()]
    found = [re.sub(r"\s+#.*", "", line).removeprefix(".venv/bin/") for line in lines]
    return sorted(
        {line for line in found if line.startswith(("chowon bill", "chowon tariff", "chowon doctor"))}
    )


@pytest.mark.parametrize("command", commands())
def test_commands_that_end_by_themselves_run(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code in ((0, 1) if "doctor" in command else (0,)), done.output
    assert done.output.strip()


def test_every_command_stands_in_the_reference():
    page = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    shown = CliRunner().invoke(app, ["--help"]).stdout
    named = re.findall(r"^  (\w+)  ", shown.split("Commands:")[1], re.MULTILINE)
    assert len(named) >= 10
    for command in named:
        assert f"`chowon {command}" in page, command


def test_every_route_stands_in_the_reference(tmp_path):
    page = (ROOT / "docs/reference/api.md").read_text("utf-8")
    with serve(tmp_path / "data") as server:
        paths = server.ready().get("/openapi.json")["paths"]
    for path, methods in paths.items():
        short = path.removeprefix("/api/v1").replace("{site_id}", "{id}")
        for method in methods:
            assert re.search(rf"`(?:GET|PATCH|POST|DELETE)[^`\n]* ?{re.escape(short)}", page), (method, path)
