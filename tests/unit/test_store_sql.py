"""SQL over lake and journal sees what every other question sees."""

import numpy as np
import pytest

from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.errors import BadInput
from chowon.jobs.seal import Sealer
from chowon.store.opening import open_reader, open_store
from chowon.store.sql import ask
from tests.store_samples import NOON_MS


@pytest.fixture
def folder(tmp_path):
    """Sealed readings, of which some are replaced in the lake, some by the unsealed tail."""
    store = open_store(tmp_path)
    main = store.sites.register(ChannelKey("home", "main", "main"), 10_000)
    fridge = store.sites.register(ChannelKey("home", "main", "fridge"), 10_000)

    def add(channel: int, offsets: list[int], power: list[int], voltage: list[int] | None = None) -> None:
        volts = None if voltage is None else np.array(voltage, np.int32)
        times = NOON_MS + np.array(offsets, np.int64)
        ids = np.full(len(times), channel, np.uint32)
        store.journal.append([Readings(ids, times, np.array(power, np.int32), voltage_dv=volts)])

    add(main.id, [0, 1000, 2000], [10, 20, 30])
    Sealer(store).run(NOON_MS)
    add(main.id, [1000], [25], [2200])
    Sealer(store).run(NOON_MS)
    add(main.id, [2000, 3000], [35, 40])
    add(fridge.id, [0], [5])
    yield tmp_path, store
    store.close()


QUESTION = (
    "SELECT epoch_ms(time) - {0} AS ms, channel, power_w, voltage_v FROM readings ORDER BY channel, time"
)


def test_the_last_appended_counts_in_lake_and_tail_also_for_another_process(folder):
    path, store = folder
    expected = [
        (0, "fridge", 0.5, None),
        (0, "main", 1.0, None),
        (1000, "main", 2.5, 220.0),
        (2000, "main", 3.5, None),
        (3000, "main", 4.0, None),
    ]
    reader = open_reader(path)
    try:
        for asked in (store, reader):
            rows = ask(asked, QUESTION.format(NOON_MS)).to_pylist()
            assert [tuple(row.values()) for row in rows] == expected
    finally:
        reader.close()


def test_sites_and_channels_can_be_joined(folder):
    rows = ask(folder[1], "SELECT s.tariff, count(*) AS n FROM readings JOIN sites s USING (site) GROUP BY 1")
    assert rows.to_pylist() == [{"tariff": "kr.kepco.residential.low", "n": 5}]


def test_a_folder_without_readings_answers_too(tmp_path):
    store = open_store(tmp_path)
    assert ask(store, "SELECT count(*) AS n FROM readings").to_pylist() == [{"n": 0}]
    store.close()


@pytest.mark.parametrize("question", ["SELEC 1", "SELECT nothing FROM readings", "SELECT * FROM nowhere"])
def test_what_duckdb_says_of_a_wrong_statement_is_told(folder, question):
    with pytest.raises(BadInput, match=r"Error"):
        ask(folder[1], question)
