"""The weights that come with chowon: one file taught by all homes, and one for each home left out.

So that a home which taught can be scored with what the others taught.
"""

from collections.abc import Collection, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from chowon.errors import NotFound
from chowon.models.nilm.network.card import Card, read
from chowon.models.nilm.network.telling import Teller, opened

WHOLE: Final = "weights"
"""Folder of the network that is told over whole recordings"""
LIVE: Final = "weights/live"
"""Folder of the live network"""


def shipped(without: Collection[str]) -> tuple[Teller, Card]:
    """The network as `chosen`. Errors: NotFound where there are none."""
    onnx, card = chosen(without)
    return opened(onnx, card), card


def chosen(without: Collection[str], folder: str = WHOLE) -> tuple[bytes, Card]:
    """The weights of most homes that none of these taught; the ones of all homes where there are none such.

    Errors: NotFound where there are none.
    """
    every = dict(cards(folder))
    if not every:
        raise NotFound("no weights of the network are installed; make them: chowon train nilm")
    fitting = [file for file, card in every.items() if not set(without) & set(card.homes)] or list(every)
    most = max(fitting, key=lambda file: (len(every[file].homes), file.name))
    return _folder(folder).joinpath(f"{most.name.removesuffix('.json')}.onnx").read_bytes(), every[most]


def cards(folder: str = WHOLE) -> Iterator[tuple[Traversable, Card]]:
    """(the card's file, the card) of all weights, in order of their names."""
    at = _folder(folder)
    if at.is_dir():
        for file in sorted(at.iterdir(), key=lambda f: f.name):
            if file.name.endswith(".json"):
                yield file, read(file.read_text("utf-8"), file.name)


def _folder(folder: str) -> Traversable:
    return resources.files("chowon.models.nilm").joinpath(folder)
