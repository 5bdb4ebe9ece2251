"""Run as a process that a test kills: reads from a broker into a journal that never becomes durable.

Prints "listening" once it does, "held" once a message is inside `append`.
"""

import asyncio
import sys

from chowon.ingest.mqtt import MqttListener
from chowon.ingest.mqtt_link import MqttSettings
from tests.ingest_fakes import NOW_MS, Intake


async def _scene(intake: Intake) -> None:
    settings = MqttSettings(port=int(sys.argv[1]), client_id=sys.argv[2])
    intake.journal.hold()
    listening = asyncio.Event()
    listener = MqttListener(
        intake.door,
        settings,
        now_ms=lambda: NOW_MS,
        on_state=lambda stats: listening.set() if stats.listening else None,
    )
    reading = asyncio.create_task(listener.run())
    await listening.wait()
    print("listening", flush=True)
    await intake.written()
    print("held", flush=True)
    await reading


Intake().run(_scene)
