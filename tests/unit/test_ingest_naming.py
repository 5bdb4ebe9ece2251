"""Devices that know no site of ours: talk until a person gives them a place."""

import asyncio

import numpy as np

from chowon.domain.quantities import ABSENT_I32
from chowon.domain.sites import ChannelKey, Placement
from chowon.ingest import naming, talking
from chowon.ingest.naming import Naming, NamingPolicy
from chowon.meters.decoded import Decoded
from tests.ingest_fakes import NOW_MS, MemoryDevices, MemorySites

PHASE_A, PHASE_B = (ChannelKey("~shelly", "shellyem3-1a2b", name) for name in "ab")
HOME = ChannelKey("home", "main", "main")


def _decoded(*rows: tuple[ChannelKey, int], **columns: list[int]) -> Decoded:
    """rows: (key, power in 0.1 W), a second apart."""
    keys = tuple(dict.fromkeys(key for key, _ in rows))
    index = np.array([keys.index(key) for key, _ in rows], np.uint32)
    time_ms = NOW_MS + 1000 * np.arange(len(rows), dtype=np.int64)
    power = np.array([power for _, power in rows], np.int32)
    others = {name: np.array(values, np.int64) for name, values in columns.items()}
    return Decoded(keys, index, time_ms, {"power_dw": power, **others})


def _placed(sites: MemorySites, key: ChannelKey, turned: bool = False) -> Placement:
    return Placement(key, sites.register(ChannelKey("home", "roof", key.channel), 60_000), turned)


def test_a_device_without_a_place_is_talk_and_no_error() -> None:
    names = Naming(MemorySites(HOME), devices=MemoryDevices())
    batch = _decoded((HOME, 5), (PHASE_A, 8120), (PHASE_A, -30), (PHASE_B, ABSENT_I32))
    resolved = asyncio.run(names.resolve(batch, NOW_MS))
    assert resolved.rejected == 0
    assert not resolved.problems
    assert resolved.readings.channel.tolist() == [1]
    (device,) = names.talking.devices()
    assert (device.family, device.device) == ("shelly", "shellyem3-1a2b")
    assert device.channels["a"].values == {"power_dw": -30}
    assert device.channels["a"].lowest_dw == -30
    assert device.channels["a"].readings == 2
    assert device.channels["b"].values == {}


def test_a_placed_device_feeds_its_channel_and_is_talk_no_more() -> None:
    sites, devices = MemorySites(), MemoryDevices()
    names = Naming(sites, devices=devices)

    async def scene() -> None:
        await names.resolve(_decoded((PHASE_A, 1)), NOW_MS)
        devices.place([_placed(sites, PHASE_A), Placement(PHASE_B, None)])
        await names.forget()
        names.talking.forget("shelly", "shellyem3-1a2b")
        resolved = await names.resolve(_decoded((PHASE_A, 8120), (PHASE_B, 7)), NOW_MS)
        assert resolved.readings.channel.tolist() == [1]
        assert resolved.rejected == 0

    asyncio.run(scene())
    assert names.talking.devices() == []


def test_a_turned_device_has_its_sign_and_its_counters_turned() -> None:
    sites, devices = MemorySites(HOME), MemoryDevices()
    devices.place([_placed(sites, PHASE_A, turned=True)])
    names = Naming(sites, devices=devices)
    batch = _decoded((PHASE_A, -8120), (HOME, 40), (PHASE_A, ABSENT_I32), import_milliwh=[7, 8, 9])
    readings = asyncio.run(names.resolve(batch, NOW_MS)).readings
    assert readings.power_dw is not None
    assert readings.export_milliwh is not None
    assert readings.import_milliwh is not None
    assert readings.power_dw.tolist() == [8120, 40, ABSENT_I32]
    assert readings.export_milliwh.tolist()[::2] == [7, 9]
    assert readings.import_milliwh.tolist()[1] == 8


def test_the_book_is_asked_once_for_each_channel() -> None:
    devices = MemoryDevices()
    names = Naming(MemorySites(), devices=devices)

    async def scene() -> None:
        for _ in range(5):
            await names.resolve(_decoded((PHASE_A, 1), (PHASE_B, 2)), NOW_MS)

    asyncio.run(scene())
    assert devices.questions == 1


def test_keys_that_come_again_as_the_same_object_mean_what_the_books_say_now(monkeypatch) -> None:
    monkeypatch.setattr(naming, "MOST_REMEMBERED", 2)
    sites, devices = MemorySites(), MemoryDevices()
    devices.place([_placed(sites, PHASE_A)])
    names, decoded = Naming(sites, devices=devices), _decoded((PHASE_A, 8120))

    async def powers() -> list[int]:
        return (await names.resolve(decoded, NOW_MS)).readings.power_dw.tolist()

    async def scene() -> None:
        assert await powers() == await powers() == [8120]
        devices.place([_placed(sites, PHASE_A, turned=True)])
        await names.forget()
        assert await powers() == await powers() == [-8120]
        devices.place([Placement(PHASE_A, None)])
        await names.forget()
        assert await powers() == await powers() == []
        for _ in range(5):
            await names.resolve(_decoded((ChannelKey("home", "m", "c"), 1)), NOW_MS)
        assert len(names._known_as) <= 2

    asyncio.run(scene())


def test_a_device_that_invents_names_fills_neither_memory_nor_the_list(monkeypatch) -> None:
    monkeypatch.setattr(naming, "MOST_UNPLACED", 10)
    monkeypatch.setattr(talking, "MOST_DEVICES", 5)
    names = Naming(MemorySites(HOME), devices=MemoryDevices())

    async def scene() -> None:
        for n in range(100):
            invented = ChannelKey("~shelly", f"shelly-{n}", "main")
            resolved = await names.resolve(_decoded((HOME, 1), (invented, 2)), NOW_MS)
            assert len(resolved.readings) == 1

    asyncio.run(scene())
    assert [device.device for device in names.talking.devices()] == [f"shelly-{n}" for n in range(99, 94, -1)]
    assert names.talking.forgotten == 95
    assert len(names._ids) <= 11


def _heard(*arrivals: tuple[int, list[int]]) -> talking.HeardChannel:
    """arrivals: (seconds, the powers of that payload, 0.1 W; ABSENT_I32 for a message without power)."""
    names = Naming(MemorySites(), devices=MemoryDevices())
    for second, powers in arrivals:
        batch = _decoded(*((PHASE_A, power) for power in powers))
        asyncio.run(names.resolve(batch, NOW_MS + 1000 * second))
    (device,) = names.talking.devices()
    return device.channels["a"]


def test_a_meter_that_invents_channels_leaves_the_room_of_the_others() -> None:
    sites = MemorySites()
    names = Naming(sites, NamingPolicy(max_channels=100, max_channels_per_meter=10))

    async def scene() -> None:
        for n in range(0, 1000, 50):
            invented = [(ChannelKey("home", "liar", f"c{n + k}"), 5) for k in range(50)]
            resolved = await names.resolve(_decoded(*invented), NOW_MS)
        assert resolved.rejected == 50
        assert "max_channels_per_meter" in resolved.problems[0].expected
        good = [(ChannelKey("home", f"meter-{n}", "main"), 5) for n in range(89)]
        assert (await names.resolve(_decoded(*good), NOW_MS)).rejected == 0
        known = await names.resolve(_decoded((ChannelKey("home", "liar", "c3"), 5)), NOW_MS)
        assert known.rejected == 0

    asyncio.run(scene())
    assert len(sites.channels) == 10 + 89


def test_a_refused_name_costs_the_book_one_question_until_it_is_asked_for_again() -> None:
    sites = MemorySites()
    names = Naming(sites, NamingPolicy(auto_register=False))

    async def scene() -> None:
        for second in range(5):
            assert (await names.resolve(_decoded((HOME, 5)), NOW_MS + 1000 * second)).rejected == 1
        assert sites.questions == 1
        sites.register(HOME, 10_000)
        assert (await names.resolve(_decoded((HOME, 5)), NOW_MS + naming.REFUSED_MS)).rejected == 0

    asyncio.run(scene())


def test_refused_names_do_not_fill_memory(monkeypatch) -> None:
    monkeypatch.setattr(naming, "MOST_UNPLACED", 50)
    names = Naming(MemorySites(), NamingPolicy(max_channels=5))

    async def scene() -> None:
        for n in range(1000):
            await names.resolve(_decoded((ChannelKey("home", f"m{n}", "main"), 5)), NOW_MS)

    asyncio.run(scene())
    assert len(names._ids) <= 55


def test_how_often_a_device_speaks_is_the_usual_time_between_two_powers() -> None:
    none = int(ABSENT_I32)
    assert _heard((0, [1])).interval_ms is None
    assert _heard((0, [1]), (10, [2]), (20, [3]), (620, [4]), (630, [5])).interval_ms == 10_000
    assert _heard((0, [1]), (1, [none]), (60, [2]), (61, [none]), (120, [3])).interval_ms == 60_000
    assert _heard((0, [1, 2, 3]), (30, [4, 5, 6])).interval_ms == 10_000


def test_the_last_powers_and_their_bounds_are_remembered() -> None:
    channel = _heard(*((n, [10 * n, -n]) for n in range(40)))
    assert list(channel.powers_dw)[-2:] == [390, -39]
    assert len(channel.powers_dw) == talking.RECENT
    assert (channel.lowest_dw, channel.highest_dw) == (-39, 390)


def test_a_channel_that_becomes_known_gets_the_hold_that_its_sender_names() -> None:
    sites = MemorySites()
    names = Naming(sites)
    asyncio.run(names.resolve(_decoded((HOME, 1)), NOW_MS, 900_000))
    other = ChannelKey("home", "other", "main")
    asyncio.run(names.resolve(_decoded((HOME, 1), (other, 2)), NOW_MS))
    assert [channel.hold_ms for channel in sites.resolve([HOME, other])] == [900_000, 10_000]
