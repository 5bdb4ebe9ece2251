"""From the bytes of a file to the one URDB item that is meant."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NoReturn

from chowon.errors import Problem, TariffInvalid, shortened

Item = Mapping[str, object]


def item_of(content: bytes, where: str, label: str | None) -> Item:
    """The item of an API answer, of a list of items, or the only object of the file; its keys in lower case.

    content: JSON; numbers become int or Decimal. label: names one of several.
    Errors: TariffInvalid: no JSON, no items, none or several of the label.
    """
    items = _items(_read(content, where), where)
    chosen = [item for item in items if label is None or item.get("label") == label]
    if len(chosen) == 1:
        return chosen[0]
    wanted = "one item" if label is None else f"one item with the label {label!r}"
    problem = Problem(
        f"{where}: items", f"{len(chosen)} of {len(items)}", f"{wanted}; there are {_told(items)}"
    )
    raise TariffInvalid(f"{where}: which rate is meant? Name one with --label", [problem])


def _read(content: bytes, where: str) -> object:
    def constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no number of JSON")

    try:
        return json.loads(
            content.decode("utf-8-sig"),
            parse_float=Decimal,
            parse_constant=constant,
            object_pairs_hook=_object,
        )
    except (ValueError, ArithmeticError, RecursionError) as error:
        problem = Problem(
            where, shortened(str(error)), "JSON of the URDB API (format=json, detail=full) in UTF-8"
        )
        raise TariffInvalid(f"{where} is not JSON", [problem]) from error


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """URDB's names differ in case between versions (lookbackPercent), so all are read in lower case."""
    found: dict[str, object] = {}
    for key, value in pairs:
        if key.lower() in found:
            raise ValueError(f"the field {shortened(key)} stands twice in one object")
        found[key.lower()] = value
    return found


def _items(document: object, where: str) -> list[Item]:
    if isinstance(document, Mapping) and "items" not in document:
        _no_error_answer(document, where)
        return [document]
    found = document["items"] if isinstance(document, Mapping) else document
    if isinstance(found, list) and found and all(isinstance(item, Mapping) for item in found):
        return found
    problem = Problem(
        f"{where}: items", shortened(found), "a list of rates: the answer of the URDB API, or one rate"
    )
    raise TariffInvalid(f"{where} holds no rates", [problem])


def _no_error_answer(document: Item, where: str) -> None:
    if any(key in document for key in ("error", "errors")) and "label" not in document:
        problem = Problem(f"{where}: error", shortened(document), "the answer of a request that succeeded")
        raise TariffInvalid(f"{where} is an error of the API, not a rate", [problem])


def _told(items: Sequence[Item], most: int = 20) -> str:
    told = [f"{item.get('label')} ({shortened(item.get('name'))})" for item in items[:most]]
    more = [f"and {len(items) - most} more"] if len(items) > most else []
    return ", ".join([*told, *more])
