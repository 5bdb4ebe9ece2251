"""Live values by MQTT: what GET /now answers, of every site, when it changed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from chowon.domain.sites import Site
from chowon.errors import ChowonError
from chowon.live.service import Live
from chowon.live.view import Now
from chowon.outward.mqtt_out import Message, Put

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class MirrorSettings:
    """Where and how."""

    topic: str
    qos: int
    retain: bool


class Mirror:
    """One message a site; the fields and units are those of the API (docs/reference/api.md, "Now")."""

    def __init__(self, settings: MirrorSettings, live: Live, put: Put) -> None:
        self._settings, self._live, self._put = settings, live, put
        self._said: dict[str, Now] = {}

    def topics(self, sites: Sequence[Site]) -> set[str]:
        """Where something may be retained."""
        return {self._topic(site) for site in sites} if self._settings.retain else set()

    async def round(self, sites: Sequence[Site]) -> None:
        """Publish the sites whose values changed since they were published."""
        for site in sites:
            now = await now_of(self._live, site)
            topic = self._topic(site)
            if now is not None and self._said.get(topic) != (lasting := replace(now, time_ms=0)):
                self._said[topic] = lasting
                self._put(topic, Message(_encode(now), self._settings.qos, self._settings.retain))
            await asyncio.sleep(0)  # the live sockets come first

    def forget(self, topic: str) -> None:
        """The topic was cleared: what comes next is news again."""
        self._said.pop(topic, None)

    def _topic(self, site: Site) -> str:
        return f"{self._settings.topic}/{site.key}/now"


async def now_of(live: Live, site: Site) -> Now | None:
    """The site's state; None where it has none, which the live loop has told in the log."""
    try:
        return await live.now(site.id)
    except ChowonError:
        return None
