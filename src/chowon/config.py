"""One typed configuration: a TOML file, over it the environment, over it command-line options.

`CHOWON_SERVER__PORT=9000` sets `[server] port`. Unknown keys are errors that name the nearest known one.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from chowon.errors import Misconfigured, shortened

ENV_PREFIX = "CHOWON_"
_SECRET = ("token", "password")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSection(_Section):
    """[data] where everything is kept"""

    folder: Path = Field(Path("data"), description="folder of journal, lake and catalog")
    shards: int = Field(1, ge=1, le=1024, description="number of parts the lake is split into by channel")
    seal_every_s: float = Field(60, gt=0, description="seconds between moves from the journal to the lake")


class ServerSection(_Section):
    """[server] HTTP, WebSocket and the dashboard"""

    host: str = Field("127.0.0.1", description="address to listen on; any but loopback needs [server] token")
    port: int = Field(8420, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    token: str | None = Field(None, min_length=16, description="bearer token that every request must carry")
    max_body_mib: int = Field(
        32, ge=1, le=1024, description="largest request body, MiB, before and after gzip"
    )
    max_connections: int = Field(200, ge=1, description="connections served at once")
    max_live_clients: int = Field(100, ge=1, description="WebSocket clients served at once")


class MqttSection(_Section):
    """[mqtt] where meters publish"""

    broker: Literal["embedded", "external", "off"] = Field(
        "embedded", description="embedded: start one here; external: use host and port; off: no MQTT"
    )
    host: str = Field("127.0.0.1", description="address of the broker; an embedded one listens there")
    port: int = Field(18830, ge=0, le=65535, description="port of the broker; 0 takes a free one if embedded")
    username: str | None = Field(None, description="user name at the broker")
    password: str | None = Field(None, description="password at the broker")
    tls: bool = Field(False, description="speak TLS to an external broker")
    max_messages_per_s: int = Field(
        1000, ge=1, description="messages a second of one topic; what is above is refused and counted"
    )


class IngestSection(_Section):
    """[ingest] what is taken in"""

    auto_register: bool = Field(
        True, description="make unknown sites, meters and channels known by themselves"
    )
    max_channels: int = Field(100_000, ge=1, description="channels that may be known; more are refused")
    queue_readings: int = Field(2_000_000, ge=1000, description="readings that may wait for the disk")


class EnerTalkSection(_Section):
    """[enertalk] the door for EnerTalk meters whose vendor is gone"""

    enabled: bool = Field(False, description="listen for EnerTalk meters")
    host: str = Field("127.0.0.1", description="address to listen on; any but loopback needs networks")
    port: int = Field(5010, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    networks: tuple[str, ...] = Field(
        (), description="networks from which meters may come, such as 192.168.0.0/24"
    )
    samples: Literal["mean", "each"] = Field(
        "mean", description="mean: a reading a frame; each: one of every sub-sample, about 15 a second"
    )
    max_connections: int = Field(20, ge=1, le=10_000, description="meters served at once")

    @field_validator("networks", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """The environment says them with commas between."""
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network, strict=False)  # its message says what is wrong
        return networks


class DefaultsSection(_Section):
    """[defaults] for sites that register by themselves"""

    timezone: str = Field("Asia/Seoul", description="IANA time zone of a new site")
    tariff: str = Field("kr.kepco.residential.low", description="tariff id of a new site")
    reading_day: int = Field(1, ge=1, le=31, description="day of the month on which its meter is read")
    hold_s: float = Field(
        10, ge=1, le=86400, description="seconds that a reading stands for at most; more for slower meters"
    )

    @field_validator("timezone")
    @classmethod
    def _exists(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("no time zone of this name; expected an IANA name such as Asia/Seoul")
        return name


class Config(_Section):
    """All settings."""

    data: DataSection = DataSection()  # type: ignore[call-arg]
    server: ServerSection = ServerSection()  # type: ignore[call-arg]
    mqtt: MqttSection = MqttSection()  # type: ignore[call-arg]
    enertalk: EnerTalkSection = EnerTalkSection()  # type: ignore[call-arg]
    ingest: IngestSection = IngestSection()  # type: ignore[call-arg]
    defaults: DefaultsSection = DefaultsSection()  # type: ignore[call-arg]


@dataclass(frozen=True, slots=True)
class Explained:
    """One setting as `chowon config --explain` shows it."""

    key: str
    value: str
    origin: str
    """"default", the file's name, or the environment variable that set it"""
    meaning: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration and where each set value came from."""

    config: Config
    origins: dict[str, str]

    def explain(self) -> Iterator[Explained]:
        """Every setting with value, origin and meaning; secrets are shown as set or not."""
        for section_name, section in Config.model_fields.items():
            values = getattr(self.config, section_name)
            assert section.annotation is not None
            for name, field in section.annotation.model_fields.items():
                key, value = f"{section_name}.{name}", getattr(values, name)
                shown = ("(set)" if value else "(not set)") if name in _SECRET else str(value)
                yield Explained(key, shown, self.origins.get(key, "default"), field.description or "")


def load(
    file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> Loaded:
    """The configuration in force. `overrides`: {"server.port": 9000}, as command-line options give them.

    Errors: Misconfigured, with every problem at once: file, key, what is expected.
    """
    tree: dict[str, dict[str, Any]] = {}
    origins: dict[str, str] = {}
    if file is not None:
        for section, values in _read(file).items():
            if not isinstance(values, dict):
                raise Misconfigured(f"{file}: {section} must stand in a section such as [server]")
            for key, value in values.items():
                tree.setdefault(section, {})[key] = value
                origins[f"{section}.{key}"] = str(file)
    for variable, text in environ.items():
        section, _, key = variable.removeprefix(ENV_PREFIX).lower().partition("__")
        if variable.startswith(ENV_PREFIX) and key:
            tree.setdefault(section, {})[key] = text
            origins[f"{section}.{key}"] = variable
    for path, value in (overrides or {}).items():
        if value is not None:
            section, _, key = path.partition(".")
            tree.setdefault(section, {})[key] = value
            origins[path] = "command line"
    try:
        return Loaded(Config.model_validate(tree), origins)
    except ValidationError as error:
        problems = [_said(e, origins) for e in error.errors()]
        raise Misconfigured("\n".join(["configuration:", *problems])) from error


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise Misconfigured(f"{file}: no such file; name an existing one with --config") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, a number or a nesting beyond bounds
        raise Misconfigured(f"{file}: not valid TOML: {error}") from error


def _said(error: Any, origins: Mapping[str, str]) -> str:
    path = [str(p) for p in error["loc"]]
    where = ".".join(path)
    origin = origins.get(where) or next((o for k, o in origins.items() if k.startswith(where)), "")
    if error["type"] != "extra_forbidden":
        found = "a secret" if path[-1] in _SECRET else shortened(error.get("input"))
        return f"  {where} ({origin}): {error['msg']}; found {found}"
    known = list(Config.model_fields)
    if len(path) > 1:
        section = Config.model_fields[path[0]].annotation
        known = list(section.model_fields) if section is not None else []
    near = difflib.get_close_matches(path[-1], known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    return f"  {where} ({origin}): no such setting; {hint}"
