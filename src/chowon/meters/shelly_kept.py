"""Asking a Shelly meter of the second generation and later, over MQTT, for the minutes that it has stored.

A call is published on `<prefix>/rpc`; the device answers on `<src>/rpc`, with the id of the call and either a
result or an error. Calls over MQTT must be allowed on the device (`enable_rpc` of its MQTT settings).

Sources: the vendor's pages on EMData, EM1Data, MQTT and the RPC protocol and channels. Devices keep some 60
days of minutes, and answer about 55 of them a second (measured by others), so ask for hours, not for weeks.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final, cast

import msgspec

from chowon.domain.quantities import DAY_MS
from chowon.errors import MeterUnavailable, NotFound, PayloadRejected, Problem, shortened
from chowon.meters import shelly_records
from chowon.meters.decoded import Envelope, Family
from chowon.meters.device_message import json_object
from chowon.meters.kept import Asker, Listed, Page, Question, Wanted
from chowon.meters.shelly import FAMILY
from chowon.meters.shelly_records import Kind

_TOPIC: Final = re.compile(r"(.+)/(?:events/rpc|status/[^/]+)")
_PHASE: Final = re.compile(r"(?:([1-9]\d{0,3})-)?(a|b|c|main)")
_SINGLE: Final = re.compile(r"[1-9]\d{0,3}")
_METHODS: Final = {"emdata": "EMData", "em1data": "EM1Data"}
_NO_SUCH_STORE: Final = frozenset({404, -105, -114})
"""No handler for the method; no component of this id; no such method"""


class _Frame(msgspec.Struct):
    """As much of an answer as tells to which call it belongs."""

    id: int | str | None = None


class ShellyKeeper:
    """As meters.kept.Keeper."""

    family: Family = FAMILY
    kept_ms: int = 62 * DAY_MS

    def address(self, topic: str) -> str | None:
        """The device's prefix."""
        found = _TOPIC.fullmatch(topic)
        return None if found is None else found[1]

    def stores(self, channels: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        """emdata:N of three-phase meters, em1data:N of single clamps; plugs and switches have none."""
        found: dict[str, tuple[str, ...]] = {}
        for channel in sorted(channels):
            store = _store(channel)
            if store is not None:
                found[store] = (*found.get(store, ()), channel)
        return found

    def question(self, address: str, wanted: Wanted, asker: Asker, *, listing: bool) -> Question:
        """A call of GetRecords or GetData."""
        kind, index = _parts(wanted.store)
        params: dict[str, object] = {"id": index, "ts": wanted.start_ms // 1000}
        if not listing:
            params |= {"end_ts": -(-wanted.end_ms // 1000), "add_keys": True}
        method = f"{_METHODS[kind]}.{'GetRecords' if listing else 'GetData'}"
        call = {"id": asker.number, "src": asker.name, "method": method, "params": params}
        return Question(
            f"{address}/rpc",
            msgspec.json.encode(call),
            f"{asker.name}/rpc",
            lambda payload: _id_of(payload) == asker.number,
        )

    def listed(self, payload: bytes) -> Listed:
        """As Keeper.listed."""
        _check_answered(payload)
        return Listed(shelly_records.blocks(payload), shelly_records.next_ms(payload))

    def page(self, payload: bytes, wanted: Wanted, device: str, envelope: Envelope) -> Page:
        """As Keeper.page: the intervals that lie between the start of `wanted` and the instant of receipt."""
        _check_answered(payload)
        kind, index = _parts(wanted.store)
        kept = shelly_records.intervals(
            payload,
            device,
            kind,
            index,
            envelope,
            start_ms=wanted.start_ms,
            end_ms=envelope.received_ms,
        )
        return Page(kept, shelly_records.next_ms(payload))


KEEPER: Final = ShellyKeeper()


def _store(channel: str) -> str | None:
    phase = _PHASE.fullmatch(channel)
    if phase is not None:
        return f"emdata:{int(phase[1] or 1) - 1}"
    return f"em1data:{int(channel) - 1}" if _SINGLE.fullmatch(channel) else None


def _parts(store: str) -> tuple[Kind, int]:
    kind, _, index = store.partition(":")
    return cast("Kind", kind), int(index)


def _id_of(payload: bytes) -> int | str | None:
    try:
        return msgspec.json.decode(payload, type=_Frame).id
    except (ValueError, RecursionError):
        return None


def _check_answered(payload: bytes) -> None:
    """Errors: NotFound, MeterUnavailable, PayloadRejected."""
    frame = json_object(payload, "the answer to a call, with result or error")
    if isinstance(frame.get("result"), dict):
        return
    error = frame.get("error")
    if not isinstance(error, dict):
        problem = Problem("result", shortened(frame.get("result")), "an object, or an error")
        raise PayloadRejected("the device answered neither with a result nor with an error", [problem])
    code, message = error.get("code"), shortened(error.get("message"))
    if code in _NO_SUCH_STORE:
        raise NotFound(f"the device keeps no records here ({message}); only energy meters do")
    raise MeterUnavailable(f"the device cannot answer now: {message} (code {shortened(code)})")
