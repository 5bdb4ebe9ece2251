"""docs/reference/settings.md lists every setting, with the default that the code has."""

from pathlib import Path

from chowon.config import load

PAGE = Path(__file__).parents[2] / "docs/reference/settings.md"


def test_every_setting_stands_in_the_reference_with_its_default_and_meaning():
    text = PAGE.read_text("utf-8")
    for setting in load(environ={}).explain():
        assert f"| `{setting.key}` | `{setting.value}` | {setting.meaning} |" in text
