"""Something done again and again at its own pace; what fails is logged, counted and tried again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from chowon.errors import ChowonError

log: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Rounds:
    """Counts what failed, over all rounds that it runs."""

    failed: int = 0

    async def again(self, every_s: float, work: Callable[[], Awaitable[None]]) -> None:
        """Do it now and `every_s` after each end of it; until cancelled."""
        while True:
            try:
                await work()
            except ChowonError as error:
                self.failed += 1
                log.warning("outward: %s; trying again", error)
            except Exception:
                self.failed += 1
                log.exception("outward: a round failed in a way that it should not; trying again")
            await asyncio.sleep(every_s)
