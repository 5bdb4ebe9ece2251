"""Whether what devices publish can be heard here, and what is wrong when nothing arrives."""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from chowon.ingest.mqtt import MqttStats

FindingId = Literal[
    "mqtt_off",
    "broker_dead",
    "not_listening",
    "loopback_only",
    "nothing_received",
    "nothing_read",
    "hearing",
    "hearing_most",
]
_NOBODYS: Final = "192.0.2.1"
"""An address for documentation (RFC 5737): asking for the way there sends nothing."""


@dataclass(frozen=True, slots=True)
class MqttPlace:
    """Where devices are to publish, as configured."""

    host: str
    """As this server reaches it; the embedded broker listens there"""
    port: int
    embedded: bool
    username: str | None
    password: bool
    """One is needed"""
    tls: bool

    @property
    def loopback_only(self) -> bool:
        """Whether only programs on this machine can reach it: our own broker bound to loopback."""
        return self.embedded and is_loopback(self.host)

    def told(self) -> str:
        """The host to write into a device's settings."""
        if not self.loopback_only and self.host in ("0.0.0.0", "127.0.0.1", "localhost"):  # noqa: S104 - read
            return own_address() or self.host
        return self.host


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about the reception, with what is to be named in its text."""

    id: FindingId
    wrong: bool
    places: Mapping[str, str] = field(default_factory=dict)


def diagnose(
    place: MqttPlace | None, stats: MqttStats | None, broker_running: bool | None
) -> tuple[Finding, ...]:
    """What stands in the way of hearing devices, the first cause first."""
    if place is None or stats is None:
        return (Finding("mqtt_off", True),)
    address = {"host": place.host, "port": str(place.port)}
    found = []
    if broker_running is False:
        found.append(Finding("broker_dead", True, address))
    elif not stats.listening:
        why = stats.connection_problem or "it does not answer yet"
        found.append(Finding("not_listening", True, address | {"why": why}))
    if place.loopback_only:
        found.append(Finding("loopback_only", True, address))
    if found and not stats.received:
        return tuple(found)
    counts = {"count": f"{stats.received:,}", "poison": f"{stats.poison:,}"}
    if not stats.received:
        found.append(Finding("nothing_received", True, address))
    elif stats.poison >= stats.received:
        found.append(Finding("nothing_read", True, counts))
    else:
        found.append(Finding("hearing_most" if stats.poison else "hearing", False, counts))
    return tuple(found)


def is_loopback(host: str) -> bool:
    """Whether this is an address of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def own_address() -> str | None:
    """This machine's address in its network, as far as it has one; nothing is sent to find it."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((_NOBODYS, 9))
            found: str = probe.getsockname()[0]
            return found
    except OSError:
        return None
