"""Devices that announce themselves in the local network (mDNS, DNS-SD: RFC 6762 and 6763), looked for once.

Nothing is kept and nothing is asked of the devices: what is found is shown, with how to make it talk to us.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chowon.errors import MeterUnavailable

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf

LOOK_S: Final = 4.0
"""How long is waited for answers: devices that sleep answer late or never."""
MOST_FOUND: Final = 200
_ANSWER_MS: Final = 1500

SHELLY: Final = "_shelly._tcp.local."
ESPHOME: Final = "_esphomelib._tcp.local."
WEB: Final = "_http._tcp.local."
TYPES: Final = (SHELLY, ESPHOME, WEB)
_FAMILY_OF_TYPE: Final = {SHELLY: "shelly", ESPHOME: "home-assistant"}
_FAMILY_OF_NAME: Final = {"shelly": "shelly", "tasmota": "tasmota", "emonpi": "emon", "emontx": "emon"}


@dataclass(frozen=True, slots=True)
class Found:
    """A device that announces itself."""

    family: str
    """As in keys"""
    name: str
    """As it calls itself, e.g. "shellypro3em-1a2b3c" """
    address: str | None
    """IPv4 or IPv6"""
    model: str | None


async def look_around(wait_s: float = LOOK_S, interfaces: Sequence[str] | None = None) -> tuple[Found, ...]:
    """What announces itself, by family and name, each once. interfaces: addresses of ours; all if left out.

    Errors: MeterUnavailable — this machine has no network to look around in.
    """
    from zeroconf import InterfaceChoice  # noqa: PLC0415 - for those who look around only
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf  # noqa: PLC0415

    try:
        around = AsyncZeroconf(interfaces=list(interfaces) if interfaces else InterfaceChoice.All)
    except OSError as error:
        raise MeterUnavailable(
            f"cannot look around in the network: {error.strerror or error}; see that this machine is in the "
            "same network as the devices (a container needs the host's network)"
        ) from error
    announced: dict[str, str] = {}

    def on_change(zeroconf: object, service_type: str, name: str, state_change: object) -> None:
        del zeroconf, state_change
        if len(announced) < MOST_FOUND:
            announced.setdefault(name, service_type)

    browser = AsyncServiceBrowser(around.zeroconf, list(TYPES), handlers=[on_change])
    try:
        await asyncio.sleep(wait_s)
        asked = [_asked(around, kind, name) for name, kind in announced.items()]
        return _each_once([found for found in await asyncio.gather(*asked) if found is not None])
    finally:
        await browser.async_cancel()
        await around.async_close()


async def _asked(around: "AsyncZeroconf", kind: str, name: str) -> Found | None:
    """What the service tells; None for one that is no device of ours."""
    short = name.removesuffix(f".{kind}")
    family = _FAMILY_OF_TYPE.get(kind) or _family_of(short)
    if family is None:
        return None
    info = await around.async_get_service_info(kind, name, _ANSWER_MS)
    if info is None:
        return Found(family, short, None, None)
    addresses = info.parsed_addresses()
    return Found(family, short, addresses[0] if addresses else None, _model(info.decoded_properties))


def _family_of(name: str) -> str | None:
    plain = name.lower()
    return next((family for word, family in _FAMILY_OF_NAME.items() if plain.startswith(word)), None)


def _model(told: Mapping[str, str | None]) -> str | None:
    return next((model for key in ("app", "model", "board") if (model := told.get(key))), None)


def _each_once(found: Sequence[Found]) -> tuple[Found, ...]:
    """A device may announce several services; the one that tells its model comes first."""
    by_name: dict[str, Found] = {}
    for one in sorted(found, key=lambda f: (f.family, f.name.lower(), f.model is None)):
        by_name.setdefault(one.name.lower(), one)
    return tuple(by_name.values())
