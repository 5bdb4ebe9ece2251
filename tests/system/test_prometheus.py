"""Prometheus itself: it scrapes /metrics with a token, and writes what an exporter measures to us."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chowon.meters.prometheus_write import OWN
from tests.system.programs import Server, eventually, run, serve
from tests.system.prometheus import needs_prometheus, prometheus

SLOW = {"CHOWON_DEFAULTS__HOLD_S": "3600"}
"""On a busy machine a reading may be old before it is looked at."""
CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: chowon
    authorization: {credentials: "READ"}
    static_configs: [{targets: ["CHOWON"]}]
  - job_name: meters
    static_configs: [{targets: ["EXPORTER"]}]
remote_write:
  - url: http://CHOWON/prometheus/write
    authorization: {credentials: "WRITE"}
    queue_config: {batch_send_deadline: 200ms, min_backoff: 50ms, max_backoff: 200ms}
"""


@contextmanager
def exporter(*lines: str) -> Iterator[str]:
    """Somebody's exporter of a meter; its address."""
    text = "".join(f"{line}\n" for line in lines).encode()

    class Exporter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def token(server_folder, scope: str) -> str:
    issued = run("token", "issue", scope, "--scope", scope, "--data", server_folder, "--json")
    assert issued.code == 0, issued.err
    return json.loads(issued.out)["token"]


def raw(server: Server, site: str, read: str, since_ms: int) -> dict[str, list]:
    reading = {"Authorization": f"Bearer {read}"}
    sites = server.get("/sites", **reading)["sites"]
    found = [s["id"] for s in sites if s["key"] == site]
    if not found:
        return {"time_ms": [], "power_w": []}
    span = f"from={since_ms}&to={since_ms + 3_600_000}&resolution=raw"
    return server.get(f"/sites/{found[0]}/usage?{span}", **reading)


@needs_prometheus
def test_prometheus_writes_what_an_exporter_measures_and_scrapes_what_it_costs(tmp_path):
    since_ms = (int(time.time()) - 5) * 1000
    folder = tmp_path / "data"
    metrics = (
        'chowon_power_watts{site="home"} 812.5',
        'chowon_voltage_volts{site="home"} 220.4',
        'chowon_import_watthours_total{site="home"} 14834.2',
        'somebodys_temperature{site="home"} 21.5',
    )
    with serve(folder, **SLOW) as server, exporter(*metrics) as exporting:
        server.ready()
        read, write = token(folder, "read"), token(folder, "write")
        config = CONFIG.replace("CHOWON", server.http.removeprefix("http://")).replace("EXPORTER", exporting)
        with prometheus(tmp_path / "prometheus", config.replace("READ", read).replace("WRITE", write)) as p:
            found = eventually(
                lambda: f if len((f := raw(server, "home", read, since_ms))["power_w"]) > 2 else None
            )
            assert set(found["power_w"]) == {812.5}
            assert eventually(lambda: p.values("chowon_site_power_watts")) == {"home": 812.5}
            assert eventually(lambda: p.values("chowon_site_voltage_volts > 0"), 20) == {"home": 220.4}
            assert p.values("chowon_site_period_cost")["home"] >= 0
            assert p.values("chowon_readings_rejected_total > 0") == {}
            assert p.values("chowon_healthy") == {server.http.removeprefix("http://"): 1}
            log = p.log.read_text()
        reading = {"Authorization": f"Bearer {read}"}
        (site,) = server.get("/sites", **reading)["sites"]
        assert [(c["meter"], c["key"]) for c in site["channels"]] == [("main", "main")], (
            "metrics of ours came back"
        )
    assert "level=error" not in log, log


@needs_prometheus
def test_what_prometheus_could_not_write_comes_when_the_server_is_back(tmp_path):
    since_ms = (int(time.time()) - 5) * 1000
    with exporter('chowon_power_watts{site="home"} 5') as exporting:
        with serve(tmp_path / "data") as server:
            server.ready()
            port = server.http.rpartition(":")[2]
        config = CONFIG.replace("CHOWON", f"127.0.0.1:{port}").replace("EXPORTER", exporting)
        with prometheus(tmp_path / "prometheus", config) as p:
            eventually(lambda: p.values("count_over_time(chowon_power_watts[1m]) > 2"))
            with serve(tmp_path / "data", "--port", port) as server:
                server.ready()
                found = eventually(
                    lambda: f if len((f := raw(server, "home", "", since_ms))["power_w"]) > 3 else None
                )
    assert all(b - a < 3_000 for a, b in zip(found["time_ms"], found["time_ms"][1:], strict=False))


def test_metrics_read_as_prometheus_reads_them_and_none_would_come_back_as_a_reading(tmp_path):
    with serve(tmp_path / "data", CHOWON_PROMETHEUS__MAX_SITES="2", **SLOW) as server:
        server.ready()
        now = int(time.time() * 1000)
        rows = [
            {"site": f"home-{n}", "time": now - 1000 * k, "power_w": 5} for n in range(3) for k in range(3)
        ]
        assert server.post(json.dumps({"readings": rows}).encode())[0] == 200
        assert server.ask("/write", b"garbage")[0] == 400

        def families() -> dict[str, dict[tuple[str, ...], float]]:
            status, text = server.ask("/metrics")
            assert status == 200
            return {
                sample.name: {
                    tuple(s.labels.values()): s.value for s in family.samples if s.name == sample.name
                }
                for family in text_string_to_metric_families(text.decode())
                for sample in family.samples
            }

        found = eventually(lambda: f if "chowon_site_power_watts" in (f := families()) else None)
        assert set(found["chowon_site_priced"]) == {("home-0",), ("home-1",)}
        assert found["chowon_sites_left_out"][()] == 1
        assert found["chowon_readings_accepted_total"][()] == 9
        assert found["chowon_readings_rejected_total"][("influx",)] == 1
        assert found["chowon_site_power_watts"][("home-0",)] == 5
        assert set(found["chowon_site_marginal_price"]) == {("KRW", "home-0"), ("KRW", "home-1")}
        assert not set(found) & set(OWN)


@pytest.mark.parametrize("path", ["/metrics", "/prometheus/write"])
def test_without_a_token_there_is_nothing_for_prometheus(tmp_path, path):
    with serve(tmp_path / "data", CHOWON_SERVER__TOKEN="a-token-of-some-length") as server:
        status, told = server.ready().ask(path, b"" if path == "/prometheus/write" else None)
        assert status == 401
        assert b"a token is needed" in told
