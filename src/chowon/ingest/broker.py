"""An MQTT broker for meters: embedded as a child process, or any other by its address.

The embedded one is rumqttd from the `iotcore` wheel. It speaks MQTT 3.1.1 on one port.
"""

import ipaddress
import json
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from chowon.errors import MeterUnavailable, Misconfigured

if TYPE_CHECKING:
    from iotcore import Broker


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker listens."""

    host: str
    port: int


class MqttBroker(Protocol):
    """A broker that may have to be started first."""

    def start(self) -> Address:
        """Blocks until it accepts connections. Errors: Misconfigured, MeterUnavailable."""

    def stop(self) -> None:
        """Stops it, if it is ours. May be called twice."""

    def is_running(self) -> bool:
        """Whether it runs, as far as we can know."""


@dataclass(frozen=True, slots=True)
class ExternalBroker:
    """A broker that somebody else runs, for instance Mosquitto."""

    address: Address

    def start(self) -> Address:
        """Its address; the client finds out whether it answers. Errors: Misconfigured — no port is set."""
        if self.address.port == 0:
            raise Misconfigured(
                f"mqtt.port = 0 says nothing about where the broker on {self.address.host} listens; "
                "set its port, usually 1883"
            )
        return self.address

    def stop(self) -> None:
        """Nothing: it is not ours."""

    def is_running(self) -> bool:
        """True: the client's state tells more."""
        return True


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """How the embedded broker listens."""

    host: str = "127.0.0.1"
    port: int = 1883
    """0 takes a free port."""
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """User name → password. Must not be empty when `host` is not loopback."""
    max_connections: int = 1000
    max_payload_bytes: int = 256 * 1024
    max_inflight: int = 100
    """Messages on the way to one client without acknowledgement; also bounds what chowon holds."""


class EmbeddedBroker:
    """rumqttd in a child process, which ends when we end, however we end."""

    def __init__(self, settings: EmbeddedSettings) -> None:
        """Errors: Misconfigured — it would listen to the network without asking for a password."""
        if not settings.users and not _is_loopback(settings.host):
            raise Misconfigured(
                f"mqtt.broker: listening on {settings.host} without users; set users, or host = '127.0.0.1'"
            )
        self._settings = settings
        self._port = settings.port
        self._broker: Broker | None = None

    def start(self) -> Address:
        """As MqttBroker.start."""
        if self._broker is not None:
            if self.is_running():
                return Address(self._settings.host, self._broker.port)
            self.stop()
        from iotcore import Broker  # noqa: PLC0415 - native code that only those load who use it

        port = self._port = self._port or _free_port(self._settings.host)
        place, config = _private_file(_toml(self._settings, port))
        try:
            self._broker = Broker(config_path=str(config))
            self._broker.start()
        except OSError as error:
            raise Misconfigured(
                f"mqtt.broker: cannot listen on {self._settings.host}:{port}: {error}"
            ) from error
        except RuntimeError as error:
            raise MeterUnavailable(f"mqtt.broker: the embedded broker did not start: {error}") from error
        finally:
            config.unlink()  # it holds passwords, and the broker has read it
            place.rmdir()
        return Address(self._settings.host, port)

    def stop(self) -> None:
        """As MqttBroker.stop."""
        if self._broker is not None:
            self._broker.stop()
            self._broker = None

    def is_running(self) -> bool:
        """Whether the child process runs."""
        return self._broker is not None and self._broker.is_running


def _toml(settings: EmbeddedSettings, port: int) -> str:
    users = "\n".join(f"{_quoted(name)} = {_quoted(word)}" for name, word in settings.users.items())
    auth = f"[v4.1.connections.auth]\n{users}\n" if users else ""
    return f"""\
id = 0
[router]
id = 0
max_connections = {settings.max_connections}
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10
[v4.1]
name = "chowon"
listen = {_quoted(f"{settings.host}:{port}")}
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = {settings.max_payload_bytes}
max_inflight_count = {settings.max_inflight}
dynamic_filters = true
{auth}"""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a TOML basic string is written like a JSON one


def _private_file(text: str) -> tuple[Path, Path]:
    """A folder that only we may open, and the file in it."""
    place = Path(tempfile.mkdtemp(prefix="chowon-broker-"))
    config = place / "rumqttd.toml"
    config.write_text(text, encoding="utf-8")
    return place, config


def _is_loopback(host: str) -> bool:
    """Errors: Misconfigured when it is no IPv4 address."""
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        raise Misconfigured(
            f"mqtt.broker: host '{host}' is no IPv4 address; set for instance 127.0.0.1"
        ) from None


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
