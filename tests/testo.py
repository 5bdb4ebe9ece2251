"""A family of devices of our own, "testo", brought as an installed package brings one.

A testo publishes `{"a": 812.5, "b": -3}`, watts by channel, on `testo/{device}`; "import_wh" is its counter.
The same on `other/{device}` is a device of the family "other", which has no FAMILY.
"""

import json
from pathlib import Path

from chowon.ingest.broker import Address
from tests.brokers import publish
from tests.system.programs import _SOURCE, Server, eventually

_MODULE = """
import json

import numpy as np

from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters.checks import Rows, Sent, checked
from chowon.meters.decoded import Family, Findings
from chowon.meters.names import Keys

FAMILY = Family("testo", "Testo meters", hold_s=30)


class Testo:
    name = "testo"
    content_types = ()
    topics = ("testo/{device}", "other/{device}")
    magic = b""

    def decode(self, payload, envelope):
        try:
            sent = {name: float(watts) for name, watts in json.loads(payload).items()}
        except (ValueError, AttributeError, TypeError):
            problem = Problem("payload", shortened(payload), "watts by channel")
            raise PayloadRejected("not a testo's message", [problem]) from None
        family = envelope.topic.partition("/")[0]
        counter = sent.pop("import_wh", None)
        keys = Keys(envelope)
        index = np.array([keys.device(family, envelope.levels["device"], name) for name in sent], np.int64)
        time_ms = np.full(len(sent), envelope.received_ms, np.int64)
        columns = {"power_w": Sent(np.array(list(sent.values())), np.ones(len(sent), bool))}
        if counter is not None:
            columns["import_wh"] = Sent(np.full(len(sent), counter), np.ones(len(sent), bool))
        names = (None, None, None)
        rows = Rows(keys, index, lambda _: names, time_ms, columns, lambda n: f"channel {n}")
        return checked(rows, envelope, Findings())


DECODER = Testo()
"""


def installed(folder: Path) -> str:
    """A PYTHONPATH on which the package stands."""
    about = folder / "chowon_testo-1.dist-info"
    about.mkdir(parents=True)
    (folder / "chowon_testo.py").write_text(_MODULE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: chowon-testo\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[chowon.meters]\ntesto = chowon_testo:DECODER\n")
    return f"{_SOURCE}:{folder}"


def tell(server: Server, device: str, family: str = "testo", **watts: float) -> None:
    """One message of a testo, acknowledged by the broker."""
    assert server.mqtt_port is not None
    publish(Address("127.0.0.1", server.mqtt_port), f"{family}/{device}", json.dumps(watts))


def heard(server: Server, device: str, **watts: float) -> dict:
    """What the server tells of a device that talks, once it has told these values."""

    def of_it() -> dict | None:
        for one in server.get("/devices")["talking"]:
            last = {c["name"]: c["values"].get("power_w") for c in one["channels"]}
            if one["device"] == device and all(last.get(name) == power for name, power in watts.items()):
                return one
        return None

    tell(server, device, **watts)
    return eventually(of_it)
