"""Every example of docs/how-to/serial-and-modbus.md is a file that can be used."""

import re
from pathlib import Path

from chowon.ingest.source_file import ModbusSource, read_source
from chowon.meters.register_files import RegisterMaps

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serial-and-modbus.md"


def test_every_example_of_the_page_can_be_used(tmp_path):
    examples = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    sources = [example for example in examples if example.startswith("kind")]
    assert len(sources) == 4
    for n, text in enumerate(sources):
        path = tmp_path / f"{n}.toml"
        path.write_text(text, "utf-8")
        source = read_source(path)
        if isinstance(source, ModbusSource) and source.registers != "sunspec":
            assert RegisterMaps().load(source.registers)


def test_the_map_of_the_page_can_be_used(tmp_path):
    (example,) = re.findall(r"```toml\n(name = .*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "registers").mkdir()
    (tmp_path / "registers" / "mine.toml").write_text(example, "utf-8")
    power, energy = RegisterMaps(tmp_path).load("mine").values
    assert (power.address, power.scale, energy.absent) == (40, 0.1, 2**32 - 1)


def test_all_maps_that_come_along_are_named_on_the_page():
    page = PAGE.read_text("utf-8")
    assert all(f"`{name}`" in page for name in RegisterMaps().names())
