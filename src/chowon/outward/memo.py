"""What was said outside, kept over restarts in `outward.json` of the data folder.

Lost or unreadable, it is begun anew: then what was announced before is not withdrawn, and an event that
happened meanwhile may go untold. Readings and bills never depend on it.
"""

import asyncio
import logging
from pathlib import Path
from typing import Final

import msgspec

NAME: Final = "outward.json"
log: Final = logging.getLogger(__name__)
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Watched(msgspec.Struct, forbid_unknown_fields=False):
    """What was told of a site by webhooks."""

    period: str | None = None
    """First day of the billing period, ISO; None while the site could not be read"""
    tier: int | None = None
    silent: list[str] = msgspec.field(default_factory=list)
    """Meters that were told to be silent"""


class Noted(msgspec.Struct):
    """All that is kept."""

    topics: list[str] = msgspec.field(default_factory=list)
    """Where something of ours is retained, or was about to be"""
    counters: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    """Site key → import and export in mWh, as Home Assistant was told"""
    watched: dict[str, Watched] | None = None
    """By site key; None before the first look"""
    heard: list[str] | None = None
    """Devices and meters that were told to be found; None before the first look"""


class Memo:
    """The file. `noted` may be changed at will on the event loop; `save` makes it last."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._saving = asyncio.Lock()
        self.noted = self._read()
        self._saved = _encode(self.noted)

    async def save(self) -> None:
        """Write what changed, whole or not at all. A disk that fails is told in the log, no more."""
        async with self._saving:
            text = _encode(self.noted)
            if text != self._saved and await asyncio.to_thread(self._write, text):
                self._saved = text

    def _write(self, text: bytes) -> bool:
        draft = self._path.with_suffix(".tmp")
        try:
            draft.write_bytes(text)
            draft.replace(self._path)
        except OSError as error:
            log.error("%s cannot be written: %s", self._path, error)  # noqa: TRY400 - the disk, no bug
            return False
        return True

    def _read(self) -> Noted:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Noted)
        except FileNotFoundError:
            return Noted()
        except (OSError, msgspec.DecodeError) as error:
            log.warning("%s cannot be read and is begun anew: %s", self._path, error)
            return Noted()
