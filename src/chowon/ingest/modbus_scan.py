"""Looking for SunSpec devices at an address that a person named."""

from collections.abc import Iterable
from dataclasses import dataclass

from chowon.ingest.modbus import SunspecDevice, found_at
from chowon.ingest.source_file import ModbusSource
from chowon.meters.fields import key_from

ANSWER_S = 1.0


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device that answered, and the file that makes chowon ask it."""

    unit: int
    device: SunspecDevice
    file: str
    """TOML, for `meters/` of the data folder"""


async def scan(tcp: str, site: str, units: Iterable[int] = range(1, 11)) -> list[FoundDevice]:
    """The SunSpec devices among these units. tcp: host:port.

    Errors: SourceTrouble when nothing at all listens there; ExtraMissing.
    """
    found = []
    for unit in units:
        settings = {"kind": "modbus", "site": site, "tcp": tcp, "unit": unit, "answer_s": ANSWER_S}
        source = ModbusSource.model_validate(settings)
        device = await found_at(source)
        if device is not None:
            found.append(FoundDevice(unit, device, _file(source, device)))
    return found


def _file(source: ModbusSource, device: SunspecDevice) -> str:
    meter = key_from("-".join(word for word in (device.model, str(source.unit)) if word))
    lines = [
        f"# {device.maker} {device.model}, serial number {device.serial}",
        'kind = "modbus"',
        f'site = "{source.site}"',
        f'meter = "{meter}"',
        f'tcp = "{source.tcp}"',
        f"unit = {source.unit}",
        'registers = "sunspec"',
    ]
    return "\n".join(lines) + "\n"
