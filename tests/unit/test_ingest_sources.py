"""Meters that chowon listens to or asks by itself: pseudo-terminals, sockets and a real Modbus server."""

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.simulator import DataType, SimData
from typer.testing import CliRunner, Result

from chowon.cli.main import app
from chowon.domain.sites import ChannelKey
from chowon.errors import MeterMisconfigured
from chowon.ingest import line
from chowon.ingest.modbus_scan import scan
from chowon.ingest.outbox import Outbox
from chowon.ingest.source_file import Source, read_sources
from chowon.ingest.sources import Pauses, Sources
from chowon.meters import framing
from chowon.meters.decoded import Decoded
from chowon.meters.framing import Framer
from chowon.meters.register_files import RegisterMaps
from tests.brokers import free_port
from tests.cables import (
    FILE,
    TELEGRAM,
    modbus_server,
    named_registers,
    sunspec_registers,
    talking,
    terminal,
    until,
)
from tests.ingest_fakes import NOW_MS, Intake, disk_full

SOON = Pauses(first_s=0.01, longest_s=0.05)


def read(tmp_path: Path, **files: str) -> dict[str, Source]:
    folder = tmp_path / "meters"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return read_sources(tmp_path)


@asynccontextmanager
async def running(intake: Intake, sources: dict[str, Source]) -> AsyncIterator[Sources]:
    """Runs inside the block."""
    asked = Sources(
        sources, RegisterMaps().load, intake.door, intake.sites, now_ms=lambda: NOW_MS, pauses=SOON
    )
    task = asyncio.create_task(asked.run())
    try:
        yield asked
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def power_of(intake: Intake, channel: str = "main", meter: str = "grid") -> list[float]:
    """What is durable of one channel, W."""
    found = intake.sites.channels.get(ChannelKey("home", meter, channel))
    readings = intake.journal.readings
    if found is None or readings.power_dw is None:
        return []
    return [power / 10 for power in readings.power_dw[readings.channel == found.id].tolist()]


def test_a_p1_port_is_read_with_noise_and_a_half_telegram_before_it(tmp_path):
    async def scene(intake: Intake) -> None:
        with terminal() as (meter, name):
            source = f'kind = "dsmr"\nsite = "home"\nmeter = "grid"\nserial = "{name}"\n'
            said = b"\x00\xff!half\r\n" + TELEGRAM[:200] + b"\r\n" + TELEGRAM
            async with running(intake, read(tmp_path, p1=source)) as asked, talking(meter, said):
                await until(lambda: len(power_of(intake)) >= 2)
                (state,) = asked.states()
                assert state.payloads >= 2
                assert state.problem is None
        assert set(power_of(intake)) == {-1274.0}
        channels = {key.channel: channel for key, channel in intake.sites.channels.items()}
        assert set(channels) == {"main", "main-l1", "main-l2", "main-l3"}
        assert channels["main"].hold_ms == 30_000

    Intake().run(scene)


def test_a_meter_behind_a_network_gateway_that_drops_the_line_is_found_again(tmp_path):
    async def scene(intake: Intake) -> None:
        async def gateway(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(FILE)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(gateway, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            source = f'kind = "sml"\nsite = "home"\nmeter = "grid"\ntcp = "127.0.0.1:{port}"\nturned = true\n'
            async with running(intake, read(tmp_path, head=source)) as asked:
                await until(lambda: len(power_of(intake)) >= 3)
                assert set(power_of(intake)) == {1423.4}
                await until(lambda: "closed" in (asked.states()[0].problem or ""))
        readings = intake.journal.readings
        assert readings.export_milliwh is not None
        assert set(readings.export_milliwh.tolist()) == {8_765_432_100}

    Intake().run(scene)


def test_a_silent_line_says_what_to_look_at_and_costs_the_others_nothing(tmp_path):
    async def scene(intake: Intake) -> None:
        with terminal() as (_, silent), terminal() as (meter, name):
            files = {
                "quiet": f'kind = "sml"\nsite = "home"\nmeter = "a"\nserial = "{silent}"\nsilence_s = 1\n',
                "gone": 'kind = "dsmr"\nsite = "home"\nmeter = "b"\nserial = "/dev/no-such-port"\n',
                "good": f'kind = "dsmr"\nsite = "home"\nmeter = "grid"\nserial = "{name}"\n',
            }
            async with running(intake, read(tmp_path, **files)) as asked, talking(meter, TELEGRAM):
                await until(lambda: len(power_of(intake)) >= 1)

                def said(name: str) -> str:
                    return next(s.problem or "" for s in asked.states() if s.name == name)

                await until(lambda: "nothing for 1 s; see whether the optical head" in said("quiet"))
                await until(lambda: "see whether it exists" in said("gone"))

    Intake().run(scene)


@asynccontextmanager
async def gateway(says: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    """The port of a network device that does this with every connection until the end."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await says(writer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def _garbage(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(FILE[:9] + bytes(65_536))
        await writer.drain()


async def _telegrams(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(FILE * 100)
        await writer.drain()


async def _nothing(writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


def test_a_line_is_read_no_faster_than_serial_meters_speak():
    pace = line.Pace(1000, 50.0)
    assert pace.wait_s(1000, 50.0) == pytest.approx(1.0)
    assert pace.wait_s(500, 51.0) == pytest.approx(0.5)
    assert pace.wait_s(100, 60.0) == 0.0
    assert pace.wait_s(900, 60.0) == 0.0
    assert pace.wait_s(500, 60.0) == pytest.approx(0.5)


@pytest.mark.parametrize("floods", [_garbage, _telegrams], ids=["garbage", "telegrams"])
def test_a_line_that_sends_without_end_costs_its_neighbour_nothing(tmp_path, monkeypatch, floods):
    taken = 0

    class Counting(Framer):
        def feed(self, data: bytes) -> list[bytes]:
            nonlocal taken
            taken += len(data)
            return super().feed(data)

    monkeypatch.setattr(framing, "Framer", Counting)

    async def scene(intake: Intake) -> None:
        begun_s = time.monotonic()
        with terminal() as (meter, name):
            async with gateway(floods) as port:
                files = {
                    "bad": f'kind = "sml"\nsite = "home"\nmeter = "a"\ntcp = "127.0.0.1:{port}"\n',
                    "good": f'kind = "dsmr"\nsite = "home"\nmeter = "grid"\nserial = "{name}"\n',
                }
                async with running(intake, read(tmp_path, **files)) as asked, talking(meter, TELEGRAM):
                    await until(lambda: len(power_of(intake)) >= 20)
                    elapsed_s = time.monotonic() - begun_s
                    assert {s.name: s.dropped for s in asked.states()} == {"bad": 0, "good": 0}
        own = 60 * len(TELEGRAM) * 4
        assert taken <= line.MOST_BYTES_S * (elapsed_s + 1.5) + own

    Intake().run(scene)


def test_devices_that_accept_and_never_answer_or_answer_slowly_cost_their_neighbour_nothing(tmp_path):
    slow_port = free_port()
    block = SimData(40_000, values=sunspec_registers(), datatype=DataType.REGISTERS)

    async def scene(intake: Intake) -> None:
        asking = 0

        async def slowly(*_: object) -> None:
            nonlocal asking
            asking += 1
            assert asking == 1, "a round begins only when the last one has ended"
            await asyncio.sleep(0.05)  # several questions a round: each takes far longer than every_s
            asking -= 1

        async with gateway(_nothing) as port, modbus_server(slow_port, block, action=slowly):
            with terminal() as (meter, name):
                files = {
                    "mute": modbus(port).replace('"grid"', '"a"').replace("answer_s = 1", "answer_s = 0.1"),
                    "slow": modbus(slow_port).replace('"grid"', '"b"'),
                    "good": f'kind = "dsmr"\nsite = "home"\nmeter = "grid"\nserial = "{name}"\n',
                }
                async with running(intake, read(tmp_path, **files)) as asked, talking(meter, TELEGRAM):
                    await until(lambda: len(power_of(intake)) >= 20 and len(power_of(intake, meter="b")) >= 3)

                    def said(name: str) -> str:
                        return next(s.problem or "" for s in asked.states() if s.name == name)

                    await until(lambda: "no answer of unit 7" in said("mute"))
                    assert (said("good"), said("slow")) == ("", "")

    Intake().run(scene)


def test_what_a_meter_said_while_the_store_was_away_is_written_when_it_is_back(tmp_path):
    async def scene(intake: Intake) -> None:
        intake.journal.fail_with = disk_full()
        with terminal() as (meter, name):
            source = f'kind = "sml"\nsite = "home"\nmeter = "grid"\nserial = "{name}"\n'
            async with running(intake, read(tmp_path, head=source)) as asked:
                async with talking(meter, FILE):
                    await until(lambda: asked.states()[0].payloads >= 3)
                await until(lambda: intake.pipeline.stats().failed_readings > 0)
                assert power_of(intake) == []
                intake.journal.fail_with = None
                await until(lambda: len(power_of(intake)) >= 1)
                assert asked.states()[0].dropped == 0

    Intake(monotonic_s=lambda: next(_SECONDS)).run(scene)


_SECONDS = iter(range(0, 10**9, 60))
"""A clock on which every look is a minute later: the pipeline's pauses are over at once."""


def test_an_outbox_drops_the_oldest_when_the_store_is_away_for_too_long():
    def one(n: int) -> Decoded:
        key = ChannelKey("home", "main", "main")
        return Decoded(
            (key,),
            np.zeros(10, np.uint32),
            NOW_MS + 10 * n + np.arange(10, dtype=np.int64),
            {"power_dw": np.full(10, n, np.int32)},
        )

    async def scene(intake: Intake) -> None:
        outbox = Outbox(intake.door, "test", lambda: NOW_MS, most_readings=50)
        for n in range(8):
            outbox.put(one(n))
        assert outbox.dropped == 30
        task = asyncio.create_task(outbox.run())
        await until(lambda: len(intake.journal.readings) == 50)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        power = intake.journal.readings.power_dw
        assert power is not None
        assert sorted(set(power.tolist())) == [3, 4, 5, 6, 7]

    Intake().run(scene)


def modbus(port: int, registers: str = "sunspec") -> str:
    return (
        f'kind = "modbus"\nsite = "home"\nmeter = "grid"\ntcp = "127.0.0.1:{port}"\nunit = 7\n'
        f'registers = "{registers}"\nevery_s = 0.1\nanswer_s = 1\n'
    )


def test_a_sunspec_meter_is_asked_and_found_again_after_it_was_off(tmp_path):
    port = free_port()
    block = SimData(40_000, values=sunspec_registers(), datatype=DataType.REGISTERS)

    async def scene(intake: Intake) -> None:
        async with running(intake, read(tmp_path, pv=modbus(port))) as asked:
            await until(lambda: "no connection" in (asked.states()[0].problem or ""))
            for round_ in (1, 2):
                before = len(power_of(intake))
                async with modbus_server(port, block):
                    await until(lambda n=before: len(power_of(intake)) >= n + 2)
                    assert asked.states()[0].problem is None
                assert set(power_of(intake)) == {2310.0}, round_
                await until(lambda: asked.states()[0].problem is not None)
        readings = intake.journal.readings
        assert readings.import_milliwh is not None
        assert readings.voltage_dv is not None
        main = intake.sites.channels[ChannelKey("home", "grid", "main")].id
        assert set(readings.import_milliwh[readings.channel == main].tolist()) == {12_345_670_000}
        assert set(readings.voltage_dv[readings.channel == main].tolist()) == {2305}
        assert set(intake.sites.channels) == {ChannelKey("home", "grid", "main")}

    Intake().run(scene)


def test_a_scan_of_an_address_names_the_devices_and_writes_their_files(tmp_path):
    port = free_port()
    block = SimData(40_000, values=named_registers(), datatype=DataType.REGISTERS)

    def command(*words: str) -> Result:
        return CliRunner().invoke(
            app, ["meters", "scan", f"127.0.0.1:{port}", *words, "--data", str(tmp_path)]
        )

    async def scene() -> None:
        async with modbus_server(port, block):
            (found,) = await scan(f"127.0.0.1:{port}", "home", range(6, 9))
            assert (found.unit, found.device.maker, found.device.serial) == (7, "Chowon Works", "SN-0042")
            assert [model.id for model in found.device.models] == [1, 203]
            (source,) = read(tmp_path, found=found.file).values()
            assert (source.meter, source.where) == ("meter_3p-7", f"127.0.0.1:{port}")
            kept = await asyncio.to_thread(command, "--units", "7", "--keep")
            assert kept.exit_code == 0, kept.output
            assert "Chowon Works" in kept.stdout
            assert (tmp_path / "meters" / "sunspec-7.toml").read_text() == found.file
            twice = await asyncio.to_thread(command, "--units", "7", "--keep")
            assert "is there already" in str(twice.exception)
            wrong = await asyncio.to_thread(command, "--units", "9-300")
            assert "from 0 to 247" in str(wrong.exception)

    asyncio.run(scene())


def test_a_register_map_says_what_stands_where(tmp_path):
    port = free_port()
    words = [0] * 80
    for address, value in {0: 230.5, 6: 4.41, 12: 1010.5, 70: 50.01, 72: 12345.678, 74: 1.5}.items():
        words[address : address + 2] = struct.unpack(">HH", struct.pack(">f", value))
    block = SimData(0, values=words, datatype=DataType.REGISTERS)

    async def scene(intake: Intake) -> None:
        files = {"sdm": modbus(port, "eastron-sdm120")}
        async with modbus_server(port, block), running(intake, read(tmp_path, **files)):
            await until(lambda: len(power_of(intake)) >= 2)
        assert set(power_of(intake)) == {1010.5}

    Intake().run(scene)


def test_a_stop_that_comes_together_with_an_answer_is_heeded(tmp_path, monkeypatch):
    """Before Python 3.12 asyncio.wait_for, in which pymodbus waits, gives the answer and forgets the stop."""
    port = free_port()
    block = SimData(40_000, values=sunspec_registers(), datatype=DataType.REGISTERS)

    async def scene(intake: Intake) -> None:
        asked = ModbusClientMixin.read_holding_registers
        inside = asyncio.Event()

        async def forgetful(*words, **named):
            if power_of(intake) and not inside.is_set():
                inside.set()
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
            return await asked(*words, **named)

        monkeypatch.setattr(AsyncModbusTcpClient, "read_holding_registers", forgetful)
        async with modbus_server(port, block), running(intake, read(tmp_path, pv=modbus(port))) as sources:
            await inside.wait()
            await sources.stop("pv")
            assert sources.states() == []

    Intake().run(scene)


def test_a_device_that_is_no_meter_says_so(tmp_path):
    port = free_port()
    words = [0x5375, 0x6E53, 1, 66, *[0] * 66, 0xFFFF, 0]
    block = SimData(40_000, values=words, datatype=DataType.REGISTERS)

    async def scene(intake: Intake) -> None:
        async with modbus_server(port, block), running(intake, read(tmp_path, pv=modbus(port))) as asked:
            await until(lambda: "its SunSpec models are 1" in (asked.states()[0].problem or ""))

    Intake().run(scene)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('site = "home"', 'expected kind = "dsmr", "sml" or "modbus"'),
        ('kind = "dsmr"\nsite = "home"', 'expected one of serial = "/dev/…" and tcp'),
        ('kind = "dsmr"\nsite = "home"\nserial = "a"\ntcp = "b:1"', "expected one of"),
        ('kind = "sml"\nsite = "home"\ntcp = "nowhere"', "expected host:port"),
        ('kind = "sml"\nsite = "Mein Haus"\nserial = "/dev/x"', "1–64 characters"),
        ('kind = "modbus"\nsite = "home"\ntcp = "a:502"\nunit = 300\nevry_s = 1', "unit: "),
        ('kind = "modbus"\nsite = "home"\ntcp = "a:502"\nunit = 300\nevry_s = 1', "evry_s: no such setting"),
        ('kind = "dsmr"\nserial = "/dev/x"\nmeter = "grid"', "meter without site"),
        ('kind = "modbus"\nserial = "/dev/x"\ntitle = ""', "title: "),
        ("kind = ", "cannot be used"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, text, said):
    with pytest.raises(MeterMisconfigured) as refused:
        read(tmp_path, wrong=text)
    assert "wrong.toml" in str(refused.value)
    assert said in str(refused.value)


def test_two_files_for_the_same_meter_are_refused(tmp_path):
    text = 'kind = "dsmr"\nsite = "home"\nmeter = "grid"\nserial = "/dev/x"\n'
    with pytest.raises(MeterMisconfigured, match=r"b\.toml and a\.toml are both meter 'grid' of site 'home'"):
        read(tmp_path, a=text, b=text)
