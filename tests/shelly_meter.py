"""A Shelly meter at a broker: says its power, keeps minutes, and answers calls as the vendor's pages say.

What it does wrong, on purpose: `pages` (so many minutes an answer), `silent`, `storeless`, `garbled_before`
(what is asked from before this second cannot be read), `strays` (messages before each answer that are none),
`ignores_range`, `leads_on` (says where to ask on though nothing more is there).
"""

import json
import threading
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from chowon.ingest.broker import Address

PHASES = ("a", "b", "c")


class ShellyMeter:
    """Power by component and minute decides all: what it says live, and what it has kept."""

    def __init__(self, name: str, power_w: Callable[[str, int], float], *, prefix: str | None = None) -> None:
        """power_w: of a phase ("a" …) or clamp ("0" …) in the minute that starts at this second."""
        self.name = name
        self.prefix = prefix or name
        self.power_w = power_w
        self.kept: set[int] = set()
        """Seconds at which the minutes start that it has"""
        self.pages = 10_000
        self.silent = self.storeless = self.ignores_range = self.leads_on = False
        self.garbled_before = 0
        self.strays: list[bytes] = []
        self.calls: list[dict[str, Any]] = []
        self._client: Client

    def connect(self, address: Address) -> None:
        subscribed = threading.Event()
        client = self._client = Client(CallbackAPIVersion.VERSION2, client_id=self.name)
        client.on_connect = lambda client, *_: client.subscribe(f"{self.prefix}/rpc", 1)
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = lambda _c, _u, message: self._called(json.loads(message.payload))
        client.connect(address.host, address.port)
        client.loop_start()
        assert subscribed.wait(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def keep(self, start_s: int, end_s: int) -> None:
        """The minutes in [start, end)."""
        self.kept |= set(range(-(-start_s // 60) * 60, end_s // 60 * 60, 60))

    def say(self, ts: float, clamps: tuple[str, ...] = PHASES) -> None:
        """Its power at an instant; phases as one component, clamps as one each."""
        minute = int(ts) // 60 * 60
        watts = {clamp: self.power_w(clamp, minute) for clamp in clamps}
        if clamps == PHASES:
            status: dict[str, Any] = {f"{phase}_act_power": watt for phase, watt in watts.items()}
            params = {"em:0": status | {"id": 0, "total_act_power": sum(watts.values())}}
        else:
            params = {f"em1:{clamp}": {"id": int(clamp), "act_power": watt} for clamp, watt in watts.items()}
        self._publish(
            f"{self.prefix}/events/rpc",
            {"src": self.name, "dst": "x", "method": "NotifyStatus", "params": {"ts": ts, **params}},
        )

    def asked(self, method: str) -> list[dict[str, Any]]:
        """The parameters of the calls of a method so far."""
        return [call["params"] for call in self.calls if call["method"].endswith(f".{method}")]

    def _publish(self, topic: str, said: object) -> None:
        payload = said if isinstance(said, bytes) else json.dumps(said).encode()
        self._client.publish(topic, payload, qos=1)

    def _called(self, call: dict[str, Any]) -> None:
        answer = self.answer(call)
        if answer is not None:
            for said in (*self.strays, answer):
                self._publish(f"{call['src']}/rpc", said)

    def answer(self, call: dict[str, Any]) -> dict[str, Any] | None:
        """What it says to a call."""
        self.calls.append(call)
        if self.silent:
            return None
        frame = {"id": call["id"], "src": self.name, "dst": call["src"]}
        kind, method = call["method"].split(".")
        if self.storeless:
            return frame | {"error": {"code": 404, "message": f"No handler for {call['method']}"}}
        if method == "GetRecords":
            blocks = [{"ts": run[0], "period": 60, "records": len(run)} for run in self._runs(0)]
            more = {"next_record_ts": max(self.kept) + 60} if self.leads_on else {}
            return frame | {"result": {"data_blocks": blocks, **more}}
        if call["params"]["ts"] < self.garbled_before:
            return frame | {"result": {"keys": ["total_act_energy"], "data": [{"ts": "yesterday"}]}}
        return frame | {"result": self._data(kind, call["params"])}

    def _runs(self, from_s: int, to_s: int = 2**40) -> list[list[int]]:
        found: list[list[int]] = []
        for minute in sorted(self.kept):
            if from_s <= minute <= to_s:
                if found and found[-1][-1] == minute - 60:
                    found[-1].append(minute)
                else:
                    found.append([minute])
        return found

    def _data(self, kind: str, params: dict[str, Any]) -> dict[str, Any]:
        clamps = PHASES if kind == "EMData" else (str(params["id"]),)
        prefixes = [f"{clamp}_" if kind == "EMData" else "" for clamp in clamps]
        keys = [
            f"{p}{key}"
            for p in prefixes
            for key in ("total_act_energy", "total_act_ret_energy", "avg_voltage")
        ]
        runs = self._runs(0) if self.ignores_range else self._runs(params["ts"], params["end_ts"])
        minutes = [minute for run in runs for minute in run]
        page, left = minutes[: self.pages], minutes[self.pages :]
        told = [[minute for minute in run if minute in set(page)] for run in runs]
        data = [
            {"ts": run[0], "period": 60, "values": [self._row(clamps, minute) for minute in run]}
            for run in told
            if run
        ]
        more = {"next_record_ts": left[0]} if left else {}
        if not left and self.leads_on:
            more = {"next_record_ts": max(self.kept) + 60}
        return {"keys": keys, "data": data, **more}

    def _row(self, clamps: tuple[str, ...], minute: int) -> list[float]:
        row: list[float] = []
        for clamp in clamps:
            wh = self.power_w(clamp, minute) / 60
            row += [max(wh, 0), max(-wh, 0), 229.9]
        return row
