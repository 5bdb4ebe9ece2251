"""Prometheus remote write: what is electricity, what is refused, and what a metric of others means."""

import cramjam
import numpy as np
import pytest

from chowon.config import MetricSetting, load
from chowon.domain.readings import QUANTITIES
from chowon.errors import Misconfigured
from chowon.ingest.http_writes import Answer
from chowon.ingest.remote_write import write_remote
from chowon.meters.decoded import Decoded, Envelope
from chowon.meters.fields import BY_NAME, FIELDS
from chowon.meters.prometheus_messages import Label, WriteRequest
from chowon.meters.prometheus_write import BUILT_IN, DECODER, OWN, ForeignMetric, PrometheusWrite
from tests.ingest_fakes import NOW_MS, Intake, disk_full


def request(*series: tuple[dict[str, str], float]) -> bytes:
    return WriteRequest(
        timeseries=[
            {
                "labels": [Label(name=n, value=v).SerializeToString() for n, v in labels.items()],
                "samples": [{"value": value, "timestamp": NOW_MS}],
            }
            for labels, value in series
        ]
    ).SerializeToString()


def power(value: float = 1.0, **labels: str) -> tuple[dict[str, str], float]:
    return {"__name__": "chowon_power_watts"} | labels, value


async def _post(intake: Intake, plain: bytes, **how: object) -> Answer:
    told = {"content_type": "application/x-protobuf", "content_encoding": "snappy"} | how
    body = bytes(cramjam.snappy.compress_raw(plain))
    return await write_remote(intake.door, DECODER, body, now_ms=NOW_MS, **told)  # type: ignore[arg-type]


def decode(decoder: PrometheusWrite, *series: tuple[dict[str, str], float]) -> Decoded:
    return decoder.decode(request(*series), Envelope(NOW_MS))


def test_every_quantity_has_a_metric_of_ours():
    assert {field for field, _ in OWN.values()} == {field.name for field in FIELDS}


def test_the_setting_knows_every_quantity():
    allowed = MetricSetting.model_json_schema()["properties"]["quantity"]["enum"]
    assert allowed == [field.name for field in FIELDS]


def test_built_in_metrics_are_of_known_quantities():
    assert {metric.quantity for metric in BUILT_IN} <= set(BY_NAME)


def test_quantities_of_one_instant_are_kept_apart_however_they_are_spread_over_requests():
    series = [({"__name__": metric, "site": "home"}, 1.0) for metric in OWN if "joules" not in metric]
    together = decode(DECODER, *series)
    one_by_one = [decode(DECODER, one).time_ms.tolist()[0] for one in series]
    assert together.time_ms.tolist() == one_by_one
    assert sorted(one_by_one) == [NOW_MS + n for n in range(len(QUANTITIES))]


def test_metrics_of_others_are_devices_by_the_labels_that_the_setting_names():
    shelly = ForeignMetric("shelly_kw", "power_w", 1000.0, ("host", "id"), ("phase",))
    labels = {"__name__": "shelly_kw", "host": "Shed", "id": "7", "phase": "b"}
    found = decode(PrometheusWrite([shelly]), (labels, 1.5))
    assert [str(key) for key in found.keys] == ["~prometheus/shed_7/b"]
    assert found.columns["power_dw"].tolist() == [15_000]
    assert len(decode(DECODER, (labels, 1.5))) == 0


def test_a_series_is_read_once_and_remembered():
    decoder = PrometheusWrite()
    for _ in range(3):
        decode(decoder, power(site="home"), power(site="b"))
    assert decoder._series.cache_info().misses == 2


def test_electricity_is_stored_and_the_rest_is_no_error():
    async def scene(intake: Intake) -> None:
        answer = await _post(intake, request(power(812.5, site="home"), ({"__name__": "up"}, 1.0)))
        assert (answer.status, answer.body) == (204, b"")
        assert len(intake.journal.readings) == 1
        assert (await _post(intake, b"")).status == 204

    Intake().run(scene)


def test_good_samples_are_kept_and_bad_ones_named():
    async def scene(intake: Intake) -> None:
        answer = await _post(intake, request(power(site="home"), power(np.inf, site="b"), power()))
        assert answer.status == 400
        assert b"2 samples are not taken" in answer.body
        assert b"timeseries[1].power_w" in answer.body
        assert b"timeseries[2].site" in answer.body
        assert len(intake.journal.readings) == 1

    Intake().run(scene)


@pytest.mark.parametrize(
    "how",
    [
        {"content_type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"},
        {"content_type": "application/json"},
        {"content_type": ""},
        {"content_encoding": "gzip"},
        {"content_encoding": ""},
    ],
)
def test_another_version_or_coding_is_415_and_says_what_is_spoken(how):
    async def scene(intake: Intake) -> None:
        answer = await _post(intake, request(power(site="home")), **how)
        assert answer.status == 415
        assert b"protobuf_message: prometheus.WriteRequest" in answer.body
        assert intake.journal.appends == 0

    Intake().run(scene)


def test_the_long_name_of_version_1_is_taken():
    async def scene(intake: Intake) -> None:
        kind = "application/x-protobuf;proto=prometheus.WriteRequest"
        assert (await _post(intake, request(power(site="home")), content_type=kind)).status == 204

    Intake().run(scene)


def test_a_bomb_is_refused_by_the_size_that_it_tells():
    async def scene(intake: Intake) -> None:
        assert (await _post(intake, bytes(50_000_000))).status == 413
        assert (await _post(intake, bytes(101), limit=100)).status == 413

    Intake().run(scene)


@pytest.mark.parametrize("body", [b"", b"\xff" * 20, b"\x0aplain", b"\x05\x00"])
def test_what_is_no_snappy_is_400(body):
    async def scene(intake: Intake) -> None:
        answer = await write_remote(
            intake.door,
            DECODER,
            body,
            content_type="application/x-protobuf",
            content_encoding="snappy",
            now_ms=NOW_MS,
        )
        assert answer.status == 400
        assert b"snappy" in answer.body

    Intake().run(scene)


def test_what_is_no_protobuf_is_400():
    async def scene(intake: Intake) -> None:
        assert (await _post(intake, b"\x0a\xff")).status == 400

    Intake().run(scene)


def test_an_unavailable_store_is_503_so_that_prometheus_sends_it_again():
    async def scene(intake: Intake) -> None:
        intake.journal.fail_with = disk_full()
        answer = await _post(intake, request(power(site="home")))
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0

    Intake().run(scene)


def test_a_metric_in_the_configuration_is_checked(tmp_path):
    file = tmp_path / "chowon.toml"
    file.write_text('[[prometheus.metrics]]\nmetric = "a"\nquantity = "power_w"\nchannels = ["x"]\n')
    with pytest.raises(Misconfigured, match="did you mean channel"):
        load(file, {})
    file.write_text('[[prometheus.metrics]]\nmetric = "a"\nquantity = "import_wh"\nfactor = 1000\n')
    (metric,) = load(file, {}).config.prometheus.metrics
    assert (metric.metric, metric.factor, metric.device, metric.channel) == ("a", 1000, ("instance",), ())
