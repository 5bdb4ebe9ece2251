"""The page's example prints what the page says."""

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "counters.md"


def test_the_vectors_are_what_the_page_shows() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (code,), (shown,) = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("python", "text"))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(PAGE), "exec"), {})
    lines = [[line.rstrip() for line in one.rstrip().splitlines()] for one in (printed.getvalue(), shown)]
    assert lines[0] == lines[1]
