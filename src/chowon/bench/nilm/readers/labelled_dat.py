"""REDD's low_freq and UK-DALE: a folder a house, labels.dat ("1 mains"), channel_N.dat ("1303132929 222.20").

Kolter & Johnson 2011, readme of low_freq; Kelly & Knottenbelt 2015, UK-DALE. Seconds since 1970 UTC and W
(REDD's mains: VA, two legs). UK-DALE's mains.dat of one second is not read: its aggregate channel is.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa

from chowon.bench.nilm.homes import RawHome, home_id
from chowon.bench.nilm.readers.tables import table, trace
from chowon.domain.nilm.power import Trace
from chowon.errors import DataSetInvalid, NotFound, Problem, shortened

_MAINS: Final = frozenset({"mains", "aggregate"})


def read_redd(folder: Path, home: str) -> RawHome:
    """House `home` ("1") of the folder low_freq. Errors: NotFound, DataSetInvalid."""
    return _read(folder, home, "redd")


def read_uk_dale(folder: Path, home: str) -> RawHome:
    """House `home` ("1") of the unpacked ukdale folder. Errors: NotFound, DataSetInvalid."""
    return _read(folder, home, "uk-dale")


def _read(folder: Path, home: str, dataset: str) -> RawHome:
    house = folder / f"house_{home}"
    labels = _labels(house / "labels.dat")
    mains = [_channel(house, number) for number, label in labels if label in _MAINS]
    names = Counter(label for _, label in labels)
    met: Counter[str] = Counter()
    appliances = {}
    for number, label in labels:
        if label not in _MAINS:
            met[label] += 1
            name = label if names[label] == 1 else f"{label}_{met[label]}"
            appliances[name] = _channel(house, number)
    return RawHome(home_id(dataset, home), mains, appliances, {"clock": "UTC"})


def _labels(path: Path) -> list[tuple[int, str]]:
    if not path.is_file():
        raise NotFound(f"{path}: no such file; name the folder that holds house_1, house_2, …")
    rows = [line.split() for line in path.read_text("utf-8").splitlines() if line.strip()]
    wrong = [row for row in rows if len(row) != 2 or not row[0].isdigit()]
    if wrong:
        problem = Problem("line", shortened(" ".join(wrong[0])), "a channel's number and its label")
        raise DataSetInvalid(f"{path} cannot be read", [problem])
    return [(int(number), label) for number, label in rows]


def _channel(house: Path, number: int) -> Callable[[], Trace]:
    def channel() -> Trace:
        path = house / f"channel_{number}.dat"
        read = table(path, {"time": pa.float64(), "watts": pa.float64()}, " ", header=False)
        return trace(read["time"], read["watts"])

    return channel
