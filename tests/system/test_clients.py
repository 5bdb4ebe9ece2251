"""What others write with, as it is: influxdb-client, curl-like posts, Arrow; and what is kept out."""

import contextlib
import gzip
import http.client
import json
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
import websockets
import websockets.sync.client
from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS, WriteOptions
from influxdb_client.rest import ApiException

from tests.system.programs import READY_S, Server, eventually, run, serve

START_MS = 1_795_312_800_000
TOKEN = "a-token-of-forty-characters-for-the-test"
PASSWORD = "a-password-nobody-may-see"
ARROW = "application/vnd.apache.arrow.stream"
MIB = 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Open, on loopback; each test writes to a site of its own."""
    with serve(tmp_path_factory.mktemp("data") / "home", CHOWON_SERVER__MAX_BODY_MIB="2") as running:
        yield running.ready()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that asks for a token."""
    with serve(tmp_path_factory.mktemp("data") / "home", CHOWON_SERVER__TOKEN=TOKEN) as running:
        yield running.ready()


def powers(server: Server, site: str, **headers: str) -> list[float]:
    """The powers of a site's day as they are kept."""
    found = next(s["id"] for s in server.get("/sites", **headers)["sites"] if s["key"] == site)
    span = f"from={START_MS}&to={START_MS + 86_400_000}&resolution=raw"
    return server.get(f"/sites/{found}/usage?{span}", **headers)["power_w"]


def readings(site: str, *powers_w: object) -> bytes:
    rows = [{"site": site, "time": START_MS + 1000 * n, "power_w": p} for n, p in enumerate(powers_w)]
    return json.dumps({"readings": rows}).encode()


def points(site: str, count: int) -> list[Point]:
    return [
        Point("meter")
        .tag("site", site)
        .field("power_w", 100.5 + n)
        .time(datetime.fromtimestamp(START_MS / 1000 + n, UTC), WritePrecision.MS)
        for n in range(count)
    ]


def test_the_influx_client_writes_batches_with_gzip(server):
    options = WriteOptions(batch_size=500, flush_interval=1_000, max_retries=0)
    failures: list[object] = []
    with (
        InfluxDBClient(server.http, token="any", org="home", enable_gzip=True) as client,
        client.write_api(options, error_callback=lambda *told: failures.append(told)) as writer,
    ):
        writer.write("bucket", record=points("influx", 1_200))
    assert failures == []
    assert powers(server, "influx") == [100.5 + n for n in range(1_200)]


def test_the_influx_client_is_told_which_line_was_wrong_and_the_others_are_kept(server):
    lines = [
        f"meter,site=partly power_w={p} {START_MS + 1000 * n}" for n, p in enumerate(["1", '"much"', "3"])
    ]
    with InfluxDBClient(server.http, token="any", org="home") as client:
        writer = client.write_api(write_options=SYNCHRONOUS)
        with pytest.raises(ApiException) as told:
            writer.write("bucket", record=lines, write_precision=WritePrecision.MS)
    assert told.value.status == 422
    assert "line 2" in told.value.body
    assert powers(server, "partly") == [1, 3]


def test_influx_1_writes_are_taken(server):
    line = f"meter,site=old power_w=812.5 {START_MS // 1000}\n".encode()
    assert server.ask("/write?db=home&precision=s", line) == (204, b"")
    status, answer = server.ask("/write?db=home&precision=s", b"no line\n")
    assert status == 400
    assert "line 1" in answer["error"]
    assert powers(server, "old") == [812.5]


def test_json_with_errors_keeps_the_good_and_names_the_bad(server):
    status, answer = server.post(readings("json", 1, "abc", 3, 1e300))
    assert (status, answer["accepted"], answer["rejected_count"]) == (200, 2, 2)
    assert [r["where"] for r in answer["rejected"]] == ["readings[1].power_w", "readings[3].power_w"]
    status, answer = server.post(readings("json", "abc"))
    assert (status, answer["error"]["code"]) == (422, "rejected")
    for broken in (b"", b"[", b"\xff\xfe", b"null", b'{"readings": 3}'):
        status, answer = server.post(broken)
        assert status == 422, broken
        assert answer["error"]["problems"], broken
    assert server.post(b"x", "image/png")[0] == 415
    assert server.post(b"not gzip", **{"Content-Encoding": "gzip"})[0] == 422
    assert powers(server, "json") == [1, 3]


def test_arrow_in_bulk(server):
    count = 50_000
    time = pa.array(range(START_MS, START_MS + count * 1000, 1000), pa.timestamp("ms", "UTC"))
    sink = pa.BufferOutputStream()
    power_w = [n % 3000 / 10 for n in range(count)]
    table = pa.table(
        {"site": pa.array(["bulk"] * count).dictionary_encode(), "time": time, "power_w": power_w}
    )
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body = gzip.compress(sink.getvalue().to_pybytes(), 1)
    status, answer = server.post(body, ARROW, **{"Content-Encoding": "gzip"})
    assert (status, answer["accepted"]) == (200, count)
    assert powers(server, "bulk") == power_w


def test_a_file_goes_into_a_running_server_by_its_address_and_not_past_it(tmp_path):
    file = tmp_path / "measured.csv"
    file.write_text(f"time,power_w\n{START_MS},1.5\n{START_MS + 1000},1e300\n{START_MS + 2000},3.5\n")
    with serve(tmp_path / "data", CHOWON_SERVER__TOKEN=TOKEN) as server:
        server.ready()
        past = run("import", file, "--data", tmp_path / "data")
        assert past.code == 2
        assert f"pid {server.pid}" in past.err
        assert run("import", file, "--url", server.http).code != 0
        sent = run("import", file, "--url", server.http, "--json", CHOWON_TOKEN=TOKEN)
        assert sent.code == 1, "one row is wrong"
        assert {name: json.loads(sent.out)[name] for name in ("accepted", "rejected")} == {
            "accepted": 2,
            "rejected": 1,
        }
        assert powers(server, "home", Authorization=f"Bearer {TOKEN}") == [1.5, 3.5]


def test_without_the_token_nothing_is_answered_and_with_it_everything(guarded):
    paths = ["/sites", "/sites/1", "/sites/1/now", "/sites/1/bill", "/health"]
    paths.append("/sites/1/usage?from=0&to=1")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        for path in paths:
            assert guarded.ask(f"/api/v1{path}", headers=headers)[0] == 401, path
        assert guarded.post(readings("home", 1), **headers)[0] == 401
        assert guarded.ask("/write?db=x", b"m power_w=1", headers)[0] == 401
        assert guarded.ask("/api/v2/write?bucket=x", b"m power_w=1", headers)[0] == 401
    assert guarded.post(readings("home", 1), Authorization=f"Bearer {TOKEN}")[0] == 200
    line = f"meter,site=home power_w=2 {START_MS + 1000}".encode()
    assert guarded.ask("/api/v2/write?precision=ms", line, {"Authorization": f"Token {TOKEN}"})[0] == 204
    assert powers(guarded, "home", Authorization=f"Bearer {TOKEN}") == [1, 2]


def test_a_token_issued_while_the_server_runs_closes_it_within_moments(tmp_path):
    with serve(tmp_path / "data") as server:
        server.ready().get("/sites")
        issued = run("token", "issue", "app", "--scope", "read", "--data", tmp_path / "data", "--json")
        assert issued.code == 0
        token = json.loads(issued.out)["token"]
        eventually(lambda: server.ask("/api/v1/sites")[0] == 401, within_s=10)
        server.get("/sites", Authorization=f"Bearer {token}")
        assert server.post(readings("home", 1), Authorization=f"Bearer {token}")[0] == 401, "it may only read"
        assert run("token", "revoke", "app", "--data", tmp_path / "data").code == 0
        eventually(lambda: server.ask("/api/v1/sites")[0] == 200, within_s=10)
        assert server.stopped() == 0
        assert token not in server.stderr


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"CHOWON_SERVER__HOST": "0.0.0.0"}, ("server.host", "token")),
        ({"CHOWON_SERVER__HOST": "::"}, ("server.host", "token")),
        ({"CHOWON_SERVER__HOST": "example.invalid"}, ("server.host", "token")),
        ({"CHOWON_MQTT__HOST": "0.0.0.0"}, ("mqtt.host", "password")),
        ({"CHOWON_MQTT__HOST": "0.0.0.0", "CHOWON_MQTT__USERNAME": "meter"}, ("mqtt.host", "password")),
    ],
)
def test_nothing_listens_beyond_this_machine_without_a_secret(tmp_path, settings, named):
    loopback = {"CHOWON_SERVER__PORT": "0", "CHOWON_MQTT__PORT": "0"}
    refused = run("serve", "--data", tmp_path / "data", **(loopback | settings))
    assert refused.code == 2
    assert all(word in refused.err for word in named)
    assert "Traceback" not in refused.err
    assert refused.out == ""


def test_no_secret_appears_in_the_log(tmp_path):
    secrets = {"CHOWON_SERVER__TOKEN": TOKEN, "CHOWON_MQTT__PASSWORD": PASSWORD}
    mqtt = {"CHOWON_MQTT__BROKER": "embedded", "CHOWON_MQTT__USERNAME": "meter"}
    with serve(tmp_path / "data", **(secrets | mqtt)) as server:
        server.ready()
        server.get("/health", Authorization=f"Bearer {TOKEN}")
        server.ask("/api/v1/health", headers={"Authorization": f"Bearer {TOKEN}x"})
        server.post(b"[", Authorization=f"Bearer {TOKEN}")
        assert server.stopped() == 0
    for told in (
        server.stderr,
        run("config", "--explain", **secrets).out,
        run("config", "--json", **secrets).out,
        run("serve", **(secrets | {"CHOWON_SERVER__PORT": "no"})).err,
        run("serve", CHOWON_SERVER__TOKEN=TOKEN[:12]).err,
    ):
        assert not any(secret[:12] in told for secret in secrets.values())


def raw(server: Server) -> http.client.HTTPConnection:
    at = urlsplit(server.http)
    return http.client.HTTPConnection(at.hostname or "", at.port, timeout=READY_S)


def test_a_body_over_the_bound_is_refused_announced_or_not(server):
    body = b" " * (2 * MIB + 1)
    assert server.post(body)[0] == 413
    connection = raw(server)
    chunks = iter([body[: MIB // 4]] * 9)
    with contextlib.closing(connection), contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", "/api/v1/readings", chunks, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 413
        assert json.load(answer)["error"]["code"] == "too_large"
    packed = gzip.compress(b" " * (3 * MIB))
    assert server.post(packed, **{"Content-Encoding": "gzip"})[0] == 413
    assert server.post(readings("bound", 1))[0] == 200


UNFINISHED = b"POST /api/v1/readings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"


def connected(server: Server) -> socket.socket:
    at = urlsplit(server.http)
    return socket.create_connection((at.hostname, at.port), READY_S)


def test_slow_clients_do_not_stop_the_others_and_their_leaving_is_no_error(tmp_path):
    with serve(tmp_path / "data") as server, contextlib.ExitStack() as slow:
        server.ready()
        for beginning in (b"", UNFINISHED):
            for _ in range(20):
                slow.enter_context(connected(server)).sendall(beginning)
        for n in range(5):
            status, answer = server.post(readings("home", *range(n + 1)))
            assert (status, answer["accepted"]) == (200, n + 1)
        assert powers(server, "home") == [0, 1, 2, 3, 4]
        slow.close()
        assert server.post(readings("home", 1))[0] == 200
        assert server.stopped() == 0
        assert "Traceback" not in server.stderr


def test_a_client_that_hangs_does_not_keep_the_server_from_stopping(tmp_path):
    with serve(tmp_path / "data") as server, connected(server.ready()) as client:
        client.sendall(UNFINISHED)
        server.get("/health")
        assert server.stopped() == 0
        with client.makefile("rb") as answer:
            told = answer.read().decode()
    assert told.startswith("HTTP/1.1 503 ")
    assert "retry-after" in told.lower()
    assert "the server stops; send this again later" in told
    (line,) = filter(None, server.stderr.splitlines())
    assert "timeout graceful shutdown exceeded" in line


def test_an_open_page_is_told_that_the_server_stops(tmp_path):
    with serve(tmp_path / "data") as server:
        assert server.ready().post(readings("home", 1))[0] == 200
        live = server.http.replace("http", "ws") + "/api/v1/live?site=1"
        eventually(lambda: server.ask("/api/v1/sites/1/now")[0] == 200)
        with websockets.sync.client.connect(live) as page:
            assert json.loads(page.recv())["type"] == "snapshot"
            server.send(signal.SIGTERM)
            with pytest.raises(websockets.ConnectionClosedError) as told:
                assert all(json.loads(frame)["type"] == "delta" for frame in page)
        assert told.value.rcvd is not None
        assert told.value.rcvd.code == 1012, "a restart: come again"
        assert server.ended() == 0
        assert "Traceback" not in server.stderr
