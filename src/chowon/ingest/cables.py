"""The meters that chowon asks or listens to, all in one place: those of meter files, those that people make
on the page, and the search for further ones.

A page's meter is kept in the catalog in the shape of a meter file, and runs as soon as it is kept. It names
no site: it speaks as a device without a place, and gets its place as every such device does.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from chowon.domain.tariff import Text
from chowon.errors import BadInput, ChowonError, NotFound, Overloaded
from chowon.ingest.reach import near_address, serial_devices
from chowon.ingest.source_file import ModbusSource, Source, StreamSource, settings_of, source_from
from chowon.ingest.source_scan import Scan, Target, split
from chowon.ingest.sources import Sources, SourceState
from chowon.ingest.trouble import SourceTrouble
from chowon.meters.fields import key_from
from chowon.meters.register_files import RegisterMaps
from chowon.ports import SourceBook

MOST_SOURCES: Final = 200
"""So many can be made on the page."""
MOST_SCANS: Final = 10
SCANS_WITHIN_MS: Final = 60_000
"""No more than so many searches are begun within this time"""
_NAME_LENGTH: Final = 56
log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CableLimits:
    """What a person may do on the page."""

    on_page: bool = True
    """Search for meters, make them and change them"""
    serial: tuple[str, ...] = ()
    """Serial devices to offer besides those that are found"""


@dataclass(frozen=True, slots=True)
class Cable:
    """One meter on a cable or in the network, and how it is."""

    name: str
    source: Source
    file: bool
    """It stands in a meter file, and can only be changed there"""
    paused: bool
    state: SourceState | None
    """None while it is paused"""


@dataclass(slots=True)
class _Kept:
    """What is known of one meter besides its running."""

    source: Source
    file: bool
    paused: bool = False


@dataclass(slots=True)
class Cables:
    """All of them. Belongs to the event loop; `run` to the application's TaskGroup."""

    sources: Sources
    book: SourceBook
    maps: RegisterMaps
    limits: CableLimits
    now_ms: Callable[[], int]
    scan: Scan | None = None
    """The latest search"""
    _known: dict[str, _Kept] = field(default_factory=dict)
    _group: asyncio.TaskGroup | None = None
    _scanning: asyncio.Task[None] | None = None
    _begun_ms: deque[int] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._known = {name: _Kept(source, file=True) for name, source in self.sources.sources().items()}

    async def run(self) -> None:
        """Until cancelled: runs the meters of files and those that were kept."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                group.create_task(self.sources.run())
                for kept in await asyncio.to_thread(self.book.sources):
                    await self._resume(kept.name, kept.settings, kept.paused)
                await asyncio.Event().wait()
            finally:
                self._group = None

    def all(self) -> list[Cable]:
        """By name."""
        states = {state.name: state for state in self.sources.states()}
        return [
            Cable(name, kept.source, kept.file, kept.paused, states.get(name))
            for name, kept in sorted(self._known.items())
        ]

    def find(self, family: str, device: str) -> Source | None:
        """The settings of the meter that speaks as this device, None if it is none of ours."""
        kept = self._known.get(device)
        ours = kept is not None and kept.source.kind == family and kept.source.site is None
        return kept.source if kept is not None and ours else None

    def serial_devices(self) -> list[str]:
        """The serial devices that may be chosen."""
        return serial_devices(self.limits.serial)

    async def make(self, source: Source, by: str, taken: Sequence[str] = ()) -> str:
        """Keep and run a new meter; its name. taken: names that other devices have.

        Errors: BadInput — settings that the page may not choose, such as an address in the internet.
        """
        await self._check(source)
        if sum(not kept.file for kept in self._known.values()) >= MOST_SOURCES:
            raise BadInput(f"{MOST_SOURCES} meters were made on the page already; remove one first")
        name = _new_name(source, {*self._known, *taken})
        await self._keep(name, source, paused=False, by=by)
        return name

    async def change(self, name: str, source: Source, *, paused: bool, by: str) -> None:
        """Other settings, or a pause, for one that was made on the page. Errors: as `make`, and NotFound."""
        before = self._mine(name)
        if source.kind != before.source.kind:
            raise BadInput(f"'{name}' is of kind {before.source.kind}; remove it and add the other one")
        await self._check(source, before.source)
        await self._keep(name, source, paused=paused, by=by)

    async def remove(self, name: str) -> Source:
        """Stop it and forget it; what it was. Errors: NotFound, BadInput for one of a file."""
        before = self._mine(name)
        await asyncio.to_thread(self.book.remove, name)
        await self.sources.stop(name)
        del self._known[name]
        return before.source

    async def begin_scan(self, target: Target, by: str) -> Scan:
        """Look for a meter there; ends by itself. Errors: BadInput, Overloaded (one runs, or too many)."""
        self._allow()
        _check_target(target, self.serial_devices(), self.maps.names())
        now_ms = self.now_ms()
        while self._begun_ms and not 0 <= now_ms - self._begun_ms[0] < SCANS_WITHIN_MS:
            self._begun_ms.popleft()
        if self.scan is not None and self.scan.state == "running":
            raise Overloaded("a search is running already; wait for its end, or stop it")
        if len(self._begun_ms) >= MOST_SCANS or self._group is None:
            raise Overloaded(f"{MOST_SCANS} searches were begun within a minute; wait a moment")
        self._begun_ms.append(now_ms)
        log.info("%s lets chowon look for a meter at %s", by, target.where)
        self.scan = scan = Scan(target, self.maps, self.now_ms)
        if (reader := self._reader_of(target)) is not None:
            trouble = SourceTrouble("in_use", where=target.where, name=reader)
            scan.problem, scan.state, scan.done = trouble.said, "done", scan.steps
        else:
            self._scanning = self._group.create_task(self._scan(scan))
        return scan

    async def end_scan(self) -> None:
        """Its connection is closed when this returns; nothing happens when none runs."""
        task, self._scanning = self._scanning, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def known_as(self, source: Source) -> str | None:
        """The name of a meter that is read there already."""
        same = [name for name, kept in self._known.items() if _place(kept.source) == _place(source)]
        return same[0] if same else None

    async def _scan(self, scan: Scan) -> None:
        try:
            await scan.run()
        except Exception:
            log.exception("the search at %s failed in a way that it should not", scan.target.where)
            scan.problem = Text("초원의 오류예요.", "a bug in chowon")

    async def _resume(self, name: str, settings: str, paused: bool) -> None:
        """One that was kept before this start; a file of the same name counts more."""
        try:
            source = source_from(settings, f"meter '{name}' of the page")
        except ChowonError as error:
            log.error("%s", error)  # noqa: TRY400 - its message says all
            return
        if name in self._known:
            log.error("meter '%s' of the page is not run: a meter file has this name", name)
            return
        self._known[name] = _Kept(source, file=False, paused=paused)
        if not paused:
            await self.sources.start(name, source)

    async def _keep(self, name: str, source: Source, *, paused: bool, by: str) -> None:
        await asyncio.to_thread(self.book.put, name, settings_of(source), paused=paused, by=by)
        log.info("%s keeps meter '%s' at %s%s", by, name, source.where, ", paused" if paused else "")
        self._known[name] = _Kept(source, file=False, paused=paused)
        if paused:
            await self.sources.stop(name)
        else:
            await self.sources.start(name, source)

    def _mine(self, name: str) -> _Kept:
        self._allow()
        kept = self._known.get(name)
        if kept is None:
            raise NotFound(f"no meter '{name}'; GET /api/v1/sources lists them")
        if kept.file:
            raise BadInput(f"'{name}' stands in meters/{name}.toml of the data folder; change it there")
        return kept

    def _allow(self) -> None:
        if not self.limits.on_page:
            raise BadInput(
                "meters cannot be added on the page here; set on_page = true under [cables] in chowon.toml "
                "and start chowon again, or write a meter file"
            )

    async def _check(self, source: Source, before: Source | None = None) -> None:
        """What the page may choose: a near address, a serial device that is offered, a map that there is."""
        self._allow()
        if source.site is not None:
            raise BadInput("site: leave it out; PUT /api/v1/devices/… gives the meter its place")
        kept = before is not None and before.serial == source.serial  # it may be unplugged, and paused
        if source.serial is not None and not kept and source.serial not in self.serial_devices():
            raise BadInput(f"serial: {source.serial} is none of the serial devices of this machine")
        if isinstance(source, ModbusSource) and source.registers != "sunspec":
            await asyncio.to_thread(self.maps.load, source.registers)
        if source.tcp is not None and (before is None or before.tcp != source.tcp):
            try:
                await near_address(split(source.tcp)[0])
            except SourceTrouble as error:
                raise BadInput(f"tcp: {error}") from error

    def _reader_of(self, target: Target) -> str | None:
        """Who reads this line already: a second one would take its bytes away."""
        for name, kept in self._known.items():
            same = target.where in (kept.source.serial, kept.source.tcp)
            alone = target.serial is not None or isinstance(kept.source, StreamSource)
            if same and alone and not kept.paused:
                return name
        return None


def _check_target(target: Target, devices: Sequence[str], maps: Sequence[str]) -> None:
    if (target.tcp is None) == (target.serial is None):
        raise BadInput("expected one of address and serial")
    if target.tcp is not None:
        split(target.tcp)
    if target.serial is not None and target.serial not in devices:
        raise BadInput(f"serial: {target.serial} is none of the serial devices of this machine")
    if target.registers is not None and target.registers not in ("sunspec", *maps):
        raise BadInput(f"registers: no map {target.registers!r}; there are sunspec, {', '.join(maps)}")


def _place(source: Source) -> tuple[str, int | None]:
    return source.where, source.unit if isinstance(source, ModbusSource) else None


def _new_name(source: Source, taken: set[str]) -> str:
    """Fit for a key, and no other meter's; by its title where that is in ASCII."""
    title = source.title if source.title is not None and source.title.isascii() else None
    unit = f"-{source.unit}" if isinstance(source, ModbusSource) and title is None else ""
    plain = key_from((title or f"{source.kind}{unit}").strip().replace(" ", "-"))[:_NAME_LENGTH]
    numbers = (plain if n == 1 else f"{plain}-{n}" for n in range(1, len(taken) + 2 + 1))
    return next(name for name in numbers if name not in taken and name != "scan")
