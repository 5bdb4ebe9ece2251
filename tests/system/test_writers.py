"""What writes to InfluxDB and emonCMS today, against a running server: clients, Telegraf, emonHub."""

import base64
import gzip
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from influxdb import InfluxDBClient as InfluxDBClient1
from influxdb.exceptions import InfluxDBClientError
from influxdb_client import InfluxDBClient, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from chowon.domain.sites import ChannelKey, Placement
from chowon.store.opening import open_store
from tests.system.programs import Server, eventually, run, serve

START_MS = 1_795_312_800_000
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Asks for tokens; each test writes to a site of its own."""
    folder = tmp_path_factory.mktemp("data") / "home"
    with serve(folder, CHOWON_SERVER__MAX_BODY_MIB="1") as running:
        running.ready()
        for scope in ("read", "write"):
            issued = run("token", "issue", scope, "--scope", scope, "--data", folder, "--json")
            assert issued.code == 0, issued.err
            setattr(running, scope, json.loads(issued.out)["token"])
        eventually(lambda: running.ask("/api/v1/sites")[0] == 401, within_s=10)
        yield running


def powers(server: Server, site: str) -> list[float]:
    """The powers of a site's day as they are kept."""
    reading = {"Authorization": f"Bearer {server.read}"}  # type: ignore[attr-defined]
    found = next(s["id"] for s in server.get("/sites", **reading)["sites"] if s["key"] == site)
    span = f"from={START_MS}&to={START_MS + DAY_MS}&resolution=raw"
    return server.get(f"/sites/{found}/usage?{span}", **reading)["power_w"]


def line(site: str, n: int, power: object) -> str:
    return f"meter,site={site} power_w={power} {(START_MS + 1000 * n)}"


# --- the clients of InfluxDB -------------------------------------------------------------------------------


def client_1(server: Server, password: str) -> InfluxDBClient1:
    at = urlsplit(server.http)
    return InfluxDBClient1(at.hostname, at.port, "anybody", password, "home", gzip=True, retries=1)


def test_the_client_of_version_1_starts_writes_and_is_told(server):
    client = client_1(server, server.write)
    assert client.ping().startswith("chowon-")
    client.create_database("home")
    assert client.get_list_database() == [{"name": "chowon"}]
    rows = [
        {
            "measurement": "meter",
            "tags": {"site": "v1"},
            "time": START_MS + 1000 * n,
            "fields": {"power": 5.0 + n},
        }
        for n in range(300)
    ]
    assert client.write_points(rows, time_precision="ms", batch_size=100)
    for precision, divisor in (("s", 1000), ("m", 60_000), ("h", 3_600_000), ("u", 1 / 1000), ("n", 1e-6)):
        assert client.write(
            [f"m,site=p-{precision} power=7 {round(START_MS / divisor)}"],
            {"db": "x", "precision": precision},
            protocol="line",
            expected_response_code=204,
        )
        assert powers(server, f"p-{precision}") == [7]
    with pytest.raises(InfluxDBClientError, match=r"partial write: line 2.*dropped=1") as told:
        client.write([line("v1", 300, 1), line("v1", 301, '"x"')], {"precision": "ms"}, protocol="line")
    assert told.value.code == 400
    with pytest.raises(InfluxDBClientError, match=r"unable to parse.*line 1"):
        client.write(["garbage"], {"db": "home"}, protocol="line")
    with pytest.raises(InfluxDBClientError, match="SHOW DATABASES only"):
        client.query("SELECT * FROM meter")
    client.close()
    assert powers(server, "v1") == [5.0 + n for n in range(300)] + [1]


def test_the_client_of_version_1_is_kept_out_without_a_token_in_its_own_words(server):
    client = client_1(server, "guess")
    with pytest.raises(InfluxDBClientError, match="unknown or revoked") as told:
        client.write([line("v1", 0, 1)], {"db": "home"}, protocol="line")
    assert told.value.code == 401
    assert isinstance(json.loads(told.value.content)["error"], str)
    client.close()
    by_address = f"/write?db=x&precision=ms&u=anybody&p={server.write}"
    assert server.ask(by_address, line("by-address", 0, 3).encode()) == (204, b"")


def test_the_client_of_version_2_finds_the_server_and_understands_each_refusal(server):
    with InfluxDBClient(server.http, token=server.write, org="home") as client:
        assert client.ping()
        assert client.version().startswith("chowon-")
        writer = client.write_api(write_options=SYNCHRONOUS)
        writer.write("any", record=[line("v2", n, n) for n in range(3)], write_precision=WritePrecision.MS)
        refusals: dict[str, tuple[int, str]] = {
            "garbage": (400, "invalid"),
            line("v2", 3, 3) + "\n" + line("v2", 4, '"x"'): (422, "unprocessable entity"),
            line("v2", 5, 5) + "\n" + "#" * 2**20: (413, "request too large"),
        }
        for record, (status, code) in refusals.items():
            with pytest.raises(ApiException) as told:
                writer.write("any", record=record, write_precision=WritePrecision.MS)
            assert (told.value.status, json.loads(told.value.body)["code"]) == (status, code)
    with InfluxDBClient(server.http, token="wrong", org="home") as client:
        with pytest.raises(ApiException) as told:
            client.write_api(write_options=SYNCHRONOUS).write("any", record=line("v2", 9, 9))
        assert (told.value.status, json.loads(told.value.body)["code"]) == (401, "unauthorized")
    assert server.ask("/api/v2/buckets")[0] == 404
    assert server.ask("/api/v2/buckets")[1]["code"] == "not found"
    assert powers(server, "v2") == [0, 1, 2, 3]


# --- Telegraf ----------------------------------------------------------------------------------------------


class Telegraf:
    """Its two outputs as they behave on the wire: gzip, sent in pieces while it is packed."""

    def __init__(self, server: Server, authorization: str) -> None:
        at = urlsplit(server.http)
        self._connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=30)
        self._headers = {
            "User-Agent": "Telegraf/1.39.1 Go/1.25.3",
            "Authorization": authorization,
            "Content-Encoding": "gzip",
            "Content-Type": "text/plain; charset=utf-8",
        }

    def create_database(self) -> tuple[int, Any]:
        body = urlencode({"q": 'CREATE DATABASE "telegraf"'})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        plain = {n: v for n, v in self._headers.items() if n != "Content-Encoding"} | kind
        return self._ask("/query", body.encode(), plain)

    def write(self, path: str, lines: list[str]) -> tuple[int, Any]:
        packed = gzip.compress("".join(f"{line}\n" for line in lines).encode(), 1)
        pieces = (packed[at : at + 1000] for at in range(0, len(packed), 1000))
        return self._ask(path, pieces, self._headers | {"Transfer-Encoding": "chunked"})

    def _ask(self, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        self._connection.request("POST", path, body, headers, encode_chunked=True)
        answer = self._connection.getresponse()
        told = answer.read()
        return answer.status, json.loads(told) if told else None

    def close(self) -> None:
        self._connection.close()


def test_telegraf_starts_writes_and_drops_what_is_no_use_in_both_its_outputs(server):
    metrics = [f"{line('telegraf', n, 100 + n)}000000" for n in range(2_000)]
    old = Telegraf(server, "Basic " + base64.b64encode(f"t:{server.write}".encode()).decode())
    assert old.create_database() == (200, {"results": [{"statement_id": 0}]})
    assert old.write("/write?db=telegraf&rp=", metrics[:1_000]) == (204, None)
    status, told = old.write("/write?db=telegraf", ["cpu,host=pi usage_idle=97.5 1795312800000000000"])
    assert status == 400
    assert "unable to parse" in told["error"], "else Telegraf sends it again for ever"
    old.close()
    new = Telegraf(server, f"Token {server.write}")
    assert new.write("/api/v2/write?bucket=telegraf&org=home", metrics[1_000:]) == (204, None)
    new.close()
    assert powers(server, "telegraf") == [100 + n for n in range(2_000)]


# --- emonHub -----------------------------------------------------------------------------------------------


class EmonHub:
    """Its emonCMS reporter as it behaves on the wire: frames are kept until a batch is answered with `ok`."""

    KEY_LENGTH = 32
    BATCH = 100

    def __init__(self, key: str) -> None:
        assert len(key) == self.KEY_LENGTH, "emonHub throws frames away for a key of another length"
        self._key = key
        self.buffer: list[list[object]] = []

    def report(self, server: Server) -> bool:
        """Sends one batch; whether it was taken."""
        batch = self.buffer[: self.BATCH]
        form = {
            "apikey": self._key,
            "data": json.dumps(batch, separators=(",", ":")),
            "sentat": str(int(time.time())),
        }
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            answer = server.ask("/input/bulk.json?", urlencode(form).encode(), kind)
        except OSError:
            return False
        if answer != (200, b"ok"):
            return False
        del self.buffer[: len(batch)]
        return True


def place(folder: Path, *channels: str) -> None:
    """Channel n of the node "emonpi" feeds home/main/<name>."""
    store = open_store(folder)
    try:
        store.devices.place(
            [
                Placement(
                    ChannelKey("~emon", "emonpi", str(n)),
                    store.sites.register(ChannelKey("home", "main", name), 30_000),
                )
                for n, name in enumerate(channels, 1)
            ]
        )
    finally:
        store.close()


def test_emonhub_loses_nothing_and_doubles_nothing_when_the_server_is_killed(tmp_path):
    place(tmp_path / "data", "main", "solar")
    issued = run("token", "issue", "hub", "--scope", "write", "--data", tmp_path / "data", "--json")
    hub = EmonHub(json.loads(issued.out)["token"])
    first_s = int(time.time()) - 3_000
    hub.buffer += [[first_s + 5 * n, "emonpi", 100 + n, -n, 23_011, None] for n in range(450)]
    with serve(tmp_path / "data") as server:
        server.ready()
        assert hub.report(server)
        batch = list(hub.buffer[: hub.BATCH])
        assert hub.report(server)
        hub.buffer[:0] = batch  # taken, but the answer never came
        server.killed()
        assert not hub.report(server)
    with serve(tmp_path / "data") as server:
        server.ready()
        while hub.buffer:
            assert hub.report(server)
        assert server.stopped() == 0
    store = open_store(tmp_path / "data")
    try:
        ids = [c.id for c in store.sites.site(1).channels]
        kept = store.history.readings(ids, first_s * 1000, first_s * 1000 + DAY_MS)
    finally:
        store.close()
    assert sorted(kept.time_ms.tolist()) == sorted(2 * [(first_s + 5 * n) * 1000 for n in range(450)])
    assert sorted(kept.power_dw.tolist()) == sorted(
        [10 * (100 + n) for n in range(450)] + [-10 * n for n in range(450)]
    )


def test_emoncms_inputs_by_address_and_by_form_with_the_key_anywhere(server):
    assert server.ask("/input/post?node=esp&csv=1")[0] == 401
    assert server.ask("/input/post?node=esp&csv=1&apikey=wrong")[1].startswith(b"Invalid API key")
    assert server.ask(f"/input/post?node=esp&csv=1&apikey={server.read}")[0] == 401
    post = urlencode({"node": "esp", "fulljson": '{"power1":5,"temp":20}'})
    by_header = {"Authorization": f"Bearer {server.write}"}
    assert server.ask(f"/input/post?{post}&apikey={server.write}") == (200, {"success": True})
    assert server.ask(f"/input/post.json?{post}", headers=by_header) == (200, {"success": True})
    assert server.ask("/input/post", f"{post}&apikey={server.write}".encode()) == (200, {"success": True})
    assert server.ask("/input/post?node=esp&json={power1:7}", headers=by_header) == (200, b"ok")
    status, told = server.ask("/input/bulk?data=[[0,", headers=by_header)
    assert (status, told["success"]) == (200, False)
