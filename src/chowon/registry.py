"""Finding what can be plugged in. So far: tariffs, one TOML file each.

A file's path gives its id: kr/kepco/residential_low.toml is kr.kepco.residential.low. An installed package
brings tariffs by an entry point of the group "chowon.tariffs" that names a package whose folder is laid out
as chowon.tariffs is: `[project.entry-points."chowon.tariffs"]`, `acme = "acme_tariffs"`.
"""

import difflib
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from chowon.domain import toml
from chowon.domain.tariff import Tariff, parse
from chowon.domain.tariff.calendars import HolidayRule
from chowon.errors import Misconfigured, NotFound, Problem, TariffInvalid, shortened

_GROUP: Final = "chowon.tariffs"


class TariffBook:
    """The tariffs of chowon, of installed packages and in folders that the operator names.

    A file is read when asked for, once. Of the same id the operator's comes before chowon's own, and that
    before an installed package's: no package changes a bill unasked. Errors: Misconfigured for an entry
    point that names no package.
    """

    def __init__(self, folders: Sequence[Traversable] = ()) -> None:
        self._files: dict[str, tuple[str, Traversable]] = {}
        for root in (*_installed(), resources.files("chowon.tariffs"), *folders):
            self._files.update({_id_of(path): (path, file) for path, file in _toml_files(root, "")})
        self._read: dict[str, Tariff] = {}

    @classmethod
    def beside(cls, data_folder: Path) -> "TariffBook":
        """With the operator's own files, in `tariffs/` of the data folder, where there is such a folder."""
        own = data_folder / "tariffs"
        return cls([own] if own.is_dir() else [])

    def ids(self) -> list[str]:
        """Ids of all tariffs, sorted."""
        return sorted(self._files)

    def load(self, tariff_id: str) -> Tariff:
        """The tariff. Errors: NotFound with close matches, TariffInvalid."""
        if tariff_id not in self._read:
            if tariff_id not in self._files:
                close = difflib.get_close_matches(tariff_id, self.ids(), 3, 0.5)
                hint = f"did you mean {' or '.join(close)}?" if close else "`chowon tariff list` shows all"
                raise NotFound(f"no tariff {shortened(tariff_id)}; {hint}")
            path, file = self._files[tariff_id]
            tariff = read_tariff(file, path)
            if tariff.id != tariff_id:
                problem = Problem(f"{path}: id", repr(tariff.id), f"{tariff_id!r}, as the file's path says")
                raise TariffInvalid(f"{path} cannot be used: 1 problem", [problem])
            self._read[tariff_id] = tariff
        return self._read[tariff_id]


def _installed() -> Iterator[Traversable]:
    """The folders that installed packages bring, by the names of their entry points."""
    for point in sorted(metadata.entry_points(group=_GROUP), key=lambda point: point.name):
        try:
            yield resources.files(point.value)
        except (ImportError, TypeError) as error:
            raise Misconfigured(
                f"entry point {point.name!r} of {_GROUP}: {point.value!r} is no package ({error}); mend or "
                "uninstall the package that brings it"
            ) from error


def read_tariff(file: Traversable, where: str) -> Tariff:
    """The tariff in this file. `where` names it in messages. Errors: NotFound, TariffInvalid."""
    try:
        text = file.read_bytes().decode()
        document = toml.read(text, parse_float=Decimal)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise NotFound(f"{where}: {error.strerror}; name a TOML file that can be read") from error
    except UnicodeDecodeError as error:
        problem = Problem(f"{where}: byte {error.start}", "bytes that are not UTF-8", "a text file in UTF-8")
        raise TariffInvalid(f"{where} cannot be read", [problem]) from error
    except (ValueError, ArithmeticError) as error:  # also numbers and nesting beyond bounds
        raise TariffInvalid(f"{where} is not TOML", [Problem(where, str(error), "valid TOML 1.0")]) from error
    return parse(document, where, holiday_dates)


@cache
def holiday_dates(rule: HolidayRule, year: int) -> frozenset[date]:
    """The rule's holidays of a year, from the `holidays` library. Errors: TariffInvalid."""
    import holidays  # noqa: PLC0415  70 ms, for tariffs with holidays only

    try:
        found = holidays.country_holidays(
            rule.country,
            subdiv=rule.subdivision,
            years=year,
            categories=rule.categories,
            language=rule.language,
        )
    except (NotImplementedError, ValueError) as error:
        problem = Problem(
            "holidays", str(error), "a country, subdivision and categories that `holidays` knows"
        )
        raise TariffInvalid("holidays cannot be told: 1 problem", [problem]) from error
    return frozenset(day for day, name in found.items() if not any(word in name for word in rule.without))


def _toml_files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _toml_files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".toml"):
            yield f"{prefix}{entry.name}", entry


def _id_of(path: str) -> str:
    return path.removesuffix(".toml").replace("/", ".").replace("_", ".")
