"""`chowon replay`: a meter process that publishes a recording as if it were happening now."""

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from chowon.errors import BadInput, ChowonError, MeterMisconfigured

if TYPE_CHECKING:
    from chowon.replay.link import Broker
    from chowon.replay.pace import Clock
    from chowon.replay.recording import Recording


def replay(
    *,
    recording: Annotated[
        Path | None, typer.Option(help="Parquet file; left out: the home that comes with chowon.")
    ] = None,
    host: Annotated[str, typer.Option(help="MQTT broker.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 1883,
    site: Annotated[str, typer.Option(help="Key of the site.")] = "home",
    meter: Annotated[str, typer.Option(help="Key of the meter.")] = "main",
    timezone: Annotated[str, typer.Option(help="The site's zone.")] = "Asia/Seoul",
    speed: Annotated[int, typer.Option(min=1, help="Recorded seconds a second.")] = 1,
    clock: Annotated[
        Path | None,
        typer.Option(help="JSON of the virtual clock that the server uses too; instead of --speed."),
    ] = None,
    since_ms: Annotated[
        int | None, typer.Option(help="Go on after this time, ms UTC; left out: from now.")
    ] = None,
    appliances: Annotated[bool, typer.Option(help="Also publish each appliance as a channel.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="At the end, say as JSON what was sent.")] = False,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", help="Stop when standard input ends.", hidden=True)
    ] = False,
    username: Annotated[
        str | None,
        typer.Option(envvar="CHOWON_MQTT_USERNAME", help="Of the broker; password in CHOWON_MQTT_PASSWORD."),
    ] = None,
) -> None:
    """Publish a recording over MQTT, a message a second, until interrupted."""
    from chowon.replay.link import Broker
    from chowon.replay.meter import topic
    from chowon.replay.recording import SHIPPED, Recording

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        with Recording.open(recording or SHIPPED) as opened:
            acknowledged_ms = asyncio.run(
                _replay(
                    recording=opened,
                    broker=Broker(host, port, username, os.environ.get("CHOWON_MQTT_PASSWORD")),
                    zone=_zone(timezone),
                    clock=_clock(clock, speed),
                    published_on=topic(site, meter),
                    since_ms=since_ms,
                    appliances=appliances,
                    with_parent=with_parent,
                )
            )
        if as_json:
            typer.echo(json.dumps({"acknowledged_through_ms": acknowledged_ms}))
    except ChowonError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2 if isinstance(error, BadInput | MeterMisconfigured) else 1) from error


async def _replay(
    *,
    recording: "Recording",
    broker: "Broker",
    zone: ZoneInfo,
    clock: "Clock",
    published_on: str,
    since_ms: int | None,
    appliances: bool,
    with_parent: bool,
) -> int | None:
    """The time, ms UTC, up to which everything is acknowledged when it ends."""
    from chowon.replay.calendar import laid_onto
    from chowon.replay.link import Link
    from chowon.replay.meter import publish
    from chowon.replay.player import play, wall_clock_ms

    shift = laid_onto(recording.start_ms, recording.end_ms, recording.timezone, zone, clock.anchor_virtual_ms)
    since_ms = clock.now_ms(wall_clock_ms()) if since_ms is None else since_ms
    channels = recording.channels if appliances else recording.channels[:1]
    stop = asyncio.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(wanted, stop.set)
    if with_parent:
        asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    async with Link(broker, published_on) as link:
        await publish(play(recording, shift, clock, since_ms, channels=channels), link, stop)
        return link.acknowledged_ms


def _clock(path: Path | None, speed: int) -> "Clock":
    from chowon.replay import pace
    from chowon.replay.player import wall_clock_ms

    if path is None:
        return pace.starting(wall_clock_ms(), speed)
    try:
        return pace.from_json(path.read_text())
    except OSError as error:
        raise BadInput(f"clock {path}: {error.strerror}; name a file that the server wrote") from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadInput(f"--timezone: found {name!r}; expected an IANA name such as Asia/Seoul") from error


if __name__ == "__main__":
    typer.run(replay)
