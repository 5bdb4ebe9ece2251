"""Which register of a Modbus device holds what: plans the reads and makes readings of the answers."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal

RegisterKind = Literal["holding", "input"]
NumberType = Literal["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
WordOrder = Literal["big", "little"]

_LENGTHS: Final[dict[NumberType, int]] = {
    "int16": 1,
    "uint16": 1,
    "int32": 2,
    "uint32": 2,
    "float32": 2,
    "int64": 4,
    "uint64": 4,
    "float64": 4,
}
_FORMATS: Final[dict[NumberType, str]] = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "uint64": ">Q",
    "float32": ">f",
    "float64": ">d",
}
MOST_AT_ONCE: Final = 120
"""Modbus answers at most 125 registers."""
_BRIDGED: Final = 16
"""So many registers that nobody wants are read along rather than asking twice."""
_LARGEST_EXPONENT: Final = 10
Registers = Mapping[tuple[RegisterKind, int], int]
"""(kind, address) → what the register holds, 0 to 65535"""


@dataclass(frozen=True, slots=True)
class RegisterValue:
    """One number of a device."""

    channel: str
    field: str
    """A name of meters.fields.FIELDS, e.g. "power_w\""""
    kind: RegisterKind
    address: int
    """As sent on the wire, from 0"""
    type: NumberType
    scale: float = 1.0
    """Value = number × scale × 10^exponent"""
    exponent_at: int | None = None
    """Register (int16) that holds the exponent, as in SunSpec"""
    absent: int | None = None
    """The number that says "not there" (SunSpec: 0x8000)"""

    @property
    def length(self) -> int:
        """Registers that it takes."""
        return _LENGTHS[self.type]


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """What is read of a device."""

    name: str
    values: tuple[RegisterValue, ...]
    word_order: WordOrder = "big"
    """Which half of a long number comes first"""
    makes: bool = False
    """It is that of something that makes power"""


@dataclass(frozen=True, slots=True)
class Block:
    """Registers that are asked for at once."""

    kind: RegisterKind
    address: int
    count: int


def blocks(map_: RegisterMap) -> tuple[Block, ...]:
    """The fewest questions that bring all values, each within what Modbus answers."""
    spans = sorted(
        {
            *((v.kind, v.address, v.address + v.length) for v in map_.values),
            *((v.kind, v.exponent_at, v.exponent_at + 1) for v in map_.values if v.exponent_at is not None),
        }
    )
    found: list[Block] = []
    for kind, start, end in spans:
        last = found[-1] if found else None
        near = last is not None and last.kind == kind and start - (last.address + last.count) <= _BRIDGED
        if last is not None and near and end - last.address <= MOST_AT_ONCE:
            found[-1] = Block(kind, last.address, max(last.count, end - last.address))
        else:
            found.append(Block(kind, start, end - start))
    return tuple(found)


def answered(block: Block, registers: Sequence[int]) -> dict[tuple[RegisterKind, int], int]:
    """The answer to one question, by address."""
    return {(block.kind, block.address + n): value for n, value in enumerate(registers[: block.count])}


def values_of(map_: RegisterMap, registers: Registers) -> dict[tuple[str, str], float]:
    """(channel, field) → value in the unit of the field. What a device marks as not there is left out."""
    found: dict[tuple[str, str], float] = {}
    for value in map_.values:
        number = _number(value, map_.word_order, registers)
        if number is not None:
            found.setdefault((value.channel, value.field), number)
    return found


def _number(value: RegisterValue, order: WordOrder, registers: Registers) -> float | None:
    words = [registers.get((value.kind, value.address + n)) for n in range(value.length)]
    if None in words:
        return None
    ordered = words if order == "big" else words[::-1]
    raw = struct.pack(f">{value.length}H", *ordered)
    (number,) = struct.unpack(_FORMATS[value.type], raw)
    if int.from_bytes(raw, "big") == value.absent or not isfinite(number):
        return None
    exponent = 0
    if value.exponent_at is not None:
        word = registers.get((value.kind, value.exponent_at))
        if word is None:
            return None
        exponent = word - 0x10000 if word >= 0x8000 else word
        if abs(exponent) > _LARGEST_EXPONENT:
            return None
    # a power of ten below one is divided by: 2311 / 10 is exact to the last digit, 2311 × 0.1 is not
    scaled = number * 10**exponent if exponent >= 0 else number / 10**-exponent
    return float(scaled * value.scale)
