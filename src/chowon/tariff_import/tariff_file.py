"""Writing a tariff file as a person would: short tables in one line, prices and rules below their line."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

Toml = dict[str, object]
_IN_ONE_LINE: Final = frozenset({"name", "label", "round", "bands"})


def written(document: Mapping[str, object]) -> str:
    """The document as TOML.

    Values are texts without control characters, int, Decimal (as decimals, never as binary fractions), date,
    bool, lists of these, tables and lists of tables.
    """
    lines: list[str] = []
    _write(document, "", lines)
    return "\n".join(lines) + "\n"


def _write(table: Mapping[str, object], path: str, lines: list[str]) -> None:
    """The plain keys first, then the tables below."""
    below = {key: value for key, value in table.items() if _stands_below(key, value)}
    lines.extend(f"{key} = {_value(value)}" for key, value in table.items() if key not in below)
    for key, value in below.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, Mapping):
            if not all(_stands_below(k, v) for k, v in value.items()):
                lines.extend(["", f"[{name}]"])
            _write(value, name, lines)
        elif isinstance(value, list):
            for entry in value:
                lines.extend(["", f"[[{name}]]"])
                _write(entry, name, lines)


def _stands_below(key: str, value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], Mapping)
    return isinstance(value, Mapping) and key not in _IN_ONE_LINE


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(v)}" for key, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | date):
        return str(value)
    if isinstance(value, Decimal):
        return _number(value)
    raise TypeError(f"{type(value).__name__} has no place in a tariff file")


def _number(value: Decimal) -> str:
    """In digits: 100, 12.5, 0.0000001; without zeros at the end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
