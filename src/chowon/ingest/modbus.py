"""Asking Modbus devices, over TCP, RTU or RTU through a gateway, through pymodbus."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chowon.errors import ChowonError, ExtraMissing, MeterUnavailable
from chowon.ingest.reach import host_and_port, openable, reach
from chowon.ingest.source_file import ModbusSource
from chowon.ingest.trouble import SourceMisfit, SourceTrouble
from chowon.meters import sunspec
from chowon.meters.register_map import Block, RegisterKind, RegisterMap, answered, blocks, values_of

FAILURES_IN_A_ROW: Final = 3
"""After so many rounds without an answer the device is connected anew."""
_NOBODY_THERE: Final = (0x0A, 0x0B)
"""A gateway says that no device of this unit answers it."""


async def rounds(
    source: ModbusSource,
    maps: Callable[[str], RegisterMap],
    now_ms: Callable[[], int],
    on_problem: Callable[[ChowonError], None] = lambda _: None,
) -> AsyncIterator[tuple[int, dict[tuple[str, str], float]]]:
    """(when, what it said) every `every_s`, until the device doesn't answer any more.

    on_problem: told of a round that failed; the next one is tried.
    Errors: SourceTrouble, SourceMisfit (no SunSpec there), NotFound (no such map), ExtraMissing.
    """
    async with connected(source) as device:
        map_ = await _sunspec_map(device) if source.registers == "sunspec" else maps(source.registers)
        wanted = blocks(map_)
        failures = 0
        due_s = time.monotonic()
        while True:
            try:
                values = await _round(device, map_, wanted)
            except MeterUnavailable as error:
                failures += 1
                if failures >= FAILURES_IN_A_ROW:
                    raise
                on_problem(error)
            else:
                failures = 0
                yield now_ms(), values
            due_s = max(due_s + source.every_s, time.monotonic())  # a slow round delays the next one
            await asyncio.sleep(due_s - time.monotonic())


class Device:
    """A device at the other end of a connection."""

    def __init__(self, client: Any, source: ModbusSource, heard: "_Heard") -> None:
        self._client, self._source, self._heard = client, source, heard

    async def read(self, block: Block) -> Sequence[int]:
        """Errors: SourceTrouble — "no_unit" when nothing answers, "not_modbus" when what answers is another
        language, "no_registers" when it says that it has none of these."""
        from pymodbus.exceptions import ModbusException  # noqa: PLC0415 — an extra

        places = {"where": self._source.where, "unit": self._source.unit}
        ask = (
            self._client.read_holding_registers
            if block.kind == "holding"
            else self._client.read_input_registers
        )
        before = self._heard.count
        try:
            answer = await ask(block.address, count=block.count, device_id=self._source.unit)
            _heed_cancellation()
        except (ModbusException, OSError) as error:
            _heed_cancellation()
            if self._heard.count > before:
                raise SourceTrouble("not_modbus", **places) from error
            raise SourceTrouble("no_unit", **places) from error
        if answer.isError() and getattr(answer, "exception_code", None) in _NOBODY_THERE:
            raise SourceTrouble("no_unit", **places)
        if answer.isError() or len(answer.registers) < block.count:
            span = f"{block.address}–{block.address + block.count - 1}"
            raise SourceTrouble("no_registers", **places, kind=block.kind, span=span, answer=str(answer))
        registers: Sequence[int] = answer.registers
        return registers


@dataclass(slots=True)
class _Heard:
    """Counts what comes over a connection."""

    count: int = 0

    def traced(self, sending: bool, data: bytes) -> bytes:
        self.count += 0 if sending else len(data)
        return data


@contextlib.asynccontextmanager
async def connected(source: ModbusSource, retries: int = 1) -> AsyncIterator[Device]:
    """The device of a source while the block runs. Errors: SourceTrouble, saying why there is none."""
    heard = _Heard()
    await asyncio.to_thread(_load)
    client = _client(source, heard, retries)
    try:
        there = await client.connect()
        _heed_cancellation()
        if not there:
            await _explain(source)
        yield Device(client, source, heard)
    finally:
        client.close()


def _heed_cancellation() -> None:
    """pymodbus waits with asyncio.wait_for, which loses a cancellation that comes together with the answer
    (Python before 3.12): without this a meter would be asked on for ever, and the server would not stop."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _explain(source: ModbusSource) -> None:
    """Errors: SourceTrouble — always: pymodbus has said no more than that it is not connected."""
    if source.tcp is not None:
        await reach(*host_and_port(source.tcp))
        raise SourceTrouble("dropped", where=source.where)
    openable(source.where)
    raise SourceTrouble("busy", path=source.where)


def _load() -> None:
    """Import pymodbus: half a second, in which nothing else shall wait. Errors: ExtraMissing."""
    try:
        import pymodbus.client  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise ExtraMissing("asking Modbus meters", "serial") from error
    logging.getLogger(pymodbus.__name__).setLevel(logging.CRITICAL)  # what fails is told by us


def _client(source: ModbusSource, heard: _Heard, retries: int) -> Any:
    from pymodbus import FramerType  # noqa: PLC0415 — an extra
    from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient  # noqa: PLC0415

    # we connect anew by ourselves
    settings: dict[str, Any] = {
        "timeout": source.answer_s,
        "retries": retries,
        "reconnect_delay": 0,
        "trace_packet": heard.traced,
    }
    if source.tcp is not None:
        host, port = host_and_port(source.tcp)
        framer = FramerType.RTU if source.rtu else FramerType.SOCKET
        return AsyncModbusTcpClient(host, port=port, framer=framer, **settings)
    assert source.serial is not None
    return AsyncModbusSerialClient(source.serial, baudrate=source.speed, **settings)


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

    Errors: SourceTrouble when nothing listens at the address; ExtraMissing.
    """
    async with connected(source) as device:
        with contextlib.suppress(MeterUnavailable):
            return await sunspec_device(device)
    return None


async def sunspec_device(device: Device) -> SunspecDevice | None:
    """What a device says of itself; None for one without SunSpec. Errors: SourceTrouble."""
    base = await _base(device)
    if base is None:
        return None
    models = await _models(device, base)
    common = next((m for m in models if m.id == 1 and m.length >= sunspec.COMMON_LENGTH), None)
    words: Sequence[int] = ()
    if common is not None:
        words = await device.read(Block("holding", common.address + 2, sunspec.COMMON_LENGTH))
    maker, model, serial = (sunspec.text(words[at : at + 16]) for at in (0, 16, 48))
    return SunspecDevice(maker, model, serial, tuple(models))


async def values_at(device: Device, map_: RegisterMap) -> dict[tuple[str, str], float]:
    """What a device says at this moment. Errors: SourceTrouble."""
    return await _round(device, map_, blocks(map_))


async def _round(device: Device, map_: RegisterMap, wanted: Sequence[Block]) -> dict[tuple[str, str], float]:
    registers: dict[tuple[RegisterKind, int], int] = {}
    for block in wanted:
        registers |= answered(block, await device.read(block))
    return values_of(map_, registers)


async def _base(device: Device) -> int | None:
    """Where its models begin; None without SunSpec. Errors: SourceTrouble if it never answers."""
    silent: SourceTrouble | None = None
    answers = False
    for base in sunspec.BASES:
        try:
            mark = tuple(await device.read(Block("holding", base, 2)))
        except SourceTrouble as trouble:
            silent, answers = trouble, answers or trouble.id == "no_registers"
            continue
        answers = True
        if mark == sunspec.MARK:
            return base + 2
    if silent is not None and not answers:
        raise silent
    return None


async def _sunspec_map(device: Device) -> RegisterMap:
    """Errors: SourceTrouble; SourceMisfit for a device without SunSpec."""
    base = await _base(device)
    if base is None:
        raise SourceMisfit("no_sunspec")
    models = await _models(device, base)
    found = sunspec.layout(models)
    if found is None:
        raise SourceMisfit("no_model", ids=", ".join(str(model.id) for model in models))
    return found


async def _models(device: Device, address: int) -> list[sunspec.Model]:
    models: list[sunspec.Model] = []
    for _ in range(sunspec.MOST_MODELS):
        id_, length = await device.read(Block("holding", address, 2))
        if id_ == sunspec.END:
            break
        models.append(sunspec.Model(id_, address, length))
        address = models[-1].next_address
    return models
