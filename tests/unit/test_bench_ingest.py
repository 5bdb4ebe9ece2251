"""The benchmark runs and counts right; how fast is for `chowon bench ingest` to say."""

import threading
import time

import cramjam
import numpy as np

from chowon.bench.ingest import FORMATS, measure_decoding, measure_sink, measure_to_durable, sample, ways
from chowon.bench.payloads import emoncms_bulk, remote_write
from chowon.bench.sampling import sampled
from chowon.domain.readings import absent_of
from chowon.meters import emoncms, influx_line, prometheus_write
from chowon.meters.decoded import Envelope
from tests.ingest_fakes import Intake, MemoryDevices, MemoryJournal, MemorySites


def test_every_format_is_measured_alone_and_to_the_journal() -> None:
    journal = MemoryJournal()
    alone = measure_decoding(homes=3, seconds=2, at_least_s=0.0)
    measured = measure_to_durable(
        journal, MemorySites(), MemoryDevices(), homes=3, seconds=2, payloads=4, at_once=2, profile=True
    )
    durable = [figure for figure, _ in measured]
    names = [module.DECODER.name for module in FORMATS]
    assert [f.what.split(":")[0] for f in alone] == names
    assert [f.what.split(":")[0] for f in durable] == [way.name for way in ways()]
    assert len(journal.readings) == sum(way.n_a_reading for way in ways()) * (4 + 1) * 6
    assert all(f.p99_ms is not None and f.readings_per_s > 0 for f in durable)


def test_the_words_of_others_say_the_same_readings() -> None:
    readings = sample(2, 3)
    envelope = Envelope(int(readings.time_ms[-1]))
    nodes = emoncms.DECODER.decode(emoncms_bulk(readings), envelope)
    assert [(k.meter, k.channel) for k in nodes.keys] == [("home-00000", "1"), ("home-00001", "1")]
    assert nodes.time_ms.tolist() == readings.time_ms.tolist()
    assert {n: c.tolist() for n, c in nodes.columns.items()} == {
        n: c.tolist() for n, c in readings.columns.items()
    }
    plain = bytes(cramjam.snappy.decompress_raw(remote_write(readings)))
    series = prometheus_write.DECODER.decode(plain, envelope)
    assert series.keys == readings.keys
    for name, column in readings.columns.items():
        sent = series.columns[name]
        assert sorted(sent[sent != absent_of(name)].tolist()) == sorted(column.tolist())


def test_samples_tell_the_function_of_a_busy_thread() -> None:
    readings = sample(20, 20)
    lines = influx_line.encode(readings)
    busy = threading.Event()

    def work() -> None:
        while not busy.is_set():
            influx_line.exactly(lines, Envelope(int(readings.time_ms[-1])))

    thread = threading.Thread(target=work)
    with sampled() as samples:
        thread.start()
        deadline_s = time.monotonic() + 30
        while not (shares := dict(samples.shares())) and time.monotonic() < deadline_s:
            thread.join(0.01)
        busy.set()
        thread.join()
    assert any(name.startswith("meters.influx_line.") for name in shares)


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
