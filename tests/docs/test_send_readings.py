"""The examples of docs/how-to/send-readings.md, run as they stand there against real servers."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response

from chowon.ingest.http_writes import write_lines, write_readings
from chowon.ingest.mqtt import MqttListener
from chowon.ingest.mqtt_link import MqttSettings
from tests.brokers import embedded, free_port, needs_mosquitto
from tests.ingest_fakes import TIMEOUT_S, Intake

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "send-readings.md"
EXAMPLES = re.findall(r"```(sh|python)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _app(intake: Intake) -> FastAPI:
    app = FastAPI()

    @app.post("/api/v1/readings")
    async def readings(request: Request) -> Response:
        kind = request.headers["content-type"]
        answer = await write_readings(intake.door, await request.body(), content_type=kind, now_ms=_now_ms())
        return Response(answer.body, answer.status, answer.headers)

    @app.post("/api/v2/write")
    async def lines(request: Request, precision: str = "ns") -> Response:
        encoding = request.headers.get("content-encoding", "")
        body = await request.body()
        answer = await write_lines(
            intake.door, body, dialect="v2", precision=precision, content_encoding=encoding, now_ms=_now_ms()
        )
        return Response(answer.body, answer.status, answer.headers)

    return app


class _Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


async def _run(language: str, text: str, environment: dict[str, str]) -> None:
    command = (
        [sys.executable, "-c", text] if language == "python" else ["bash", "-euo", "pipefail", "-c", text]
    )

    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            check=False,
            env=os.environ | environment,
            timeout=TIMEOUT_S,
            capture_output=True,
            text=True,
        )

    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stderr


def test_the_page_has_an_example_for_every_door() -> None:
    texts = [text for _, text in EXAMPLES]
    doors = ["mosquitto_pub", "application/json", "/api/v2/write", "arrow.stream"]
    assert [next(door for door in doors if door in text) for text in texts] == doors


@pytest.mark.parametrize(("language", "text"), EXAMPLES[1:], ids=["json", "lines", "arrow"])
def test_the_http_examples_end_in_the_journal(language: str, text: str) -> None:
    async def scene(intake: Intake) -> None:
        port = free_port()
        server = _Server(uvicorn.Config(_app(intake), port=port, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve())
        await server.ready.wait()
        try:
            await _run(language, text, {"CHOWON": f"http://127.0.0.1:{port}"})
        finally:
            server.should_exit = True
            await serving
        assert len(intake.journal.readings) > 0
        assert intake.ledger.rejected_readings == 0

    Intake().run(scene)


@needs_mosquitto
def test_the_mqtt_example_ends_in_the_journal() -> None:
    language, text = EXAMPLES[0]

    async def scene(intake: Intake) -> None:
        with embedded() as address:
            listening, stored = asyncio.Event(), asyncio.Event()
            intake.pipeline._on_durable = lambda _: stored.set()
            listener = MqttListener(
                intake.door,
                MqttSettings(address.host, address.port),
                now_ms=_now_ms,
                on_state=lambda stats: listening.set() if stats.listening else None,
            )
            task = asyncio.create_task(listener.run())
            await listening.wait()
            await _run(language, text, {"MQTT_HOST": address.host, "MQTT_PORT": str(address.port)})
            await stored.wait()
            listener.close()
            await task
        assert next(iter(intake.sites.channels)).site == "home"

    Intake().run(scene)
