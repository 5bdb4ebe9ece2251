"""TOML that Python cannot hold: every kind of file is refused in its own words, never with a traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chowon import config, registry
from chowon.errors import MeterMisconfigured, Misconfigured, TariffInvalid
from chowon.ingest.source_file import read_source
from chowon.meters import register_files

BEYOND = {
    "number": "x = " + "9" * 5000,
    "nesting": "x = " + "[" * 5000,
    "text": "x = '\udcff'",
}
FILES: dict[str, tuple[Callable[[Path], object], type[Exception]]] = {
    "configuration": (lambda path: config.load(path, {}), Misconfigured),
    "meter": (read_source, MeterMisconfigured),
    "register map": (
        lambda path: register_files.parse(path.read_text("utf-8", "surrogateescape"), "x"),
        MeterMisconfigured,
    ),
    "tariff": (lambda path: registry.read_tariff(path, "x.toml"), TariffInvalid),
}


@pytest.mark.parametrize("beyond", BEYOND)
@pytest.mark.parametrize("kind", FILES)
def test_what_toml_cannot_hold_is_refused_in_words(kind: str, beyond: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(BEYOND[beyond].encode("utf-8", "surrogateescape"))
    read, error = FILES[kind]
    with pytest.raises(error, match=r"x\.toml|x: "):
        read(path)


def test_an_exponent_beyond_all_bounds_in_a_tariff_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("x = 1e" + "9" * 30)
    with pytest.raises(TariffInvalid, match="not TOML"):
        registry.read_tariff(path, "x.toml")
