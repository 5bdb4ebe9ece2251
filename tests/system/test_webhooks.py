"""A real server tells a real HTTP server what happens, and shows it in /health."""

import base64
import hashlib
import hmac
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.brokers import mosquitto, needs_mosquitto
from tests.home_assistant import HomeAssistant
from tests.system.programs import eventually, serve

SECRET = "whsec_" + base64.b64encode(b"twenty-four bytes of it!").decode()


@contextmanager
def receiver():
    """(its address, the messages whose signature is right); the first request gets a 500."""
    got: list[dict] = []
    answers = [500]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
            mac = hmac.new(b"twenty-four bytes of it!", signed, hashlib.sha256).digest()
            right = self.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
            status = answers.pop() if answers else 204
            if right and status == 204:
                got.append(json.loads(body))
            self.send_response(status if right else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hook/key-in-path", got
        finally:
            server.shutdown()
            thread.join()


def test_a_new_meter_and_a_tier_are_told_signed_after_a_failed_attempt(tmp_path):
    (tmp_path / "data").mkdir()
    with receiver() as (url, got):
        (tmp_path / "data" / "chowon.toml").write_text(
            f'[[webhook]]\nurl = "{url}"\nsecret = "{SECRET}"\n[[webhook]]\nurl = "http://127.0.0.1:9/"\n'
        )
        with serve(tmp_path / "data") as server:
            server.ready()
            first = tmp_path / "data" / "outward.json"
            eventually(first.is_file)  # the first look, at a house without meters
            now_ms = time.time_ns() // 1_000_000
            readings = [{"site": "home", "time": now_ms - ago, "power_w": 72_400_000} for ago in (10_000, 0)]
            assert server.post(json.dumps({"readings": readings}).encode())[0] == 200
            eventually(lambda: len(got) >= 2)
            assert [event["type"] for event in got] == ["device.found", "tier.reached"]
            assert got[0]["data"] == {
                "site": {"id": 1, "key": "home", "name": "home"},
                "meter": "main",
            }
            assert got[1]["data"]["tier"] == 2
            mine, nobody = server.get("/health")["outward"]["webhooks"]
            assert (mine["delivered"], mine["dropped"], mine["waiting"]) == (2, 0, 0)
            assert [d["status"] for d in mine["deliveries"]] == [204, 204, 500]
            assert nobody["delivered"] == 0
            assert "key-in-path" not in json.dumps(mine)
            assert server.stopped() == 0
            assert "key-in-path" not in server.stderr


@needs_mosquitto
def test_the_mirror_follows_the_api_over_mqtt(tmp_path):
    with mosquitto(tmp_path) as broker, HomeAssistant(broker) as listener:
        where = {"CHOWON_MQTT__BROKER": "external", "CHOWON_MQTT__PORT": str(broker.port)}
        with serve(tmp_path / "data", CHOWON_MIRROR__ENABLED="true", **where) as server:
            server.ready()
            for power_w in (500, 700):
                at_ms = time.time_ns() // 1_000_000
                reading = {"site": "home", "time": at_ms, "power_w": power_w}
                assert server.post(json.dumps({"readings": [reading]}).encode())[0] == 200
                eventually(lambda at_ms=at_ms: last_seen_ms(listener) == at_ms)
            said = json.loads(listener._retained["chowon/out/home/now"])
            api = server.get("/sites/1/now")
            assert said.keys() == api.keys()
            assert (said["site"], said["currency"], said["period"]["cost"]) == (
                1,
                "KRW",
                api["period"]["cost"],
            )
            assert server.stopped() == 0
        eventually(lambda: listener._retained["chowon/out/status"] == b"offline")


def last_seen_ms(listener: HomeAssistant) -> int | None:
    seen: int | None = json.loads(listener._retained.get("chowon/out/home/now", b"{}")).get("last_seen_ms")
    return seen
