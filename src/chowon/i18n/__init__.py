"""Texts for people that the server says itself: "devices" in ko.json and en.json."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

_SECTION: Final = "devices"


@dataclass(frozen=True, slots=True)
class Said:
    """One text in both languages."""

    ko: str
    en: str


def said(key: str, places: Mapping[str, object] | None = None) -> Said:
    """The text of this key with its {places} filled in. Errors: KeyError for a key that has no text."""
    ko, en = (_texts(language)[key].format_map(places or {}) for language in ("ko", "en"))
    return Said(ko, en)


def known(key: str) -> bool:
    """Whether there is a text of this key."""
    return key in _texts("en")


@cache
def _texts(language: str) -> Mapping[str, str]:
    text = (resources.files(__name__) / f"{language}.json").read_text("utf-8")
    section: dict[str, str] = json.loads(text)[_SECTION]
    return section
