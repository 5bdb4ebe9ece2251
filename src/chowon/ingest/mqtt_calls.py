"""Questions to devices over the listener's own connection, and which message is the answer to which.

Only while a question is open its answer's topic is subscribed to, and only what that question expects is its
answer: anything else there is counted and forgotten. A topic's allowance holds for answers as for readings.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chowon.errors import MeterUnavailable
from chowon.ingest.mqtt_inbox import Arrived
from chowon.ingest.mqtt_link import Link
from chowon.meters.kept import Question

ASKER: Final = "chowon-asks-"
"""Our names in questions begin with it, and so do the topics of answers."""
LARGEST_ANSWER: Final = 1024 * 1024
"""Bytes; the embedded broker lets less through."""


@dataclass(frozen=True, slots=True)
class _Open:
    question: Question
    answer: asyncio.Future[bytes]


class Calls:
    """Belongs to the event loop."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._open: dict[str, _Open] = {}
        self.unasked = 0
        """Messages that answered no open question: late, not ours, too large, or garbage"""

    async def ask(self, question: Question, timeout_s: float) -> bytes:
        """The answer. One question at a time of each answer topic.

        Errors: MeterUnavailable — no connection, or no answer in time.
        """
        topic = question.answer_topic
        if topic in self._open:
            raise MeterUnavailable(f"a question is open on {topic} already; ask again when it is answered")
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._open[topic] = _Open(question, answer)
        try:
            self._link.watch([topic], wished=True)
            self._link.publish(question.topic, question.payload)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    return await answer
            raise MeterUnavailable(
                f"no answer on {topic} within {timeout_s:g} s to a question on {question.topic}: allow calls "
                "over MQTT on the device, and in the broker's access rules"
            )
        finally:
            del self._open[topic]
            self._link.unwatch([topic])

    def taken(self, messages: Sequence[Arrived]) -> list[Arrived]:
        """Hands answers to who waits for them; what is left is for others."""
        left = [message for message in messages if not message.topic.startswith(ASKER)]
        if len(left) < len(messages):
            for message in messages:
                if message.topic.startswith(ASKER):
                    self._take(message)
        return left

    def _take(self, message: Arrived) -> None:
        waiting = self._open.get(message.topic)
        payload = message.payload
        if (
            waiting is None
            or payload is None
            or waiting.answer.done()
            or len(payload) > LARGEST_ANSWER
            or not waiting.question.answered_by(payload)
        ):
            self.unasked += 1
        else:
            waiting.answer.set_result(payload)
