"""Public data sets in their own formats: one file a format, each with `read(path, home) -> RawHome`."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from chowon.bench.nilm.homes import RawHome
from chowon.bench.nilm.readers import ampds, eco, enertalk, ideal, labelled_dat, nilmtk, recording, refit
from chowon.errors import NotFound, shortened

Reader = Callable[[Path, str], RawHome]
"""(the data set's folder or file, the home's name in it)"""
READERS: Final[dict[str, Reader]] = {
    "recording": recording.read,
    "redd": labelled_dat.read_redd,
    "uk-dale": labelled_dat.read_uk_dale,
    "refit": refit.read,
    "enertalk": enertalk.read,
    "ampds": ampds.read,
    "ideal": ideal.read,
    "eco": eco.read,
    "nilmtk": nilmtk.read,
}


def reader(name: str) -> Reader:
    """The reader of this name. Errors: NotFound."""
    if name not in READERS:
        raise NotFound(f"no reader {shortened(name)} for labelled homes; there are {', '.join(READERS)}")
    return READERS[name]
