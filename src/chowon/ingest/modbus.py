"""Asking Modbus devices, over TCP, RTU or RTU through a gateway, through pymodbus."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chowon.errors import ExtraMissing, MeterMisconfigured, MeterUnavailable
from chowon.ingest.source_file import ModbusSource
from chowon.meters import sunspec
from chowon.meters.register_map import Block, RegisterKind, RegisterMap, answered, blocks, values_of

FAILURES_IN_A_ROW: Final = 3
"""After so many rounds without an answer the device is connected anew."""


async def rounds(
    source: ModbusSource,
    maps: Callable[[str], RegisterMap],
    now_ms: Callable[[], int],
    on_problem: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[tuple[int, dict[tuple[str, str], float]]]:
    """(when, what it said) every `every_s`, until the device doesn't answer any more.

    on_problem: told of a round that failed; the next one is tried.
    Errors: MeterUnavailable, MeterMisconfigured (no such map, no SunSpec there), ExtraMissing.
    """
    async with _connected(source) as device:
        map_ = await _sunspec_map(device) if source.registers == "sunspec" else maps(source.registers)
        wanted = blocks(map_)
        failures = 0
        due_s = time.monotonic()
        while True:
            try:
                registers: dict[tuple[RegisterKind, int], int] = {}
                for block in wanted:
                    registers |= answered(block, await device.read(block))
            except MeterUnavailable as error:
                failures += 1
                if failures >= FAILURES_IN_A_ROW:
                    raise
                on_problem(str(error))
            else:
                failures = 0
                yield now_ms(), values_of(map_, registers)
            due_s = max(due_s + source.every_s, time.monotonic())  # a slow round delays the next one
            await asyncio.sleep(due_s - time.monotonic())


class _Device:
    def __init__(self, client: Any, source: ModbusSource) -> None:
        self._client, self._source = client, source

    async def read(self, block: Block) -> Sequence[int]:
        """Errors: MeterUnavailable."""
        from pymodbus.exceptions import ModbusException  # noqa: PLC0415 — an extra

        kind = block.kind
        ask = self._client.read_holding_registers if kind == "holding" else self._client.read_input_registers
        try:
            answer = await ask(block.address, count=block.count, device_id=self._source.unit)
        except (ModbusException, OSError) as error:
            raise MeterUnavailable(f"{self._source.where}, unit {self._source.unit}: {error}") from error
        if answer.isError() or len(answer.registers) < block.count:
            span = f"{kind} registers {block.address}–{block.address + block.count - 1}"
            raise MeterUnavailable(
                f"{self._source.where}, unit {self._source.unit}: {span} cannot be read ({answer})"
            )
        registers: Sequence[int] = answer.registers
        return registers


@contextlib.asynccontextmanager
async def _connected(source: ModbusSource) -> AsyncIterator[_Device]:
    client = _client(source)
    try:
        if not await client.connect():
            raise MeterUnavailable(f"{source.where}: no connection; is it on, and Modbus allowed?")
        yield _Device(client, source)
    finally:
        client.close()


def _client(source: ModbusSource) -> Any:
    try:
        from pymodbus import FramerType  # noqa: PLC0415 — an extra
        from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient  # noqa: PLC0415
    except ImportError as error:
        raise ExtraMissing("asking Modbus meters", "serial") from error
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what fails is told by us
    # we connect anew by ourselves
    patience: dict[str, Any] = {"timeout": source.answer_s, "retries": 1, "reconnect_delay": 0}
    if source.tcp is not None:
        host, _, port = source.tcp.rpartition(":")
        framer = FramerType.RTU if source.rtu else FramerType.SOCKET
        return AsyncModbusTcpClient(host.strip("[]"), port=int(port), framer=framer, **patience)
    assert source.serial is not None
    return AsyncModbusSerialClient(source.serial, baudrate=source.speed, **patience)


@dataclass(frozen=True, slots=True)
class SunspecDevice:
    """What a SunSpec device says of itself."""

    maker: str
    model: str
    serial: str
    models: tuple[sunspec.Model, ...]
    """Its information models, in their order"""


async def found_at(source: ModbusSource) -> SunspecDevice | None:
    """The SunSpec device at this unit; None when it doesn't answer or has no SunSpec.

    Errors: MeterUnavailable when nothing listens at the address; ExtraMissing.
    """
    async with _connected(source) as device:
        try:
            base = await _base(device)
            return None if base is None else await _device_at(device, base)
        except MeterUnavailable:
            return None


async def _device_at(device: _Device, base: int) -> SunspecDevice:
    models = await _models(device, base)
    common = next((m for m in models if m.id == 1 and m.length >= sunspec.COMMON_LENGTH), None)
    words: Sequence[int] = ()
    if common is not None:
        words = await device.read(Block("holding", common.address + 2, sunspec.COMMON_LENGTH))
    maker, model, serial = (sunspec.text(words[at : at + 16]) for at in (0, 16, 48))
    return SunspecDevice(maker, model, serial, tuple(models))


async def _base(device: _Device) -> int | None:
    """Where its models begin; None for a device without SunSpec."""
    for base in sunspec.BASES:
        try:
            mark = tuple(await device.read(Block("holding", base, 2)))
        except MeterUnavailable:
            continue
        if mark == sunspec.MARK:
            return base + 2
    return None


async def _sunspec_map(device: _Device) -> RegisterMap:
    """Errors: MeterUnavailable; MeterMisconfigured for a device without SunSpec."""
    base = await _base(device)
    if base is not None:
        return _layout(await _models(device, base))
    raise MeterMisconfigured(
        "no SunSpec device answers there; see its manual for the unit, or name a register map "
        '(registers = "eastron-sdm630")'
    )


async def _models(device: _Device, address: int) -> list[sunspec.Model]:
    models: list[sunspec.Model] = []
    for _ in range(sunspec.MOST_MODELS):
        id_, length = await device.read(Block("holding", address, 2))
        if id_ == sunspec.END:
            break
        models.append(sunspec.Model(id_, address, length))
        address = models[-1].next_address
    return models


def _layout(models: Sequence[sunspec.Model]) -> RegisterMap:
    """Errors: MeterMisconfigured."""
    found = sunspec.layout(models)
    if found is None:
        ids = ", ".join(str(model.id) for model in models)
        raise MeterMisconfigured(f"its SunSpec models are {ids}: none is a meter or inverter we know")
    return found
