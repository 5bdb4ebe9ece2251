"""SunSpec: devices that tell by themselves which registers hold what.

Models 101–103 and 111–113 (inverters), 201–204 and 211–214 (meters), after the SunSpec Alliance's information
model reference. A meter's power is kept as it comes: positive is taken from the grid. What an inverter makes
is given, so its power and its lifetime counter are turned.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from chowon.meters.names import DEFAULT_NAME
from chowon.meters.register_map import NumberType, RegisterMap, RegisterValue

MARK: Final = (0x5375, 0x6E53)
""""SunS", which stands where the models begin"""
BASES: Final = (40_000, 50_000, 0)
"""Where it may stand, in the order in which to look"""
END: Final = 0xFFFF
MOST_MODELS: Final = 100
_FIRST_METER: Final = 200
COMMON_LENGTH: Final = 64
"""Registers of texts in model 1: maker (16), model (16), options (8), version (8), serial number (16)"""
_ABSENT: Final = {"int16": 0x8000, "uint16": 0xFFFF, "uint32": 0, "float32": None}
"""A lifetime counter that isn't kept is 0 for ever; a float that isn't there is no number"""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as a device announces it."""

    id: int
    address: int
    """Of its id"""
    length: int
    """Registers after id and length"""

    @property
    def next_address(self) -> int:
        """Where the next model's id stands."""
        return self.address + 2 + self.length


@dataclass(frozen=True, slots=True)
class _Point:
    channel: str
    field: str
    offset: int
    type: NumberType
    exponent_at: int | None
    scale: float = 1.0


def text(words: Sequence[int]) -> str:
    """What a device wrote into registers, two characters each."""
    raw = b"".join(word.to_bytes(2, "big") for word in words)
    return raw.split(b"\0")[0].decode("utf-8", "replace").strip()


def layout(models: Sequence[Model]) -> RegisterMap | None:
    """The registers of the first inverter or meter among the models; None without one of those we know."""
    for model in models:
        points = [p for p in _points(model.id) if p.offset < model.length + 2]
        if points:
            name, inverter = f"SunSpec model {model.id}", model.id < _FIRST_METER
            return RegisterMap(name, tuple(_values(model, points)), makes=inverter)
    return None


def _values(model: Model, points: Sequence[_Point]) -> Iterator[RegisterValue]:
    for point in points:
        exponent_at = None if point.exponent_at is None else model.address + point.exponent_at
        yield RegisterValue(
            point.channel,
            point.field,
            "holding",
            model.address + point.offset,
            point.type,
            point.scale,
            exponent_at,
            _ABSENT[point.type],
        )


def _points(model_id: int) -> list[_Point]:
    if 101 <= model_id <= 103:
        return _inverter("int16", "uint32", (2, 6), (10, 13), (14, 15), (16, 17), (20, 21), (24, 26))
    if 111 <= model_id <= 113:
        offsets = ((at, None) for at in (2, 16, 22, 24, 28, 32))
        return _inverter("float32", "float32", *offsets)
    if 201 <= model_id <= 204:
        return _meter("int16", "uint32", 1, (2, 6), (7, 15), (16, 17), (18, 22), (28, 32), (38, 54), (46, 54))
    if 211 <= model_id <= 214:
        offsets = ((at, None) for at in (2, 10, 26, 28, 44, 60, 68))
        return _meter("float32", "float32", 2, *offsets)
    return []


_Place: TypeAlias = tuple[int, int | None]
"""(offset of the number, offset of its exponent); both from the model's id on"""


def _inverter(
    number: NumberType,
    counter: NumberType,
    current: _Place,
    voltage: _Place,
    power: _Place,
    frequency: _Place,
    reactive: _Place,
    energy: _Place,
) -> list[_Point]:
    """What it makes is given: power below 0, and its lifetime counter is one of export."""
    main = DEFAULT_NAME
    return [
        _Point(main, "power_w", power[0], number, power[1], -1.0),
        _Point(main, "reactive_var", reactive[0], number, reactive[1], -1.0),
        _Point(main, "voltage_v", voltage[0], number, voltage[1]),
        _Point(main, "current_a", current[0], number, current[1]),
        _Point(main, "frequency_hz", frequency[0], number, frequency[1]),
        _Point(main, "export_wh", energy[0], counter, energy[1]),
    ]


def _meter(
    number: NumberType,
    counter: NumberType,
    width: int,
    current: _Place,
    voltage: _Place,
    frequency: _Place,
    power: _Place,
    reactive: _Place,
    exported: _Place,
    imported: _Place,
) -> list[_Point]:
    """width: registers of a number; the three phases stand behind the total of each."""
    main = DEFAULT_NAME
    points = [
        _Point(main, "frequency_hz", frequency[0], number, frequency[1]),
        _Point(main, "import_wh", imported[0], counter, imported[1]),
        _Point(main, "export_wh", exported[0], counter, exported[1]),
    ]
    for n, channel in enumerate((main, f"{main}-l1", f"{main}-l2", f"{main}-l3")):
        for field, (offset, exponent) in (
            ("power_w", power),
            ("reactive_var", reactive),
            ("voltage_v", voltage),
            ("current_a", current),
        ):
            points.append(_Point(channel, field, offset + n * width, number, exponent))
    return points
