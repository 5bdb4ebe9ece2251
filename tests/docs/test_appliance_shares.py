"""The page's examples, one after the other, print what the page says."""

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "appliance-shares.md"


def test_the_examples_print_what_the_page_shows() -> None:
    text = PAGE.read_text(encoding="utf-8")
    codes, shown = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("python", "text"))
    names: dict[str, object] = {}
    for code, expected in zip(codes, shown, strict=True):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(PAGE), "exec"), names)
        assert printed.getvalue().rstrip() == expected.rstrip()
