"""Value templates of Home Assistant, as far as they only pick a number out of a message and scale it.

`{{ value }}`, `{{ value_json.a['b'][0] }}`, with the filters float, int, round, default and is_defined, and
multiplication or division by numbers. Rounding is passed over, for the message is more precise than the
rounded value; so is a default, for what is left out is unknown. Anything else is refused: a template is a
program, and none is run here. Source: Home Assistant's pages on templating and MQTT.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Keys and positions that lead to a value in a JSON message."""

_LONGEST: Final = 500
_DEEPEST: Final = 8
_WHOLE: Final = re.compile(r"\s*\{\{-?(.*?)-?\}\}\s*", re.DOTALL)
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?|\.\d+)|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<text>'[^'\\]*'|"[^"\\]*")|(?P<mark>[()\[\]|.,*/=-]))""",
    re.ASCII,
)
_FILTERS: Final = frozenset({"float", "int", "round", "default", "d", "is_defined"})


@dataclass(frozen=True, slots=True)
class Picked:
    """Where a value stands in a message, and what it is multiplied by."""

    path: Path | None
    """None: the message is the value itself"""
    factor: float


def parsed(template: str) -> Picked:
    """What this template picks. Errors: ValueError, with what cannot be understood."""
    whole = _WHOLE.fullmatch(template) if len(template) <= _LONGEST else None
    if whole is None:
        raise ValueError(f"a template of one expression, at most {_LONGEST} characters long")
    parser = _Parser(_tokens(whole[1]))
    term = parser.product(0)
    if parser.left:
        raise ValueError(f"nothing after the value, and no {parser.left[0]}")
    if isinstance(term, Picked):
        return term
    raise ValueError("value or value_json")


def at(message: object, path: Path) -> object:
    """What stands there; None where nothing does."""
    found = message
    for step in path:
        if isinstance(step, str) and isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(step, int) and isinstance(found, Sequence) and not isinstance(found, str):
            found = found[step] if step < len(found) else None
        else:
            return None
    return found


def _tokens(text: str) -> list[str]:
    found, position = [], 0
    text = text.rstrip()
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError(f"only names, numbers and * /, and no {text[position:].strip()[:1]}")
        found.append(token.group().strip())
        position = token.end()
    return found


class _Parser:
    """Recursive descent over the tokens; a term is something picked, or a plain number."""

    def __init__(self, tokens: list[str]) -> None:
        self.left = tokens[::-1]
        """What is not read yet, the next one last."""

    def product(self, depth: int) -> Picked | float:
        term = self._filtered(depth)
        while self._next() in ("*", "/"):
            sign = self.left.pop()
            term = _combined(term, sign, self._filtered(depth))
        return term

    def _next(self) -> str:
        return self.left[-1] if self.left else ""

    def _take(self) -> str:
        if not self.left:
            raise ValueError("more behind it")
        return self.left.pop()

    def _expect(self, token: str) -> None:
        if (found := self._take()) != token:
            raise ValueError(f"{token} instead of {found}")

    def _filtered(self, depth: int) -> Picked | float:
        term = self._atom(depth)
        while self._next() == "|":
            self.left.pop()
            name = self._take()
            if name not in _FILTERS:
                raise ValueError(f"no filter but {', '.join(sorted(_FILTERS))}, and no {name}")
            if self._next() == "(":
                while self._take() != ")":
                    pass
        return term

    def _atom(self, depth: int) -> Picked | float:
        word = self._take()
        if word == "(" and depth < _DEEPEST:
            term = self.product(depth + 1)
            self._expect(")")
            return term
        if word == "-" and depth < _DEEPEST:
            return _combined(-1.0, "*", self._atom(depth + 1))
        if word == "value":
            return Picked(None, 1.0)
        if word == "value_json":
            return Picked(self._path(), 1.0)
        if word[0].isdigit() or (word[0] == "." and len(word) > 1):
            return float(word)
        raise ValueError(f"value or value_json, and no {word}")

    def _path(self) -> Path:
        steps: list[str | int] = []
        while self._next() in (".", "["):
            if self.left.pop() == ".":
                name = self._take()
                if not name.isidentifier() or name in ("get", "items", "keys", "values"):
                    raise ValueError(f"a key after the dot, and no {name}")
                steps.append(name)
            else:
                steps.append(_step(self._take()))
                self._expect("]")
        if not steps:
            raise ValueError("a key of value_json")
        return tuple(steps)


def _step(token: str) -> str | int:
    if token[0] in "'\"":
        return token[1:-1]
    if token.isdecimal():
        return int(token)
    raise ValueError(f"a key in quotes or a position, and no {token}")


def _combined(left: Picked | float, sign: str, right: Picked | float) -> Picked | float:
    """Errors: ValueError for what is no scaling of one value."""
    if isinstance(right, Picked):
        if isinstance(left, Picked) or sign == "/":
            raise ValueError("one value, times or by numbers")
        return Picked(right.path, right.factor * left)
    if sign == "/" and right == 0:
        raise ValueError("no division by zero")
    factor = right if sign == "*" else 1 / right
    return Picked(left.path, left.factor * factor) if isinstance(left, Picked) else left * factor
