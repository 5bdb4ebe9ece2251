"""A log for what clients bring about: one that floods the server must not flood its log too."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

EVERY_S: Final = 60.0
"""The same warning is told again after so long, with how often it was meant."""


class SeldomLog(logging.LoggerAdapter[logging.Logger]):
    """Tells a warning at once, and then at most once in `every_s`, with how often it came meanwhile.

    What differs only in its arguments is the same. All else passes. Belongs to the event loop.
    """

    def __init__(
        self, logger: logging.Logger, noted: Callable[[str], None] = lambda _: None, every_s: float = EVERY_S
    ) -> None:
        """noted: called with each warning, told or not."""
        super().__init__(logger, {})
        self._noted, self._every_s = noted, every_s
        self._untold: Counter[str] = Counter()

    @property
    def level(self) -> int:
        """The logger's own."""
        return self.logger.level

    def warning(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """As logging.Logger.warning, now or within `every_s`."""
        text = str(msg)
        self._noted(text)
        if text in self._untold:
            self._untold[text] += 1
        else:
            self.logger.warning(msg, *args, **kwargs)
            self._wait(text)

    def _wait(self, text: str) -> None:
        self._untold[text] = 0
        asyncio.get_running_loop().call_later(self._every_s, self._tell, text)

    def _tell(self, text: str) -> None:
        times = self._untold.pop(text)
        if times:
            self.logger.warning("%s (%d times more in %g s)", text.removesuffix("."), times, self._every_s)
            self._wait(text)
