"""emonCMS's HTTP way in: the parameters of `input/post` and `input/bulk`, as forms and addresses hold them.

| parameters | meaning |
|---|---|
| node, fulljson={"power1":100} | a JSON object; it may hold its own "time" |
| node, json={power1:100,power2:200} | the same without quotes |
| node, csv=100,200,300 | values without names: "1", "2", "3" |
| time | s since 1970, else the time of arrival |
| data=[[t,node,value,…],[t,node,{"power":1412}]] | many at once |
| … and sentat, offset, time, or none | what the t count from |

`data` counts from now − offset, from `time`, or so that the last one is of now. With `sentat`, which emonHub
sends, from now − sentat: that sets a sender's wrong clock right. A clock that is less than CLOCKS_AGREE_S
off is left alone: the moment at which a batch was sent again must not make other readings of it.

Source: emonCMS's description of its input API; keys: meters/emoncms_keys.py. What is sent under one node for
one instant is one reading a channel. One without power is stamped 1 ms later: it never replaces power.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

import msgspec
import numpy as np

from chowon.errors import PayloadRejected, Problem, shortened
from chowon.meters.checks import Rows, Sent, checked
from chowon.meters.decoded import Decoded, Envelope, Findings
from chowon.meters.emoncms_keys import FAMILY, meaning
from chowon.meters.fields import BY_NAME
from chowon.meters.names import DEFAULT_NAME, Keys

CLOCKS_AGREE_S: Final = 60
CLOCK_SET_MS: Final = 1_577_836_800_000
"""2020-01-01 UTC; a device that says an earlier time has not asked for the time yet."""
MOST_PARAMETERS: Final = 50
NO_NODE: Final = "0"
"""The node of values that are sent without one."""

_FAR_S: Final = 1e12
_NOT_IN_JSON: Final = re.compile(r"[^\w\s.:,+-]")
_NUMBER: Final = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?\s*", re.ASCII)
_DATA_RULE: Final = "a JSON list of [time, node, value, …]"
_WHOLE_FIELDS: Final = tuple(BY_NAME)


class EmonCms:
    """Decoder of the parameters of `input/post` and `input/bulk`, form-encoded."""

    name = "emoncms"
    content_types = ("application/vnd.emoncms.input",)
    topics: tuple[str, ...] = ()
    magic = b""

    def decode(self, payload: bytes, envelope: Envelope) -> Decoded:
        """As meters.decoded.Decoder."""
        sent = _parameters(payload)
        inputs = _Inputs(envelope)
        data = sent.get("data", "")
        if data.lstrip().startswith("["):
            inputs.bulk(data, sent)
        else:
            inputs.post(sent)
        return inputs.decoded()


DECODER: Final = EmonCms()


@dataclass(slots=True)
class _Row:
    node: str
    channel: str
    time_ms: int
    place: str
    values: dict[str, float]


class _Inputs:
    """The readings of one request as they are met, one a (node, channel, instant)."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._rows: dict[tuple[str, str, int], _Row] = {}
        self._findings = Findings()
        self._refused = 0

    def post(self, sent: dict[str, str]) -> None:
        """One node, one instant. Errors: PayloadRejected."""
        node, time = sent.get("node", NO_NODE), sent.get("time")
        if "fulljson" in sent:
            values = _object(sent["fulljson"])
            time = time or _text(values.get("time"))
        else:
            values = dict(_pairs(next((sent[n] for n in ("json", "csv", "data") if sent.get(n)), "")))
        if not values:
            raise _refused("parameters", "nothing", "values under fulljson, json, csv or data")
        self._take(node, self._stamp(time), values.items(), "")

    def bulk(self, data: str, sent: dict[str, str]) -> None:
        """Many nodes and instants. Errors: PayloadRejected."""
        items = _json(data)
        if not isinstance(items, list) or not items:
            raise _refused("data", shortened(data), _DATA_RULE)
        base_s = self._base_s(items, sent)
        for n, item in enumerate(items):
            if not isinstance(item, list) or len(item) < 3 or (at_s := _seconds(item[0])) is None:
                if not isinstance(item, list) or len(item) > 2:  # one without values says nothing
                    self._refuse(f"data[{n}]", item, _DATA_RULE)
                continue
            if not isinstance(item[1], str | int):
                self._refuse(f"data[{n}][1]", item[1], "the node's name or number")
                continue
            time_ms = self._known_ms(round((base_s + at_s) * 1000))
            self._take(str(item[1]), time_ms, _values(item[2:]), f"data[{n}].")

    def decoded(self) -> Decoded:
        """All of them, checked."""
        rows = list(self._rows.values())
        keys = Keys(self._envelope)
        index = [keys.device(FAMILY.name, row.node, row.channel) for row in rows]
        times = [row.time_ms + (0 if "power_w" in row.values else 1) for row in rows]
        sent = {
            name: Sent(
                np.array([row.values.get(name, 0.0) for row in rows], np.float64),
                np.array([name in row.values for row in rows], np.bool_),
            )
            for name in _WHOLE_FIELDS
        }
        return checked(
            Rows(
                keys,
                np.array(index, np.int64),
                lambda _: (None, None, None),
                np.array(times, np.int64),
                sent,
                lambda row: f"{rows[row].place}{rows[row].channel}",
            ),
            self._envelope,
            self._findings,
            self._refused,
        )

    def _take(self, node: str, time_ms: int, values: Iterable[tuple[str, object]], place: str) -> None:
        whole: dict[str, float] = {}
        mine: dict[str, _Row] = {}
        for key, value in values:
            known = meaning(key)
            number = None if known is None else _number(value)
            if known is None or value is None:
                continue
            if number is None:
                self._refuse(f"{place}{shortened(key)[1:-1]}", value, "a number")
            elif known.channel is None:
                whole[known.field] = number * known.factor
            else:
                row = self._row(node, known.channel, time_ms, place)
                row.values[known.field] = number * known.factor
                mine[known.channel] = row
        if whole:
            powered = [row for row in mine.values() if "power_w" in row.values]
            for row in powered or [self._row(node, DEFAULT_NAME, time_ms, place)]:
                row.values.update({n: v for n, v in whole.items() if n not in row.values})

    def _row(self, node: str, channel: str, time_ms: int, place: str) -> _Row:
        found = self._rows.get((node, channel, time_ms))
        if found is None:
            found = self._rows[node, channel, time_ms] = _Row(node, channel, time_ms, place, {})
        return found

    def _base_s(self, items: list[object], sent: dict[str, str]) -> float:
        """What the items' times count from, s since 1970. Errors: PayloadRejected."""
        now_s = self._envelope.received_ms / 1000
        for name in ("sentat", "offset", "time"):
            if sent.get(name):
                told = _seconds(sent[name])
                if told is None:
                    raise _refused(name, shortened(sent[name]), "a number of seconds")
                if name == "time":
                    return told
                agreed = name == "sentat" and abs(now_s - told) < CLOCKS_AGREE_S
                return 0 if agreed else now_s - told
        last = items[-1]
        last_s = _seconds(last[0]) if isinstance(last, list) and last else None
        if last_s is None:
            raise _refused("data", shortened(last), "a time in the last item, from which the others count")
        return now_s - last_s

    def _stamp(self, told: str | None) -> int:
        if not told:
            return self._envelope.received_ms
        seconds = _seconds(told)
        if seconds is not None:
            return self._known_ms(round(seconds * 1000))
        try:
            instant = datetime.fromisoformat(told)
            if instant.tzinfo is not None:
                return self._known_ms(round(instant.timestamp() * 1000))
        except (ValueError, OverflowError):
            pass
        raise _refused("time", shortened(told), "seconds since 1970, or ISO 8601 with its offset")

    def _known_ms(self, time_ms: int) -> int:
        """The instant, or that of arrival where the sender's clock was never set."""
        return time_ms if time_ms >= CLOCK_SET_MS else self._envelope.received_ms

    def _refuse(self, where: str, found: object, expected: str) -> None:
        self._findings.add(where, shortened(found), expected)
        self._refused += 1


def _parameters(payload: bytes) -> dict[str, str]:
    """The last value of each. Errors: PayloadRejected."""
    try:
        pairs = parse_qsl(payload.decode(), keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError as error:  # no UTF-8, too many
        raise _refused("parameters", shortened(str(error)), "form-encoded parameters in UTF-8") from None
    return dict(pairs)


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _refused("parameters", shortened(reason), "JSON") from None


def _object(text: str) -> dict[str, object]:
    found = _json(text)
    if not isinstance(found, dict):
        raise _refused("fulljson", shortened(text), "a JSON object of names and values")
    return found


def _pairs(text: str) -> Iterator[tuple[str, object]]:
    """Names and numbers of `{a:1,b:2}`, or of `1,2,3` with positions for names. Errors: PayloadRejected."""
    position = 0
    for part in _NOT_IN_JSON.sub("", text).split(",") if text.strip() else ():
        name, colon, value = part.rpartition(":")
        if not colon:
            position += 1
            name = str(position)
        if not name.strip() or not _NUMBER.fullmatch(value):
            raise _refused("values", shortened(part), "name:number or a number, parted by commas")
        yield name.strip(), float(value)


def _values(sent: list[object]) -> Iterator[tuple[str, object]]:
    """Names and values of one item of `data`; an object names its own, null keeps its place."""
    position = 1
    for value in sent:
        if isinstance(value, dict):
            yield from value.items()
            continue
        yield str(position), value
        position += 1


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if len(value) <= 64 and _NUMBER.fullmatch(value) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) < 1e300 else None
    return None


def _seconds(value: object) -> float | None:
    found = _number(value)
    return None if found is None or not abs(found) < _FAR_S else found


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _refused(where: str, found: str, expected: str) -> PayloadRejected:
    return PayloadRejected("emonCMS input that cannot be read", [Problem(where, found, expected)])
