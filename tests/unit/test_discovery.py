"""Looking around for devices that announce themselves, on loopback, with made-up ones."""

import asyncio
import socket

from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from chowon.ingest.discovery import ESPHOME, SHELLY, WEB, Found, look_around

LOOPBACK = ["127.0.0.1"]


def _service(kind: str, name: str, **told: str) -> ServiceInfo:
    address = socket.inet_aton("127.0.0.1")
    return ServiceInfo(
        kind, f"{name}.{kind}", addresses=[address], port=80, properties=told, server=f"{name}.local."
    )


async def _announced(awaited: int, *services: ServiceInfo) -> tuple[Found, ...]:
    device = AsyncZeroconf(interfaces=LOOPBACK)
    try:
        for registering in [await device.async_register_service(service) for service in services]:
            await registering
        found: tuple[Found, ...] = ()
        for wait_s in (0.5, 2, 8):  # a busy machine answers late
            found = await look_around(wait_s, LOOPBACK)
            if len([f for f in found if f.address is not None]) >= awaited:
                break
        return found
    finally:
        await device.async_close()


def test_devices_are_found_once_with_their_family_and_others_are_left() -> None:
    found = asyncio.run(
        _announced(
            3,
            _service(SHELLY, "shellypro3em-1a2b3c", app="Pro3EM", gen="2"),
            _service(WEB, "shellypro3em-1a2b3c"),
            _service(WEB, "tasmota-4D5E6F-1234"),
            _service(WEB, "a-printer"),
            _service(ESPHOME, "washer", board="esp32dev"),
        )
    )
    made = [
        f for f in found if f.name in ("shellypro3em-1a2b3c", "tasmota-4D5E6F-1234", "a-printer", "washer")
    ]
    assert made == [
        Found("home-assistant", "washer", "127.0.0.1", "esp32dev"),
        Found("shelly", "shellypro3em-1a2b3c", "127.0.0.1", "Pro3EM"),
        Found("tasmota", "tasmota-4D5E6F-1234", "127.0.0.1", None),
    ]
