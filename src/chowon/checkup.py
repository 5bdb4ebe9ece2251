"""Looking an installation over: each part says in plain words whether it is well and what to do if not."""

import json
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chowon.app import DASHBOARD
from chowon.config import Config
from chowon.domain.quantities import DAY_MS
from chowon.domain.sites import Site
from chowon.errors import ChowonError
from chowon.ingest.source_file import ModbusSource, read_sources
from chowon.meters.register_files import RegisterMaps
from chowon.registry import TariffBook
from chowon.store import doctor as store_doctor
from chowon.store.opening import Reader, open_reader

State = Literal["well", "look", "wrong"]
_LOW_DISK_BYTES = 2 * 2**30
_STEPS_TO_JUDGE = 5
_QUIET_MS = 10 * 60_000
ANSWER_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one part is like."""

    part: str
    state: State
    said: str


def examine(config: Config, now_ms: int, *, deep: bool = False) -> list[Finding]:
    """All findings, in the order in which a person would look. deep: read every byte that is kept."""
    return [
        *_package(),
        *_tariffs(config.data.folder),
        *_meters(config.data.folder),
        *_disk(config.data.folder),
        *_data(config, now_ms, deep),
        *_server(config),
    ]


def _package() -> Iterator[Finding]:
    if (DASHBOARD / "index.html").is_file():
        yield Finding("dashboard", "well", "built")
    else:
        yield Finding(
            "dashboard", "wrong", "not built; run `npm ci && npm run build` in web/, or install the wheel"
        )


def _tariffs(folder: Path) -> Iterator[Finding]:
    book = TariffBook.beside(folder)
    broken = []
    for tariff_id in book.ids():
        try:
            book.load(tariff_id)
        except ChowonError as error:
            broken.append(Finding("tariffs", "wrong", str(error)))
    yield from broken or [Finding("tariffs", "well", f"{len(book.ids())} can be used")]


def _meters(folder: Path) -> Iterator[Finding]:
    """The files of meters on a cable."""
    try:
        found, maps = read_sources(folder), RegisterMaps(folder)
        for source in found.values():
            if isinstance(source, ModbusSource) and source.registers != "sunspec":
                maps.load(source.registers)
    except ChowonError as error:
        yield Finding("meters", "wrong", str(error))
        return
    if found:
        yield Finding("meters", "well", f"{len(found)} on a cable: {', '.join(found)}")


def _disk(folder: Path) -> Iterator[Finding]:
    there = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(there).free
    state: State = "well" if free > _LOW_DISK_BYTES else "look"
    yield Finding("disk", state, f"{free / 2**30:.1f} GiB free at {there}")


def _data(config: Config, now_ms: int, deep: bool) -> Iterator[Finding]:
    folder = config.data.folder
    if not (folder / "journal.sqlite").is_file():
        yield Finding("data", "look", f"{folder} holds no data yet; `chowon serve` makes it")
        return
    try:
        reader = open_reader(folder)
    except ChowonError as error:
        yield Finding("data", "wrong", str(error))
        return
    try:
        yield from _kept(reader, deep)
        yield from _sites(reader, now_ms)
    except ChowonError as error:
        yield Finding("data", "wrong", str(error))
    finally:
        reader.close()


def _kept(reader: Reader, deep: bool) -> Iterator[Finding]:
    trouble = store_doctor.examine(reader, deep=deep)
    for found in trouble:
        yield Finding("data", "wrong", f"{found.what}; {found.advice}")
    if not trouble:
        bounds = reader.journal.bounds()
        files = reader.files.snapshot().files
        size = sum(f.bytes for f in files) / 2**20
        waiting = bounds.last - bounds.trimmed_through
        yield Finding(
            "data", "well", f"{len(files)} files, {size:.1f} MiB; {waiting} batches wait for the lake"
        )


def _sites(reader: Reader, now_ms: int) -> Iterator[Finding]:
    sites = reader.sites.sites()
    if not sites:
        yield Finding("sites", "look", "none yet; they appear with their first reading")
    for site in sites:
        newest = reader.history.last_times([c.id for c in site.main_channels])
        if not newest:
            yield Finding(f"site {site.key}", "look", "no reading of a main channel yet")
            continue
        last = max(newest.values())
        told = datetime.fromtimestamp(last / 1000, UTC).isoformat(timespec="seconds")
        yield from _rhythm(reader, site, newest)
        if now_ms - last > _QUIET_MS:
            yield Finding(f"site {site.key}", "look", f"silent since {told}; is the meter on, and connected?")
        else:
            yield Finding(f"site {site.key}", "well", f"newest reading {told}")


def _rhythm(reader: Reader, site: Site, newest: dict[int, int]) -> Iterator[Finding]:
    """Channels whose readings come further apart than each of them may stand for: nothing is billed then."""
    for channel in site.main_channels:
        if channel.id not in newest:
            continue
        since_ms = newest[channel.id] - max(DAY_MS // 4, 20 * channel.hold_ms)
        readings = reader.history.readings([channel.id], since_ms, newest[channel.id] + 1)
        steps = np.diff(readings.time_ms)
        if len(steps) >= _STEPS_TO_JUDGE and np.median(steps) > channel.hold_ms:
            yield Finding(
                f"site {site.key}",
                "wrong",
                f"{channel.key} sends every {np.median(steps) / 1000:g} s, but a reading of it stands for "
                f"{channel.hold_ms / 1000:g} s at most: most of its use is not billed. Set its hold_ms by "
                f"PATCH /api/v1/sites/{site.id}/channels/{channel.id} (docs/how-to/send-readings.md)",
            )


def _server(config: Config) -> Iterator[Finding]:
    host = "127.0.0.1" if config.server.host in ("0.0.0.0", "::") else config.server.host  # noqa: S104 - read only
    where = f"http://{host}:{config.server.port}"
    try:
        with socket.create_connection((host, config.server.port), timeout=2):
            pass
    except OSError:
        yield Finding("server", "look", f"nothing answers at {where}; `chowon serve` starts it")
        return
    request = urllib.request.Request(f"{where}/api/v1/health")  # noqa: S310 - the address is ours
    if config.server.token:
        request.add_header("Authorization", f"Bearer {config.server.token}")
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:  # noqa: S310 - the address is ours
            health = json.load(answer)
    except (urllib.error.URLError, ValueError, OSError) as error:
        yield Finding("server", "wrong", f"{where} does not answer as chowon does: {error}")
        return
    yield from _health(where, health)


def _health(where: str, health: dict[str, Any]) -> Iterator[Finding]:
    if health.get("healthy") is True:
        yield Finding("server", "well", f"chowon {health.get('version')} at {where} takes readings in")
    else:
        yield Finding("server", "wrong", f"{where} does not take readings in: {json.dumps(health)[:400]}")
    if health.get("enertalk") is not None:
        yield _enertalk(health["enertalk"], health["time_ms"])
    for source in health.get("sources", ()):
        yield _source(source, health["time_ms"])
    yield from _outward(health.get("outward") or {})
    for device in (health.get("backfill") or {}).get("devices", ()):
        if device["problem"] is not None:
            said = f"{device['device']} does not give what it has kept: {device['problem']}"
            yield Finding("backfill", "look", said)
    rejected = health.get("rejected_readings")
    if rejected:
        yield Finding(
            "readings", "look", f"{rejected} were refused; {where}/api/v1/health says which and why"
        )


def _source(state: dict[str, Any], now_ms: int) -> Finding:
    """A meter that the server asks or listens to."""
    part = f"meter {state['name']}"
    if state["problem"] is not None:
        return Finding(part, "wrong", state["problem"])
    lost = f"; {state['dropped']} readings were lost while the store was away" if state["dropped"] else ""
    quiet = state["last_ms"] is None or now_ms - state["last_ms"] > _QUIET_MS
    said = f"{state['payloads']} answers or telegrams from {state['where']}{lost}"
    return Finding(part, "look" if quiet or lost else "well", said)


def _enertalk(door: dict[str, Any], now_ms: int) -> Finding:
    """What the door for EnerTalk meters has seen since the server's start."""
    newest = max(door["meters"], key=lambda meter: int(meter["last_frame_ms"]), default=None)
    if newest is not None and now_ms - newest["last_frame_ms"] <= _QUIET_MS:
        said = f"{door['frames']} frames, the newest from {newest['device']} at {newest['address']}"
        return Finding("enertalk", "well", said)
    heard = "no frame of a meter" if newest is None else f"{newest['device']} is silent"
    trouble = f"; last trouble: {door['last_problem']}" if door["last_problem"] else ""
    return Finding("enertalk", "look", f"{heard}{trouble}; docs/how-to/enertalk.md says what to check")


def _outward(outward: Any) -> Iterator[Finding]:
    """What others should get and do not."""
    mqtt = outward.get("mqtt")
    if mqtt is not None and mqtt["problem"] is not None:
        yield Finding("publishing", "look", mqtt["problem"])
    for hook in outward.get("webhooks", ()):
        latest = hook["deliveries"][:1]
        if latest and latest[0]["problem"] is not None:
            said = (
                f"{latest[0]['event']} was not taken: {latest[0]['problem']}; {hook['waiting']} events wait"
            )
            yield Finding(f"webhook {hook['address']}", "look", said)
