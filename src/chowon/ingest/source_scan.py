"""Looking for a meter where a person says that one is: at one address, or on one serial line of this machine.

An address is asked by Modbus first (SunSpec, then the known register maps), then by RTU frames through a
gateway; then it is listened to, as a serial line is, for telegrams that come by themselves. Every step is
bounded in time, and nothing is written but questions for registers.
"""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from chowon.domain.readings import absent_of
from chowon.domain.tariff import Text
from chowon.errors import BadInput, ChowonError, MeterMisconfigured, PayloadRejected, shortened
from chowon.i18n import said
from chowon.ingest import line, modbus
from chowon.ingest.reach import bracketed, near_address, openable, reach
from chowon.ingest.source_file import ModbusSource, Source, StreamSource
from chowon.ingest.trouble import SourceTrouble, told
from chowon.meters import sunspec
from chowon.meters.decoded import Decoded, Envelope
from chowon.meters.fields import FIELDS
from chowon.meters.register_files import RegisterMaps
from chowon.meters.register_map import Block, RegisterMap

PORTS: Final = (502, 1502)
"""Where Modbus TCP mostly listens, when no port is named"""
UNITS: Final = (*range(1, 11), 71, 126, 240)
"""The numbers that devices have by themselves, when none is named"""
RTU_UNITS: Final = (1, 2, 3)
SPEEDS: Final = (115_200, 9_600)
"""P1 since DSMR 4; SML, older P1, and Modbus"""
ANSWER_S: Final = 1.0
LISTEN_S: Final = 11.5
"""A P1 port before DSMR 5 speaks every ten seconds"""
_HOST: Final = re.compile(r"[A-Za-z0-9._:%-]{1,253}", re.ASCII)
_VOLTS: Final = (80.0, 500.0)
_HERTZ: Final = (45.0, 66.0)
Values = Mapping[str, Mapping[str, float]]
"""channel → field → value in the field's unit"""


@dataclass(frozen=True, slots=True)
class Target:
    """What a person named: an address (host or host:port), or a serial device; and what is known of it."""

    tcp: str | None = None
    serial: str | None = None
    unit: int | None = None
    registers: str | None = None
    """The register map, if it is known: no other one is tried then"""

    @property
    def where(self) -> str:
        """The address, for messages."""
        return self.tcp or self.serial or ""


@dataclass(frozen=True, slots=True)
class FoundSource:
    """A meter that answered or spoke, and the settings that make chowon read it."""

    source: Source
    maker: str
    model: str
    values: Values
    """What it said"""
    serial_number: str = ""


@dataclass(slots=True)
class Scan:
    """One look, as far as it has come. `run` does it; cancelling that ends it at once."""

    target: Target
    maps: RegisterMaps
    now_ms: Callable[[], int]
    listen_s: float = LISTEN_S
    steps: int = 1
    """How many there will be, as far as it is known"""
    done: int = 0
    doing: Text = field(default_factory=lambda: said("scan.connect", {"where": ""}))
    found: list[FoundSource] = field(default_factory=list)
    problem: Text | None = None
    """Why nothing was found, or why no more"""
    state: Literal["running", "done", "cancelled"] = "running"

    async def run(self) -> None:
        """Until all steps are done. What was found, or why nothing was, stands in the fields."""
        try:
            await (self._serial() if self.target.serial is not None else self._address())
        except ChowonError as error:
            self.problem = told(error)
        except BaseException:
            self.state = "cancelled"
            raise
        self.state = "done"
        self.done = self.steps

    def _step(self, id_: str, **places: object) -> None:
        """The next step begins."""
        if self.doing.en != (now := said(f"scan.{id_}", places)).en:
            self.doing = now

    async def _address(self) -> None:
        """An address: the ports that are named, or the usual ones."""
        assert self.target.tcp is not None
        host, port = split(self.target.tcp)
        self._step("connect", where=self.target.tcp)
        address = await near_address(host)
        open_ports = await self._open_ports(host, address, port)
        units = UNITS if self.target.unit is None else (self.target.unit,)
        rtu = RTU_UNITS if self.target.unit is None else (self.target.unit,)
        self.steps, self.done = 1 + len(open_ports) * (len(units) + len(rtu) + 1), 1
        why: SourceTrouble | None = None
        for number, one in enumerate(open_ports):
            way = _Way(f"{bracketed(host)}:{one}", f"{bracketed(address)}:{one}")
            why = await self._port(way, units, rtu)
            self.done = 1 + (number + 1) * (len(units) + len(rtu) + 1)
        if not self.found and why is not None:
            raise why

    async def _open_ports(self, host: str, address: str, port: int | None) -> list[int]:
        """Those that accept a connection. Errors: SourceTrouble — none does."""
        found: list[int] = []
        why: SourceTrouble | None = None
        for one in PORTS if port is None else (port,):
            try:
                await reach(address, one)
                found.append(one)
            except SourceTrouble as trouble:
                why = why or trouble
        if not found and why is not None:
            usual = port is None and why.id == "refused"
            raise SourceTrouble("refused_usual", host=host) if usual else why
        return found

    async def _port(self, way: "_Way", units: Sequence[int], rtu: Sequence[int]) -> SourceTrouble | None:
        """Why nothing was found there; None if something was."""
        before = len(self.found)
        answered, foreign = await self._units(way, units, rtu=False)
        if answered is None and not foreign and len(self.found) == before:
            answered, _ = await self._units(way, rtu, rtu=True)
        if len(self.found) > before:
            return None
        if answered is not None:
            return answered
        self._step("listen", where=way.shown)
        heard = await line.listened(_stream("dsmr", tcp=way.dialled), self.listen_s)
        self.done += 1
        if self._telegram(heard, _stream(heard.kind, tcp=way.shown)):
            return None
        if heard.heard_bytes or foreign:
            return SourceTrouble("not_modbus_or_telegrams", where=way.shown)
        units_told = ", ".join(map(str, units))
        return SourceTrouble("nothing_answers", where=way.shown, units=units_told)

    async def _units(
        self, way: "_Way", units: Sequence[int], *, rtu: bool
    ) -> tuple[SourceTrouble | None, bool]:
        """(what was wrong with the last device that speaks Modbus and is no meter we know, or of which a
        gateway says that it isn't there; whether what answers is no Modbus)."""
        answered: SourceTrouble | None = None
        for unit in units:
            self._step("rtu" if rtu else "modbus", where=way.shown, unit=unit)
            settings = {"kind": "modbus", "unit": unit, "rtu": rtu}
            source = ModbusSource.model_validate(settings | {"tcp": way.dialled, "answer_s": ANSWER_S})
            trouble = await self._unit(source, settings | {"tcp": way.shown})
            self.done += 1
            if trouble is not None and trouble.id == "not_modbus":
                return None, True
            if trouble is None or trouble.id != "no_unit":
                answered = trouble or answered
        return answered, False

    async def _unit(self, source: ModbusSource, shown: Mapping[str, object]) -> SourceTrouble | None:
        """Adds what it is to what was found; or why it is nothing."""
        async with modbus.connected(source, retries=0) as device:
            try:
                if self.target.registers in (None, "sunspec"):  # a meter may know its own registers only
                    await _present(device)
                found = await self._sunspec(device, shown) or await self._mapped(device, shown)
            except SourceTrouble as trouble:
                return trouble
        if found:
            self.found.extend(one for one in found if not any(_same(one, other) for other in self.found))
            return None
        return SourceTrouble("no_map", where=source.where, unit=source.unit)

    async def _sunspec(self, device: modbus.Device, settings: Mapping[str, object]) -> list[FoundSource]:
        if self.target.registers not in (None, "sunspec"):
            return []
        told_ = await modbus.sunspec_device(device)
        map_ = None if told_ is None else sunspec.layout(told_.models)
        if told_ is None or map_ is None:
            return []
        source = ModbusSource.model_validate({**settings, "registers": "sunspec", "makes": map_.makes})
        values = by_channel(await modbus.values_at(device, map_))
        return [FoundSource(source, told_.maker, told_.model, values, told_.serial)]

    async def _mapped(self, device: modbus.Device, settings: Mapping[str, object]) -> list[FoundSource]:
        """By the register map whose values are likely and tell most; of equals, the one that lacks least.

        Errors: SourceTrouble, MeterMisconfigured for a map that was named.
        """
        wanted = self.target.registers
        if wanted == "sunspec":
            return []
        found: list[tuple[int, float, FoundSource]] = []
        passed_over = (MeterMisconfigured, SourceTrouble) if wanted is None else ()  # no such registers
        for name in self.maps.names() if wanted is None else [wanted]:
            with contextlib.suppress(*passed_over):
                map_ = self.maps.load(name)
                values = await modbus.values_at(device, map_)
                if values if wanted is not None else likely(map_, values):
                    told_ = sum(1 for value in values.values() if value)
                    source = ModbusSource.model_validate({**settings, "registers": name})
                    one = FoundSource(source, "", map_.name, by_channel(values))
                    found.append((told_, told_ / len(map_.values), one))
        return [max(found, key=lambda one: one[:2])[2]] if found else []

    async def _serial(self) -> None:
        """A serial line: listened to at the usual speeds, and asked if it stays silent."""
        path = self.target.serial
        assert path is not None
        self._step("open", where=path)
        openable(path)
        units = RTU_UNITS if self.target.unit is None else (self.target.unit,)
        self.steps, self.done = 1 + len(SPEEDS) + len(units), 1
        heard_bytes = 0
        for speed in SPEEDS:
            self._step("speed", where=path, baud=speed)
            heard = await line.listened(_stream("dsmr", serial=path, baud=speed), self.listen_s)
            self.done += 1
            heard_bytes += heard.heard_bytes
            if self._telegram(heard, _stream(heard.kind, serial=path, baud=speed)):
                return
        for unit in units if not heard_bytes else ():
            self._step("rtu", where=path, unit=unit)
            settings = {"kind": "modbus", "serial": path, "unit": unit, "baud": SPEEDS[-1]}
            source = ModbusSource.model_validate(settings | {"answer_s": ANSWER_S})
            trouble = await self._unit(source, settings)
            self.done += 1
            if trouble is not None and trouble.id == "no_map":
                raise trouble
        if not self.found:
            raise SourceTrouble(
                "line_garbled" if heard_bytes else "line_silent", path=path, bytes=heard_bytes
            )

    def _telegram(self, heard: line.Heard, source: StreamSource) -> bool:
        """Adds a meter that spoke by itself to what was found."""
        if heard.kind is None:
            return False
        try:
            told_ = line.decoder_of(source).decode(heard.payload, Envelope(self.now_ms(), "cable", "main"))
        except PayloadRejected as error:
            raise SourceTrouble("bad_telegram", where=source.where, why=str(error)) from error
        title = "P1" if source.kind == "dsmr" else "SML"
        self.found.append(FoundSource(source, "", title, _last(told_)))
        return True


@dataclass(frozen=True, slots=True)
class _Way:
    """One port of an address: as it is kept, and the IP address that was judged."""

    shown: str
    dialled: str


def _stream(kind: str | None, **settings: object) -> StreamSource:
    """kind: None before it is known; the line is opened in the same way."""
    return StreamSource.model_validate({"kind": kind or "dsmr", **settings})


async def _present(device: modbus.Device) -> None:
    """Returns when a device of this unit says anything. Errors: SourceTrouble ("no_unit", "not_modbus")."""
    try:
        await device.read(Block("holding", sunspec.BASES[0], 2))
    except SourceTrouble as trouble:
        if trouble.id != "no_registers":
            raise


def split(address: str) -> tuple[str, int | None]:
    """Host, and port where it is named: "192.168.0.40", "meter.local:1502", "[fe80::1]:502", "fe80::1".

    Errors: BadInput.
    """
    host, _, port = address.rpartition(":")
    if not host or (":" in host and not host.startswith("[")):
        return _host(address), None
    if not (port.isdecimal() and 0 < int(port) < 65_536):
        raise BadInput(f"{shortened(address)}: expected host or host:port, e.g. 192.168.0.40:502")
    return _host(host), int(port)


def _host(text: str) -> str:
    host = text.strip("[]")
    if not _HOST.fullmatch(host):
        raise BadInput(
            f"{shortened(text)}: expected the address of a meter, e.g. 192.168.0.40 or meter.local"
        )
    return host


def _same(one: FoundSource, other: FoundSource) -> bool:
    """Whether one device answers by two numbers of a unit: by its serial number, or its counters."""
    if (one.maker, one.model) != (other.maker, other.model) or one.source.kind != other.source.kind:
        return False
    if one.serial_number or other.serial_number:
        return one.serial_number == other.serial_number
    counted, also = _counters(one), _counters(other)
    return bool(counted) and counted == also


def _counters(found: FoundSource) -> dict[tuple[str, str], float]:
    return {
        (channel, name): value
        for channel, told_ in found.values.items()
        for name, value in told_.items()
        if name in ("import_wh", "export_wh") and value
    }


def likely(map_: RegisterMap, values: Mapping[tuple[str, str], float]) -> bool:
    """Whether these are a meter's values: of voltages and frequencies one is there, and all are possible."""
    sure = [v for v in map_.values if v.field in ("voltage_v", "frequency_hz")]
    bounds = {"voltage_v": _VOLTS, "frequency_hz": _HERTZ}
    told_ = [(v.field, values.get((v.channel, v.field))) for v in sure]
    there = [(name, value) for name, value in told_ if value]
    fits = all(bounds[name][0] <= value <= bounds[name][1] for name, value in there)
    frequency = [value for name, value in told_ if name == "frequency_hz"]
    return bool(there) and fits and all(frequency)


def by_channel(values: Mapping[tuple[str, str], float]) -> Values:
    """The same by channel, then by field."""
    found: dict[str, dict[str, float]] = {}
    for (channel, name), value in values.items():
        found.setdefault(channel, {})[name] = value
    return found


def _last(told_: Decoded) -> Values:
    found: dict[tuple[str, str], float] = {}
    for row, position in enumerate(told_.key_index.tolist()):
        for known in FIELDS:
            column = told_.columns.get(known.column)
            if column is not None and column[row] != absent_of(known.column):
                found[told_.keys[position].channel, known.name] = int(column[row]) / known.scale
    return by_channel(found)
