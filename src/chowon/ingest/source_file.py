"""Meters that chowon asks or listens to by itself: their settings, as a TOML file each in `meters/` of the
data folder, or as a person makes them on the page (kept in the catalog as JSON, in the same shape).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from chowon.domain import toml
from chowon.errors import MeterMisconfigured, shortened
from chowon.meters.fields import KEY_RULE, is_key
from chowon.meters.names import DEFAULT_NAME

FOLDER: Final = "meters"
_WRONG: Final = "cannot be used"


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    site: str | None = Field(None, description="left out: it gets its place on the page Meters")
    meter: str | None = Field(None, description="main if left out beside a site")
    title: str | None = Field(None, min_length=1, max_length=60, description="what people call it")
    makes: bool = Field(False, description="it makes power, as an inverter does")
    turned: bool = Field(False, description="what it calls import is export")
    serial: str | None = Field(None, description="a serial device, e.g. /dev/ttyUSB0")
    baud: int | None = Field(None, ge=300, le=4_000_000)
    tcp: str | None = Field(None, description="host:port")

    @model_validator(mode="after")
    def _one_connection(self) -> "_Source":
        if (self.serial is None) == (self.tcp is None):
            raise ValueError('expected one of serial = "/dev/…" and tcp = "host:port"')
        if self.tcp is not None and not _is_address(self.tcp):
            raise ValueError(f"tcp: expected host:port, e.g. 192.168.0.20:2001; found {self.tcp!r}")
        if self.site is None and self.meter is not None:
            raise ValueError("meter without site: expected both, or neither")
        for name, key in (("site", self.site), ("meter", self.meter)):
            if key is not None and not is_key(key):
                raise ValueError(f"{name}: expected 1–64 characters of a–z, 0–9, _ . -; found {key!r}")
        return self

    @property
    def where(self) -> str:
        """The address, for messages."""
        return self.serial or self.tcp or ""


class StreamSource(_Source):
    """A meter that talks by itself: a P1 port, an optical head."""

    kind: Literal["dsmr", "sml"]
    silence_s: float = Field(60, ge=1, le=86_400, description="after so much silence it is connected anew")
    hold_s: float = Field(30, ge=1, le=86_400, description="the longest silence that is no gap")

    @property
    def speed(self) -> int:
        """Of the serial line; 115,200 (DSMR 4 and later) and 9,600 (SML) unless told."""
        return self.baud or (115_200 if self.kind == "dsmr" else 9_600)


class ModbusSource(_Source):
    """A meter that answers when it is asked."""

    kind: Literal["modbus"]
    registers: str = Field("sunspec", description='"sunspec", or the name of a register map')
    unit: int = Field(1, ge=0, le=247)
    every_s: float = Field(1, ge=0.1, le=3600)
    answer_s: float = Field(2, ge=0.1, le=60, description="an answer takes no longer")
    rtu: bool = Field(False, description="RTU frames through a gateway; serial is always RTU")

    @property
    def hold_s(self) -> float:
        """The longest silence that is no gap: some questions may fail."""
        return max(10.0, 5 * self.every_s)

    @property
    def speed(self) -> int:
        """Of the serial line; 9,600 unless told."""
        return self.baud or 9_600


Source: TypeAlias = StreamSource | ModbusSource
AnySource: TypeAlias = Annotated[Source, Field(discriminator="kind")]
_ADAPTER: Final[TypeAdapter[Source]] = TypeAdapter(AnySource)


def read_sources(folder: Path) -> dict[str, Source]:
    """The sources of a data folder by their file's name. Errors: MeterMisconfigured with every problem."""
    found: dict[str, Source] = {}
    problems: list[str] = []
    for path in sorted((folder / FOLDER).glob("*.toml")):
        try:
            found[path.stem] = read_source(path)
        except MeterMisconfigured as error:
            problems.append(str(error))
    by_place: dict[tuple[str, str], str] = {}
    for name, source in found.items():
        if source.site is None:
            if not is_key(name):
                problems.append(f"{name}.toml: without site its name is the device's: {KEY_RULE}")
            continue
        meter = source.meter or DEFAULT_NAME
        other = by_place.setdefault((source.site, meter), name)
        if other != name:
            problems.append(
                f"{name}.toml and {other}.toml are both meter '{meter}' of site '{source.site}'; "
                "give each its own"
            )
    if problems:
        raise MeterMisconfigured("\n".join(problems))
    return found


def read_source(path: Path) -> Source:
    """One file. Errors: MeterMisconfigured with every problem in it."""
    try:
        tree = toml.read(path.read_text("utf-8"))
    except (OSError, ValueError) as error:  # also a number or a nesting beyond bounds
        raise MeterMisconfigured(f"{path}: {_WRONG}: {error}") from error
    return _checked(tree, str(path))


def source_from(settings: str, where: str) -> Source:
    """The settings of a source as they are kept, a JSON object. Errors: MeterMisconfigured."""
    try:
        tree = json.loads(settings)
    except ValueError as error:
        raise MeterMisconfigured(f"{where}: {_WRONG}: {error}") from error
    return _checked(tree, where)


def settings_of(source: Source) -> str:
    """As they are kept: what differs from the defaults."""
    return json.dumps({"kind": source.kind} | source.model_dump(exclude_defaults=True), ensure_ascii=False)


def title_of(source: Source) -> str:
    """What people call it; its kind where nobody has said."""
    return source.title or {"dsmr": "P1", "sml": "SML", "modbus": "Modbus"}[source.kind]


def _checked(tree: object, where: str) -> Source:
    try:
        return _ADAPTER.validate_python(tree)
    except ValidationError as error:
        lines = [f"{where}: {_WRONG}:", *_problems(error)]
        raise MeterMisconfigured("\n".join(lines)) from error


def _problems(error: ValidationError) -> Iterator[str]:
    for one in error.errors():
        where = ".".join(str(part) for part in one["loc"] if part not in ("dsmr", "sml", "modbus"))
        said = one["msg"].removeprefix("Value error, ")
        if one["type"] == "union_tag_not_found":
            said = 'expected kind = "dsmr", "sml" or "modbus"'
        elif one["type"] == "extra_forbidden":
            said = "no such setting; see docs/how-to/serial-and-modbus.md"
        plain = one["type"] in ("missing", "union_tag_not_found", "value_error")
        found = "" if plain else shortened(one["input"])
        yield f"  {where + ': ' if where else ''}{said}" + (f"; found {found}" if found else "")


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdecimal() and 0 < int(port) < 65_536
