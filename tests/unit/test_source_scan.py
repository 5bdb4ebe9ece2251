"""Looking for a meter at an address or on a serial line: what is found, and why nothing is."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.simulator import DataType, SimData

from chowon.errors import BadInput
from chowon.ingest import line, reach, source_scan
from chowon.ingest.reach import is_near, near_address, openable, serial_devices, unopened
from chowon.ingest.source_file import ModbusSource, StreamSource
from chowon.ingest.source_scan import Scan, Target, likely, split
from chowon.ingest.trouble import SourceTrouble
from chowon.meters.register_files import RegisterMaps
from tests.brokers import free_port
from tests.cables import FILE, TELEGRAM, modbus_server, named_registers, talking, terminal
from tests.ingest_fakes import NOW_MS

HERE = "127.0.0.1"
SOON_S = 0.3


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    """Meters of these tests answer at once, or never."""
    monkeypatch.setattr(source_scan, "ANSWER_S", 0.1)
    monkeypatch.setattr(source_scan, "UNITS", (6, 7, 8))


def looked(target: Target, maps: RegisterMaps | None = None) -> Scan:
    return asyncio.run(_looked(target, maps))


async def _looked(target: Target, maps: RegisterMaps | None = None) -> Scan:
    scan = Scan(target, maps or RegisterMaps(), lambda: NOW_MS, listen_s=SOON_S)
    async with asyncio.timeout(20):
        await scan.run()
    assert (scan.state, scan.done) == ("done", scan.steps)
    return scan


@asynccontextmanager
async def gateway(say: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """Something that takes TCP connections and says what it likes; its address."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await say(writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the other side left, or the test is over
        finally:
            writer.close()

    async with await asyncio.start_server(serve, HERE, 0) as server:
        yield f"{HERE}:{server.sockets[0].getsockname()[1]}"


async def _says_nothing(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


def _says(payload: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def say(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(payload)
            await writer.drain()
            await asyncio.sleep(0.02)

    return say


def sunspec() -> SimData:
    return SimData(40_000, values=named_registers(), datatype=DataType.REGISTERS)


def test_a_sunspec_meter_is_found_with_its_name_and_what_it_says():
    async def scene() -> Scan:
        port = free_port()
        async with modbus_server(port, sunspec()):
            return await _looked(Target(f"{HERE}:{port}"))

    (found,) = (scan := asyncio.run(scene())).found
    assert (found.maker, found.model, found.serial_number) == ("Chowon Works", "Meter 3P", "SN-0042")
    assert isinstance(found.source, ModbusSource)
    assert (found.source.tcp, found.source.unit, found.source.registers) == (scan.target.tcp, 7, "sunspec")
    assert (found.source.site, found.source.makes) == (None, False)
    assert found.values["main"]["power_w"] == 2310
    assert scan.problem is None


def test_a_meter_without_sunspec_is_known_by_its_register_map():
    words = [0] * 80
    for address, value in {0: 230.5, 6: 4.41, 12: 1010.5, 70: 50.01, 72: 12345.678, 74: 1.5}.items():
        words[address : address + 2] = struct.unpack(">HH", struct.pack(">f", value))

    async def scene() -> Scan:
        port = free_port()
        async with modbus_server(port, SimData(0, values=words, datatype=DataType.REGISTERS)):
            return await _looked(Target(f"{HERE}:{port}"))

    (found,) = asyncio.run(scene()).found
    assert isinstance(found.source, ModbusSource)
    assert found.source.registers == "eastron-sdm120"
    assert found.values["main"] == pytest.approx(
        {
            "voltage_v": 230.5,
            "current_a": 4.41,
            "power_w": 1010.5,
            "reactive_var": 0,
            "frequency_hz": 50.01,
            "import_wh": 12_345_678,
            "export_wh": 1500,
        }
    )


@pytest.mark.parametrize(
    ("registers", "unit", "why"),
    [
        ("eastron-sdm120", 7, "cannot be read"),
        ("eastron-sdm120", 9, "9"),
        ("sunspec", 7, "has no SunSpec"),
    ],
)
def test_a_map_that_was_named_is_the_only_one_tried(registers, unit, why):
    async def scene() -> Scan:
        port = free_port()
        words = SimData(0, values=[0] * 10, datatype=DataType.REGISTERS)
        async with modbus_server(port, words):
            return await _looked(Target(f"{HERE}:{port}", unit=unit, registers=registers))

    scan = asyncio.run(scene())
    assert (scan.found, why in (scan.problem.en if scan.problem else "")) == ([], True)


def test_a_device_that_is_no_known_meter_is_told_apart_from_silence():
    async def scene(unit: int) -> str:
        port = free_port()
        words = SimData(0, values=[0] * 100, datatype=DataType.REGISTERS)
        async with modbus_server(port, words):
            scan = await _looked(Target(f"{HERE}:{port}", unit=unit))
        assert scan.found == []
        assert scan.problem is not None
        return scan.problem.en

    assert "unit 7 answers in Modbus, but has no SunSpec" in asyncio.run(scene(7))
    silent = asyncio.run(scene(9))
    assert "9" in silent
    assert "answer" in silent


def test_an_address_where_nothing_listens_says_so():
    scan = looked(Target(f"{HERE}:{free_port()}"))
    assert scan.problem is not None
    assert "connection refused" in scan.problem.en
    assert "거절" in scan.problem.ko


def test_a_port_that_takes_the_connection_and_says_nothing_is_told_by_its_units():
    async def scene() -> Scan:
        async with gateway(_says_nothing) as address:
            return await _looked(Target(address))

    scan = asyncio.run(scene())
    assert scan.problem is not None
    assert "nothing answers: not as unit 6, 7, 8" in scan.problem.en


def test_another_language_is_told_apart_from_silence():
    async def scene() -> Scan:
        async with gateway(_says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as address:
            return await _looked(Target(address))

    scan = asyncio.run(scene())
    assert scan.problem is not None
    assert "neither Modbus nor P1 nor SML (wrong framing)" in scan.problem.en


@pytest.mark.parametrize(
    ("payload", "kind", "power_w"), [(TELEGRAM, "dsmr", -1274.0), (FILE, "sml", -1423.4)]
)
def test_a_gateway_that_passes_telegrams_on_is_found(payload, kind, power_w):
    async def scene() -> Scan:
        async with gateway(_says(payload)) as address:
            return await _looked(Target(address, unit=1))

    (found,) = (scan := asyncio.run(scene())).found
    assert (found.source.kind, found.source.tcp) == (kind, scan.target.tcp)
    assert found.values["main"]["power_w"] == power_w


@pytest.mark.parametrize(("payload", "kind"), [(TELEGRAM, "dsmr"), (FILE, "sml")])
def test_a_serial_line_is_listened_to(payload, kind):
    async def scene() -> Scan:
        with terminal() as (meter, name):
            async with talking(meter, payload):
                return await _looked(Target(serial=name))

    (found,) = (scan := asyncio.run(scene())).found
    assert isinstance(found.source, StreamSource)
    assert (found.source.kind, found.source.serial, found.source.speed) == (
        kind,
        scan.target.serial,
        115_200,
    )


def test_a_silent_and_a_garbled_line_are_told_apart():
    async def scene(payload: bytes) -> str:
        with terminal() as (meter, name):
            async with talking(meter, payload):
                scan = await _looked(Target(serial=name))
        assert scan.problem is not None
        return scan.problem.en

    assert "wrong framing" in asyncio.run(scene(b"\xf8\x81\x00"))
    assert "nothing comes, at 115200 or 9600 baud, and nothing answers" in asyncio.run(scene(b""))


def test_what_is_no_serial_line_or_is_not_there_says_so(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    for path, why in ((plain, "is no serial line"), (tmp_path / "none", "no such device")):
        scan = looked(Target(serial=str(path)))
        assert scan.problem is not None
        assert why in scan.problem.en


def test_a_line_that_may_not_be_opened_names_the_group_to_join(tmp_path, monkeypatch):
    path = tmp_path / "ttyUSB0"
    path.write_text("")

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(reach.os, "open", refused)
    monkeypatch.setattr(reach, "_group", lambda _: "dialout")
    monkeypatch.setattr(reach, "_user", lambda: "chowon")
    with pytest.raises(SourceTrouble, match="sudo usermod -aG dialout chowon") as trouble:
        openable(str(path))
    assert "sudo usermod -aG dialout chowon" in trouble.value.said.ko
    assert unopened(str(path), OSError(16, "busy")).id == "busy"


def test_a_search_that_is_stopped_lets_go_of_the_line_at_once():
    async def scene() -> None:
        gone = asyncio.Event()

        async def say(writer: asyncio.StreamWriter) -> None:
            begun.set()
            await writer.wait_closed()
            gone.set()

        begun = asyncio.Event()
        async with gateway(say) as address:
            scan = Scan(Target(address), RegisterMaps(), lambda: NOW_MS)
            task = asyncio.create_task(scan.run())
            await begun.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert scan.state == "cancelled"

    asyncio.run(scene())


def test_an_older_p1_port_with_seven_bits_and_parity_is_understood():
    """7E1 read as eight bits: the parity stands in the highest one."""
    odd = bytes(b | 0x80 if b.bit_count() % 2 else b for b in TELEGRAM)
    source = StreamSource.model_validate({"kind": "dsmr", "serial": "/dev/x", "baud": 9600})
    assert line._plain(odd, "dsmr", source) == TELEGRAM
    assert line._plain(odd, "sml", source) == odd


@given(st.ip_addresses())
def test_nothing_in_the_internet_is_near(address):
    assert is_near(str(address)) == (not address.is_global and not _nowhere(address))


def _nowhere(address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return mapped.is_global or _nowhere(mapped)
    return address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255"


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "::ffff:8.8.8.8", "2001:4860:4860::8888", "224.0.0.1", "0.0.0.0"]
)
def test_an_address_in_the_internet_is_not_looked_at(address):
    with pytest.raises(SourceTrouble) as refused:
        asyncio.run(near_address(address))
    assert refused.value.id == "internet"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("192.168.0.40", ("192.168.0.40", None)),
        ("meter.local:1502", ("meter.local", 1502)),
        ("[fe80::1]:502", ("fe80::1", 502)),
        ("fe80::1", ("fe80::1", None)),
    ],
)
def test_an_address_is_taken_apart(text, parts):
    assert split(text) == parts


@pytest.mark.parametrize("text", ["", "a b", "host:0", "host:70000", "http://meter/", "host:five", "x" * 300])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(BadInput, match="expected"):
        split(text)


def test_values_that_cannot_be_a_meters_are_not_taken_for_one():
    map_ = RegisterMaps().load("eastron-sdm120")
    right = {("main", "voltage_v"): 230.0, ("main", "frequency_hz"): 50.0}
    assert likely(map_, right)
    for field, value in (("voltage_v", 1e9), ("frequency_hz", 0.0), ("frequency_hz", -3.0)):
        assert not likely(map_, right | {("main", field): value})
    assert not likely(map_, {})


def test_a_serial_device_with_two_names_is_offered_once(tmp_path):
    real = tmp_path / "ttyUSB7"
    real.write_text("")
    lasting = tmp_path / "p1"
    lasting.symlink_to(real)
    assert [path for path in serial_devices((str(lasting), str(real))) if Path(path).parent == tmp_path] == [
        str(lasting)
    ]


def test_a_device_that_answers_by_every_number_is_found_once():
    async def scene() -> Scan:
        port = free_port()
        async with modbus_server(port, sunspec(), unit=0):
            return await _looked(Target(f"{HERE}:{port}"))

    assert [found.source.unit for found in asyncio.run(scene()).found] == [6]
