"""`chowon serve`: run everything over a data folder."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chowon.cli.output import AsJson, emit
from chowon.cli.settings import ConfigFile, DataFolder, loaded

if TYPE_CHECKING:
    from chowon.app import Addresses


def serve(
    config: ConfigFile = None,
    data: DataFolder = None,
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="HTTP port; 0 takes a free one")] = None,
    mqtt_port: Annotated[int | None, typer.Option(help="MQTT port; 0 takes a free one")] = None,
    as_json: AsJson = False,
) -> None:
    """Serve dashboard, API and MQTT until stopped with Ctrl-C."""
    from chowon import app

    settings = loaded(config, data, server__host=host, server__port=port, mqtt__port=mqtt_port).config
    log_to_stderr()
    store = app.opened(settings, wall_ms)
    try:
        until_stopped(
            lambda stop: app.serve(
                settings, store, now_ms=wall_ms, stop=stop, started=lambda at: announce(at, as_json)
            )
        )
    finally:
        store.close()


def wall_ms() -> int:
    """The machine's clock, ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


def announce(at: "Addresses", as_json: bool) -> None:
    """Say where the server is; the line that other programs wait for."""
    mqtt = None if at.mqtt is None else f"{at.mqtt.host}:{at.mqtt.port}"
    enertalk = None if at.enertalk is None else f"{at.enertalk.host}:{at.enertalk.port}"
    told = f"chowon is at {at.http}" + (f", meters publish to MQTT at {mqtt}" if mqtt else "")
    told += f", EnerTalk meters come to {enertalk}" if enertalk else ""
    emit({"http": at.http, "mqtt": mqtt, "enertalk": enertalk}, as_json, lambda: told)
    sys.stdout.flush()


def until_stopped(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run until it ends by itself or Ctrl-C (or SIGTERM) asks it to; a second one does not wait."""

    async def guarded() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def asked(number: signal.Signals) -> None:
            stop.set()
            loop.remove_signal_handler(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked, number)
        await work(stop)

    asyncio.run(guarded())


def log_to_stderr() -> None:
    """Warnings of libraries and everything of ours, one line each; never a secret."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("chowon").setLevel(logging.INFO)
