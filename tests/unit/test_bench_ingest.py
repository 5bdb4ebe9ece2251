"""The benchmark runs and counts right; how fast is for `chowon bench ingest` to say."""

import numpy as np

from chowon.bench.ingest import FORMATS, measure_decoding, measure_sink, measure_to_durable, sample
from tests.ingest_fakes import Intake, MemoryJournal, MemorySites


def test_every_format_is_measured_alone_and_to_the_journal() -> None:
    journal = MemoryJournal()
    alone = measure_decoding(homes=3, seconds=2, at_least_s=0.0)
    durable = measure_to_durable(journal, MemorySites(), homes=3, seconds=2, payloads=4, at_once=2)
    names = [module.DECODER.name for module in FORMATS]
    assert [f.what.split(":")[0] for f in alone] == [f.what.split(":")[0] for f in durable] == names
    assert len(journal.readings) == len(FORMATS) * (4 + 1) * 6
    assert all(f.p99_ms is not None and f.readings_per_s > 0 for f in durable)


def test_any_sink_can_be_measured() -> None:
    async def scene(intake: Intake) -> None:
        batch = sample(2, 3).readings(np.array([1, 2], np.uint32))
        figure = await measure_sink(intake.pipeline, batch, batches=5, at_once=2)
        assert figure.readings_per_payload == 6
        assert len(intake.journal.readings) == 30

    Intake().run(scene)


def test_the_sample_is_the_same_each_time() -> None:
    first, second = sample(3, 4), sample(3, 4)
    assert all((first.columns[name] == second.columns[name]).all() for name in first.columns)
