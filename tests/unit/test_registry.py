"""Finding tariffs."""

from pathlib import Path

import pytest

from chowon.errors import Misconfigured, NotFound, TariffInvalid
from chowon.registry import TariffBook, read_tariff

PACKAGE = Path(__file__).parents[2] / "src" / "chowon" / "tariffs"


def test_the_package_brings_both_residential_tariffs() -> None:
    assert {"kr.kepco.residential.low", "kr.kepco.residential.high"} <= set(TariffBook().ids())


def test_a_tariff_is_read_once() -> None:
    book = TariffBook()
    assert book.load("kr.kepco.residential.low") is book.load("kr.kepco.residential.low")


def test_an_unknown_tariff_names_the_closest() -> None:
    with pytest.raises(NotFound, match=r"did you mean kr\.kepco\.residential\.low"):
        TariffBook().load("kr.kepco.residential.lwo")
    with pytest.raises(NotFound, match="chowon tariff list"):
        TariffBook().load("zz")


def test_a_file_in_an_operators_folder_replaces_one_of_the_package(tmp_path: Path) -> None:
    text = (PACKAGE / "kr/kepco/residential_low.toml").read_text(encoding="utf-8")
    file = tmp_path / "kr" / "kepco" / "residential_low.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text.replace('ko = "주택용 저압"', 'ko = "우리 요금"'), encoding="utf-8")
    assert TariffBook([tmp_path]).load("kr.kepco.residential.low").name.ko == "우리 요금"


def test_a_file_whose_id_is_not_its_path_is_refused(tmp_path: Path) -> None:
    text = (PACKAGE / "kr/kepco/residential_low.toml").read_text(encoding="utf-8")
    (tmp_path / "other.toml").write_text(text, encoding="utf-8")
    with pytest.raises(TariffInvalid, match="'other', as the file's path says"):
        TariffBook([tmp_path]).load("other")


def test_a_file_that_is_not_toml_says_where(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("id = ", encoding="utf-8")
    with pytest.raises(TariffInvalid, match=r"x\.toml is not TOML"):
        read_tariff(file, "x.toml")
    file.write_bytes(b"id = '\xff'")
    with pytest.raises(TariffInvalid, match="byte 6"):
        read_tariff(file, "x.toml")
    with pytest.raises(NotFound, match="No such file"):
        read_tariff(tmp_path / "none.toml", "none.toml")


def _install(folder: Path, value: str, text: str) -> None:
    """A package with tariffs and its entry point, as an installer leaves them."""
    tariffs = folder / "acme_tariffs" / "kr" / "acme"
    tariffs.mkdir(parents=True)
    (folder / "acme_tariffs" / "__init__.py").touch()
    (tariffs / "home.toml").write_text(text.replace("kr.kepco.residential.low", "kr.acme.home"), "utf-8")
    about = folder / "acme_tariffs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tariffs\nVersion: 1.0\n", "utf-8")
    (about / "entry_points.txt").write_text(f"[chowon.tariffs]\nacme = {value}\n", "utf-8")


def test_an_installed_package_brings_tariffs_but_replaces_none(tmp_path: Path, monkeypatch) -> None:
    text = (PACKAGE / "kr/kepco/residential_low.toml").read_text(encoding="utf-8")
    _install(tmp_path, "acme_tariffs", text)
    kepco = tmp_path / "acme_tariffs" / "kr" / "kepco"
    kepco.mkdir()
    (kepco / "residential_low.toml").write_text("nonsense", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    book = TariffBook()
    assert book.load("kr.acme.home").id == "kr.acme.home"
    assert book.load("kr.kepco.residential.low").country == "KR"


def test_an_entry_point_without_its_package_says_which(tmp_path: Path, monkeypatch) -> None:
    _install(tmp_path, "acme_tarifs", "")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Misconfigured, match="'acme_tarifs' is no package"):
        TariffBook()
