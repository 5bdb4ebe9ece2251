"""Register maps as files: TOML, one a device type, in `registers/` here or in the data folder."""

from importlib import resources
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from chowon.domain import toml
from chowon.errors import MeterMisconfigured, NotFound
from chowon.meters.fields import BY_NAME, did_you_mean, is_key
from chowon.meters.names import DEFAULT_NAME
from chowon.meters.register_map import NumberType, RegisterKind, RegisterMap, RegisterValue, WordOrder

FOLDER: Final = "registers"


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid")
    channel: str = DEFAULT_NAME
    field: str
    kind: RegisterKind = "input"
    address: int = Field(ge=0, le=65_535)
    type: NumberType = "float32"
    scale: float = Field(1.0, allow_inf_nan=False)
    absent: int | None = None

    @field_validator("field")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in BY_NAME:
            raise ValueError(f"expected one of {', '.join(BY_NAME)}{did_you_mean(name, BY_NAME)}")
        return name

    @field_validator("channel")
    @classmethod
    def _fits(cls, name: str) -> str:
        if not is_key(name):
            raise ValueError("expected 1–64 characters of a–z, 0–9, _ . -")
        return name


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    source: str
    word_order: WordOrder = "big"
    value: list[_Value] = Field(min_length=1)


class RegisterMaps:
    """The maps that come with chowon, and those of a data folder, which come first."""

    def __init__(self, data_folder: Path | None = None) -> None:
        self._own = None if data_folder is None else data_folder / FOLDER

    def names(self) -> list[str]:
        """All of them."""
        files = [path.name for path in _shipped().iterdir()]
        found = {name.removesuffix(".toml") for name in files if name.endswith(".toml")}
        if self._own is not None:
            found |= {path.stem for path in self._own.glob("*.toml")}
        return sorted(found)

    def load(self, name: str) -> RegisterMap:
        """One of them. Errors: NotFound; MeterMisconfigured with every problem of the file."""
        if name not in self.names():
            known = self.names()
            raise NotFound(
                f"no register map {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}"
            )
        own = None if self._own is None else self._own / f"{name}.toml"
        path = own if own is not None and own.is_file() else _shipped() / f"{name}.toml"
        return parse(path.read_text("utf-8"), str(path))


def parse(text: str, where: str) -> RegisterMap:
    """A register map's file. Errors: MeterMisconfigured with every problem in it."""
    try:
        tree = toml.read(text)
    except ValueError as error:  # also a number or a nesting beyond bounds
        raise MeterMisconfigured(f"{where}: not valid TOML: {error}") from error
    try:
        file = _File.model_validate(tree)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in one['loc'])}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors()
        ]
        raise MeterMisconfigured("\n".join([f"{where}: cannot be used:", *lines])) from error
    values = (
        RegisterValue(v.channel, v.field, v.kind, v.address, v.type, v.scale, None, v.absent)
        for v in file.value
    )
    return RegisterMap(file.name, tuple(values), file.word_order)


def _shipped() -> resources.abc.Traversable:
    return resources.files("chowon.meters") / FOLDER
