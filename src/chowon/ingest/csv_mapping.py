"""What the columns of a foreign CSV file mean: a mapping, guessed from the file's head, kept as TOML.

A mapping says how cells are written and which column is what; `csv_foreign` reads a whole file by it.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Annotated, Final, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from chowon.domain import toml
from chowon.errors import BadInput

Meaning = Literal[
    "power_w",
    "power_kw",
    "interval_import_kwh",
    "interval_import_wh",
    "interval_export_kwh",
    "interval_export_wh",
    "counter_import_kwh",
    "counter_import_wh",
    "counter_export_kwh",
    "counter_export_wh",
    "voltage_v",
    "current_a",
]
Delimiter = Literal[",", ";", "\t", "|"]
Decimal = Literal[".", ","]
Stamp = Literal["start", "end"]
EPOCH_S: Final = "epoch s"
EPOCH_MS: Final = "epoch ms"
ISO: Final = "ISO 8601"
LONGEST_NAME: Final = 1000
"""Of a column whose meaning is guessed"""


class Value(BaseModel):
    """A column of numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    column: str
    means: Meaning
    channel: str = "main"

    @property
    def what(self) -> tuple[str, str]:
        """Channel and the quantity that it becomes there: an interval's energy becomes its mean power."""
        quantity = re.sub(r"_k?wh?$", "", self.means)
        return self.channel, "power" if quantity.startswith("interval_") else quantity


class Mapping(BaseModel):
    """How a file is to be read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    delimiter: Delimiter = ","
    decimal: Decimal = "."
    header_line: int = Field(1, ge=1, le=10_000, description="the line with the names of the columns")
    encoding: str = "utf-8-sig"
    time: tuple[str, ...] | str = Field(description="column of the time; or [date, time of day]")
    time_format: str = Field(description='as strptime has it, "ISO 8601", "epoch s" or "epoch ms"')
    timezone: str = Field(description="of times without an offset")
    stamp: Stamp = Field("start", description="which end of an interval its time is")
    value: tuple[Value, ...] = Field(min_length=1)

    @field_validator("timezone")
    @classmethod
    def _exists(cls, name: str) -> str:
        if name not in timezones():
            raise ValueError("no time zone of this name; expected an IANA name such as Asia/Seoul")
        return name

    @field_validator("encoding")
    @classmethod
    def _is_encoding(cls, name: str) -> str:
        try:
            "".encode(name)
        except (LookupError, ValueError):
            raise ValueError("no encoding of this name; expected e.g. utf-8-sig, cp949 or cp1252") from None
        return name

    @field_validator("time_format")
    @classmethod
    def _is_format(cls, text: str) -> str:
        try:
            datetime.strptime("", text)  # noqa: DTZ007 — only to see whether it can be used
        except re.error:
            raise ValueError("a part of the time stands in it twice; expected each once") from None
        except ValueError:  # an empty text is no time, whatever the format
            return text
        return text

    @model_validator(mode="after")
    def _one_of_each(self) -> "Mapping":
        for first, second in said_twice(self.value):
            channel, quantity = second.what
            raise ValueError(
                f"{first.column!r} ({first.means}) and {second.column!r} ({second.means}) both tell the "
                f"{quantity.replace('_', ' ')} of channel {channel!r}; leave one of them out, or give it "
                "another channel"
            )
        return self

    @property
    def time_columns(self) -> tuple[str, ...]:
        """One, or date and time of day."""
        return (self.time,) if isinstance(self.time, str) else self.time

    def toml(self) -> str:
        """As a file that `--mapping` reads."""
        columns = ", ".join(_quoted(name) for name in self.time_columns)
        lines = [
            f"delimiter = {_quoted(self.delimiter)}",
            f"decimal = {_quoted(self.decimal)}",
            f"header_line = {self.header_line}",
            f"encoding = {_quoted(self.encoding)}",
            f"time = {columns if len(self.time_columns) == 1 else f'[{columns}]'}",
            f"time_format = {_quoted(self.time_format)}",
            f"timezone = {_quoted(self.timezone)}",
            f"stamp = {_quoted(self.stamp)}",
        ]
        for value in self.value:
            lines += ["", "[[value]]", f"column = {_quoted(value.column)}", f'means = "{value.means}"']
            lines += [f"channel = {_quoted(value.channel)}"]
        return "\n".join(lines) + "\n"


class Draft(BaseModel):
    """A mapping that may still lack something: empty is what nobody has said yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    delimiter: Delimiter = ","
    decimal: Decimal = "."
    header_line: Annotated[int, Field(ge=1, le=10_000)] = 1
    encoding: Annotated[str, Field(max_length=40)] = "utf-8-sig"
    time: Annotated[tuple[Annotated[str, Field(max_length=LONGEST_NAME)], ...], Field(max_length=2)] = ()
    time_format: Annotated[str, Field(max_length=100)] = ""
    timezone: Annotated[str, Field(max_length=100)] = ""
    stamp: Stamp = "start"
    value: Annotated[tuple[Value, ...], Field(max_length=100)] = ()

    @classmethod
    def of(cls, mapping: Mapping) -> "Draft":
        """A mapping as one."""
        return cls.model_validate(mapping.model_dump() | {"time": mapping.time_columns})

    def tree(self) -> dict[str, object]:
        """As it would stand in a mapping's file."""
        return self.model_dump() | {"time": self.time[0] if len(self.time) == 1 else self.time}


def parse_mapping(text: str, where: str) -> Mapping:
    """A mapping's file. Errors: BadInput with every problem in it."""
    try:
        tree = toml.read(text)
    except ValueError as error:  # also a number or a nesting beyond bounds
        raise BadInput(f"{where}: not valid TOML: {error}") from error
    return mapping_of(tree, where)


def mapping_of(tree: dict[str, object], where: str) -> Mapping:
    """A mapping as it stands in a file. Errors: BadInput with every problem in it."""
    try:
        return Mapping.model_validate(tree)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors()
        ]
        raise BadInput("\n".join([f"{where}: cannot be used:", *lines])) from error


def said_twice(values: Sequence[Value]) -> list[tuple[Value, Value]]:
    """Pairs of columns that would be the same quantity of the same channel."""
    seen: dict[tuple[str, str], Value] = {}
    return [(first, value) for value in values if (first := seen.setdefault(value.what, value)) is not value]


@cache
def timezones() -> frozenset[str]:
    """All that are known; reading the list takes milliseconds."""
    return frozenset(available_timezones())


def _quoted(text: str) -> str:
    """JSON's escapes are TOML's, but that TOML has one more character to escape."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
