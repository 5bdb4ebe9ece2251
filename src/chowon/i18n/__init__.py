"""Texts for people that the server says itself: "devices" and "appliances" in ko.json and en.json."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

from chowon.domain.tariff import Text

_DEVICES: Final = "devices"
_APPLIANCES: Final = "appliances"


def said(key: str, places: Mapping[str, object] | None = None) -> Text:
    """The text of this key with its {places} filled in. Errors: KeyError for a key that has no text."""
    ko, en = (_texts(language, _DEVICES)[key].format_map(places or {}) for language in ("ko", "en"))
    return Text(ko, en)


def known(key: str) -> bool:
    """Whether there is a text of this key."""
    return key in _texts("en", _DEVICES)


def appliance(name: str) -> Text:
    """What people call an appliance of this name: of one that is not in the list, the name itself."""
    return Text(*(_texts(language, _APPLIANCES).get(name, name) for language in ("ko", "en")))


def appliances() -> list[str]:
    """The names of common appliances."""
    return list(_texts("en", _APPLIANCES))


@cache
def _texts(language: str, section: str) -> Mapping[str, str]:
    text = (resources.files(__name__) / f"{language}.json").read_text("utf-8")
    found: dict[str, str] = json.loads(text)[section]
    return found
