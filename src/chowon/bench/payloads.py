"""The same readings in the words of senders that have formats of their own."""

import json
from urllib.parse import urlencode

import cramjam

from chowon.domain.readings import absent_of
from chowon.domain.sites import Channel, ChannelKey, Placement
from chowon.meters.decoded import Decoded
from chowon.meters.emoncms_keys import FAMILY
from chowon.meters.fields import FIELDS
from chowon.meters.prometheus_messages import Label, WriteRequest
from chowon.meters.prometheus_write import OWN
from chowon.ports import DeviceBook, SiteBook

_EMONCMS = {"power_w": "P1", "voltage_v": "V1", "import_wh": "wh1"}
_METRIC = {field: metric for metric, (field, factor) in OWN.items() if factor == 1}


def emoncms_bulk(readings: Decoded) -> bytes:
    """As emonHub sends them: a site is a node, its first input the channel."""
    sent = _quantities(readings)
    items = [
        [
            time_ms / 1000,
            key.site,
            *({_EMONCMS[name]: values[n]} for name, values in sent if name in _EMONCMS),
        ]
        for n, (time_ms, key) in enumerate(_stamped(readings))
    ]
    data = json.dumps(items, separators=(",", ":"))
    return urlencode({"data": data, "time": "0"}).encode()


def place_nodes(readings: Decoded, book: SiteBook, devices: DeviceBook, hold_ms: int) -> None:
    """Give the nodes of `emoncms_bulk` the channels that the readings name."""
    placed = zip(readings.keys, book.register_all(readings.keys, hold_ms), strict=True)
    devices.place([_placement(key, channel) for key, channel in placed])


def _placement(key: ChannelKey, channel: Channel) -> Placement:
    return Placement(ChannelKey(f"~{FAMILY.name}", key.site, "1"), channel)


def remote_write(readings: Decoded) -> bytes:
    """As Prometheus sends them: one series a quantity and channel, packed."""
    request = WriteRequest()
    stamped = list(_stamped(readings))
    for index, key in enumerate(readings.keys):
        rows = [n for n, position in enumerate(readings.key_index.tolist()) if position == index]
        for name, values in _quantities(readings):
            labels = {
                "__name__": _METRIC[name],
                "channel": key.channel,
                "instance": "10.0.0.1:9100",
                "job": "meters",
                "meter": key.meter,
                "site": key.site,
            }
            request.timeseries.add(
                labels=[Label(name=n, value=v).SerializeToString() for n, v in labels.items()],
                samples=[{"value": values[n], "timestamp": stamped[n][0]} for n in rows],
            )
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def _stamped(readings: Decoded) -> list[tuple[int, ChannelKey]]:
    keys = [readings.keys[index] for index in readings.key_index.tolist()]
    return list(zip(readings.time_ms.tolist(), keys, strict=True))


def _quantities(readings: Decoded) -> list[tuple[str, list[float]]]:
    """Those that every reading has."""
    found = []
    for field in FIELDS:
        column = readings.columns.get(field.column)
        if column is not None and (column != absent_of(field.column)).all():
            found.append((field.name, (column / field.scale).tolist()))
    return found
