"""One typed configuration: a TOML file, over it the environment, over it command-line options.

`CHOWON_SERVER__PORT=9000` sets `[server] port`. Unknown keys are errors that name the nearest known one.
"""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from chowon.domain import toml
from chowon.errors import Misconfigured, shortened

ENV_PREFIX = "CHOWON_"
_SECRET = ("token", "password", "secret", "url")
"""Never shown: the address of a webhook often holds a key of its own."""
WebhookEvent = Literal["tier.reached", "meter.silent", "meter.back", "period.closed", "device.found"]


_TOPIC: Final = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"
_READ_HERE: Final = "chowon/v1"
"""Where meters publish: what chowon says itself must not come back as a reading."""


def _not_read_here(topic: str) -> str:
    if f"{topic}/".startswith(f"{_READ_HERE}/"):
        raise ValueError(f"meters publish below {_READ_HERE}; choose another topic")
    return topic


_Topic = Annotated[str, Field(pattern=_TOPIC), AfterValidator(_not_read_here)]


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
    max_import_mib: int = Field(
        64,
        ge=1,
        le=4096,
        description="largest file brought to be imported, MiB; `chowon import` has no bound",
    )
    max_connections: int = Field(500, ge=1, description="connections served at once")
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
    max_channels_per_meter: int = Field(
        500, ge=1, description="channels of one meter that become known by themselves; more are refused"
    )
    queue_readings: int = Field(2_000_000, ge=1000, description="readings that may wait for the disk")


def _listed(value: object) -> object:
    """The environment says several with commas between."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class EnerTalkSection(_Section):
    """[enertalk] the door for EnerTalk meters whose vendor is gone"""

    enabled: bool = Field(False, description="listen for EnerTalk meters")
    host: str = Field("127.0.0.1", description="address to listen on; any but loopback needs networks")
    port: int = Field(5010, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    networks: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (), description="networks from which meters may come, such as 192.168.0.0/24"
    )
    samples: Literal["mean", "each"] = Field(
        "mean", description="mean: a reading a frame; each: one of every sub-sample, about 15 a second"
    )
    max_connections: int = Field(20, ge=1, le=10_000, description="meters served at once")

    @field_validator("networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network, strict=False)  # its message says what is wrong
        return networks


class MetricSetting(_Section):
    """[[prometheus.metrics]] what a metric of somebody else's exporter means"""

    metric: str = Field(min_length=1, description="its name")
    quantity: Literal[
        "power_w", "reactive_var", "voltage_v", "current_a", "frequency_hz", "import_wh", "export_wh"
    ] = Field(description="what it measures")
    factor: float = Field(1.0, allow_inf_nan=False, description="brings its value into the quantity's unit")
    device: tuple[str, ...] = Field(("instance",), min_length=1, description="labels that name the device")
    channel: tuple[str, ...] = Field((), description="labels that name the channel; none: main")


class PrometheusSection(_Section):
    """[prometheus] what Prometheus writes here and asks for"""

    metrics: tuple[MetricSetting, ...] = Field(
        (), description="metrics of others that are electricity, each a table [[prometheus.metrics]]"
    )
    max_sites: int = Field(5000, ge=0, description="sites of which /metrics tells figures")


class DiscoverySection(_Section):
    """[discovery] finding devices in the local network"""

    mdns: bool = Field(
        False, description="let a person look around in the local network for devices (mDNS); never by itself"
    )


class BackfillSection(_Section):
    """[backfill] filling gaps from what devices have kept of their own"""

    enabled: bool = Field(
        True, description="ask devices over MQTT for what they measured while nothing of it arrived"
    )


class AppliancesSection(_Section):
    """What is told from a home's main meter."""

    tell: bool = Field(True, description="tell appliances from the main meter, with the won of each")
    live_sites: int = Field(
        1000, ge=0, description="sites in which it is followed second by second what switches; the first ones"
    )


class CablesSection(_Section):
    """[cables] meters that are asked over the network, or on a serial line"""

    on_page: bool = Field(
        True, description="let a person with the scope admin look for such meters and add them on the page"
    )
    serial: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (), description="serial devices to offer there besides those that are found, such as /dev/p1"
    )


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


class HomeAssistantSection(_Section):
    """[home_assistant] sensors for Home Assistant, by MQTT discovery"""

    enabled: bool = Field(False, description="announce every site's sensors to Home Assistant")
    discovery_topic: _Topic = Field(
        "homeassistant", description="the discovery prefix that Home Assistant listens to"
    )
    topic: _Topic = Field("chowon/ha", description="where the sensors' values are published")
    language: Literal["ko", "en"] = Field("ko", description="language of the sensors' names")
    every_s: float = Field(5, ge=0.1, description="least seconds between two messages of a site")
    counters_every_s: float = Field(
        60, ge=0.5, description="seconds between two looks at the lifetime energy counters"
    )


class MirrorSection(_Section):
    """[mirror] live values by MQTT"""

    enabled: bool = Field(False, description="publish what GET /now answers, for every site")
    topic: _Topic = Field("chowon/out", description="in front of <site>/now")
    every_s: float = Field(1, ge=0.1, description="least seconds between two messages of a site")
    qos: Literal[0, 1] = Field(0, description="1: the broker acknowledges each message")
    retain: bool = Field(True, description="whoever subscribes gets the last value at once")

    @field_validator("qos", mode="before")
    @classmethod
    def _number(cls, qos: object) -> object:
        return int(qos) if isinstance(qos, str) and qos in ("0", "1") else qos


class WebhookSection(_Section):
    """[[webhook]] an address that is told when something happens; as many as you like"""

    url: str = Field(description="http:// or https:// address that gets a POST")
    secret: str | None = Field(
        None, min_length=16, description="key that signs each message (HMAC-SHA256, Standard Webhooks)"
    )
    events: tuple[WebhookEvent, ...] = Field(
        get_args(WebhookEvent), min_length=1, description="which events it is told"
    )
    timeout_s: float = Field(10, gt=0, le=120, description="seconds that it may take to answer")

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        expected = "expected an address such as https://example.org/hook"
        try:
            parts = urlsplit(url)
            known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            raise ValueError(expected) from None
        if not known or not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError(expected)
        if "@" in parts.netloc or parts.fragment:
            raise ValueError("no user name, password or #fragment may stand in it; set a secret instead")
        return url


class Config(_Section):
    """All settings."""

    data: DataSection = DataSection()  # type: ignore[call-arg]
    server: ServerSection = ServerSection()  # type: ignore[call-arg]
    mqtt: MqttSection = MqttSection()  # type: ignore[call-arg]
    enertalk: EnerTalkSection = EnerTalkSection()  # type: ignore[call-arg]
    backfill: BackfillSection = BackfillSection()  # type: ignore[call-arg]
    ingest: IngestSection = IngestSection()  # type: ignore[call-arg]
    prometheus: PrometheusSection = PrometheusSection()  # type: ignore[call-arg]
    discovery: DiscoverySection = DiscoverySection()  # type: ignore[call-arg]
    appliances: AppliancesSection = AppliancesSection()  # type: ignore[call-arg]
    cables: CablesSection = CablesSection()  # type: ignore[call-arg]
    defaults: DefaultsSection = DefaultsSection()  # type: ignore[call-arg]
    home_assistant: HomeAssistantSection = HomeAssistantSection()  # type: ignore[call-arg]
    mirror: MirrorSection = MirrorSection()  # type: ignore[call-arg]
    webhook: tuple[WebhookSection, ...] = ()


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
        for section_name in Config.model_fields:
            found = getattr(self.config, section_name)
            if not isinstance(found, tuple):
                yield from self._section(section_name, type(found), found)
                continue
            if not found:
                yield from self._section(f"{section_name}[]", _model(section_name), None)
            for n, one in enumerate(found):
                yield from self._section(f"{section_name}[{n}]", type(one), one)

    def _section(self, where: str, model: type[BaseModel], values: BaseModel | None) -> Iterator[Explained]:
        for name, field in model.model_fields.items():
            key = f"{where}.{name}"
            value = field.get_default() if values is None else getattr(values, name)
            if name in _SECRET:
                shown = "(set)" if value and values is not None else "(not set)"
            else:
                words = isinstance(value, tuple) and value and all(isinstance(one, str) for one in value)
                shown = ", ".join(value) if words else str(value)
            yield Explained(key, shown, self.origins.get(key, "default"), field.description or "")


def load(
    file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> Loaded:
    """The configuration in force. `overrides`: {"server.port": 9000}, as command-line options give them.

    Errors: Misconfigured, with every problem at once: file, key, what is expected.
    """
    tree: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if file is not None:
        for section, values in _read(file).items():
            if section in _LISTS:
                tree[section] = values
                origins |= _list_origins(section, values, str(file))
                continue
            if not isinstance(values, dict):
                raise Misconfigured(f"{file}: {section} must stand in a section such as [server]")
            for key, value in values.items():
                tree.setdefault(section, {})[key] = value
                origins[f"{section}.{key}"] = str(file)
    for variable, text in environ.items():
        section, _, key = variable.removeprefix(ENV_PREFIX).lower().partition("__")
        if variable.startswith(ENV_PREFIX) and section in _LISTS:
            raise Misconfigured(f"{variable}: [[{section}]] stands in the settings file only")
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


_LISTS: Final = tuple(name for name, field in Config.model_fields.items() if field.default == ())


def _model(section: str) -> type[BaseModel]:
    """What stands in a section, or in each table of a list of sections."""
    annotation = Config.model_fields[section].annotation
    found = get_args(annotation)[0] if section in _LISTS else annotation
    assert isinstance(found, type)
    assert issubclass(found, BaseModel)
    return found


def _list_origins(section: str, values: object, origin: str) -> dict[str, str]:
    if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
        raise Misconfigured(f"{origin}: write each {section} as a table of its own under [[{section}]]")
    return {f"{section}[{n}].{key}": origin for n, one in enumerate(values) for key in one}


def _read(file: Path) -> dict[str, Any]:
    try:
        return toml.read(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise Misconfigured(f"{file}: no such file; name an existing one with --config") from error
    except ValueError as error:  # no UTF-8, no TOML, a number or a nesting beyond bounds
        raise Misconfigured(f"{file}: not valid TOML: {error}") from error


def _said(error: Any, origins: Mapping[str, str]) -> str:
    path = [str(p) for p in error["loc"]]
    if path[0] in _LISTS and len(path) > 1:
        path[:2] = [f"{path[0]}[{path[1]}]"]
    where = ".".join(path)
    origin = origins.get(where) or next((o for k, o in origins.items() if k.startswith(where)), "")
    if error["type"] != "extra_forbidden":
        found = "a secret" if set(_SECRET).intersection(path) else shortened(error.get("input"))
        if error["type"] == "missing":
            found = "nothing"
        return f"  {where} ({origin}): {error['msg']}; found {found}"
    known = list(Config.model_fields)
    if len(path) > 2:
        known = list(MetricSetting.model_fields)
    elif len(path) > 1:
        known = list(_model(path[0].partition("[")[0]).model_fields)
    near = difflib.get_close_matches(path[-1], known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    return f"  {where} ({origin}): no such setting; {hint}"
