"""TOML that others wrote: what is valid and within bounds."""

import re
import tomllib
from collections.abc import Callable
from typing import Any, Final

MOST_PARTS: Final = 64
"""Of a key. The reader's time grows with the square of them: five thousand take most of a second"""
_PART: Final = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_ENDLESS_KEY: Final = re.compile(rf"(?<![\w-])(?:{_PART}){{{MOST_PARTS}}}")


def read(text: str, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """As `tomllib.loads`. Errors: ValueError, also where it is nested too deeply or a key never ends."""
    if _ENDLESS_KEY.search(text):
        raise ValueError(f"a key of more than {MOST_PARTS} parts")
    try:
        return tomllib.loads(text, parse_float=parse_float)
    except RecursionError:
        raise ValueError("nested too deeply") from None
