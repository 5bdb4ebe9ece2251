"""HTTP bodies in, answers out, in the dialect of who asks. The routes themselves stand in api/."""

import asyncio
import re
import zlib
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from chowon.errors import (
    NotFound,
    Overloaded,
    PayloadRejected,
    PayloadTooLarge,
    Problem,
    StoreUnavailable,
    shortened,
)
from chowon.ingest.door import Door, Outcome
from chowon.meters.decoded import Envelope

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Largest body after decompression: about 250,000 readings as JSON."""
MAX_GZIP_MEMBERS: Final = 16
RETRY_AFTER_S: Final = 2
INFLATED_AT_ONCE_BYTES: Final = 8 * 1024
"""Larger compressed bodies are inflated in a worker thread: these can hold some 8 MiB at most."""

InfluxDialect = Literal["v1", "v2"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, ready to be sent."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def inflated(body: bytes, content_encoding: str, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body without its compression (gzip, deflate, or none), never more than `limit` bytes.

    Errors: PayloadTooLarge, PayloadRejected.
    """
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        plain = body
    elif encoding in ("gzip", "x-gzip", "deflate"):
        plain = _unpacked(body, limit)
    else:
        problem = Problem("Content-Encoding", shortened(content_encoding), "gzip, deflate or identity")
        raise PayloadRejected("the body's encoding is not known", [problem])
    if len(plain) > limit:
        problem = Problem("body", f"more than {limit} bytes", "smaller bodies: send the readings in parts")
        raise PayloadTooLarge("the body is too large", [problem])
    return plain


async def write_readings(
    door: Door,
    body: bytes,
    *,
    content_type: str,
    content_encoding: str = "",
    now_ms: int,
    limit: int = MAX_BODY_BYTES,
    hold_ms: int | None = None,
) -> Answer:
    """`POST /api/v1/readings`: 200 once durable, 422 with nothing good, 413, 415 or 503.

    limit: most bytes of the body after decompression. hold_ms: as in an Envelope.
    """
    try:
        plain = await _plain(body, content_encoding, limit)
        outcome = await door.take(plain, content_type, Envelope(now_ms, hold_ms=hold_ms), "http")
    except PayloadTooLarge as error:
        return _error(413, "too_large", error.what, error.problems)
    except PayloadRejected as error:
        return _error(422, "rejected", error.what, error.problems)
    except NotFound as error:
        return _error(415, "unknown_format", str(error), ())
    except (Overloaded, StoreUnavailable) as error:
        return _error(503, "unavailable", str(error), (), retry_later())
    told = {
        "accepted": outcome.accepted,
        "rejected_count": outcome.rejected,
        "rejected": _listed(outcome.problems),
    }
    return Answer(200, _json(told), _JSON)


async def write_lines(
    door: Door,
    body: bytes,
    *,
    dialect: InfluxDialect,
    precision: str = "ns",
    content_encoding: str = "",
    now_ms: int,
    limit: int = MAX_BODY_BYTES,
) -> Answer:
    """InfluxDB's `/write` (v1) and `/api/v2/write` (v2): 204 when every line is durable.

    Good lines are kept and bad ones named by number: 400 in v1; in v2 422, or 400 with nothing good. In v1
    "partial write" and "unable to parse" are words by which clients know that sending it again is no use.
    """
    try:
        plain = await _plain(body, content_encoding, limit)
        envelope = Envelope(now_ms, precision=precision or "ns")
        outcome = await door.take(plain, "text/plain", envelope, f"influx {dialect}")
    except PayloadTooLarge as error:
        return _influx_error(dialect, 413, "request too large", error.what)
    except PayloadRejected as error:
        what = f"unable to parse: {error.what}" if dialect == "v1" else error.what
        return _influx_error(dialect, 400, "invalid", _in_one_line(what, error.problems))
    except (Overloaded, StoreUnavailable) as error:
        return _influx_error(dialect, 503, "unavailable", str(error), retry_later())
    if not outcome.rejected:
        return Answer(204)
    message = _partial(outcome)
    status = 400 if dialect == "v1" else 422
    return _influx_error(dialect, status, "unprocessable entity", message)


_JSON: Final = {"Content-Type": "application/json"}


async def _plain(body: bytes, content_encoding: str, limit: int) -> bytes:
    if not content_encoding or len(body) <= INFLATED_AT_ONCE_BYTES:
        return inflated(body, content_encoding, limit)
    return await asyncio.to_thread(inflated, body, content_encoding, limit)


def _unpacked(body: bytes, limit: int) -> bytes:
    """At most limit + 1 bytes of it. Errors: PayloadRejected."""
    parts: list[bytes] = []
    size = 0
    rest, whole = body, True
    try:
        for _ in range(MAX_GZIP_MEMBERS):  # a gzip file may hold several members
            if not rest or size > limit:
                break
            member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
            parts.append(member.decompress(rest, limit + 1 - size))
            size += len(parts[-1])
            whole = member.eof
            rest = member.unused_data
    except zlib.error as error:
        raise _not_whole(str(error)) from None
    if size <= limit and not whole:
        raise _not_whole("it ends too early")
    if size <= limit and rest:
        raise _not_whole(f"more than {MAX_GZIP_MEMBERS} parts")
    return b"".join(parts)


def _not_whole(found: str) -> PayloadRejected:
    problem = Problem("body", shortened(found), "a whole gzip or zlib stream")
    return PayloadRejected("the body cannot be decompressed", [problem])


def _partial(outcome: Outcome) -> str:
    return _in_one_line("partial write:", outcome.problems) + f" dropped={outcome.rejected}"


def _in_one_line(what: str, problems: tuple[Problem, ...]) -> str:
    return " ".join([what, "; ".join(str(problem) for problem in problems)]).strip()


def _influx_error(
    dialect: InfluxDialect, status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> Answer:
    if dialect == "v1":
        one_line = re.sub(r"[^\x20-\x7e]", "?", message)
        return Answer(
            status,
            _json({"error": message}),
            {**_JSON, "X-Influxdb-Error": one_line[:500], **(headers or {})},
        )
    return Answer(status, _json({"code": code, "message": message}), {**_JSON, **(headers or {})})


def _error(
    status: int, code: str, message: str, problems: tuple[Problem, ...], headers: dict[str, str] | None = None
) -> Answer:
    error = {"code": code, "message": message, "problems": _listed(problems)}
    return Answer(status, _json({"error": error}), {**_JSON, **(headers or {})})


def _listed(problems: tuple[Problem, ...]) -> list[dict[str, str]]:
    return [{"where": p.where, "found": p.found, "expected": p.expected} for p in problems]


def retry_later() -> dict[str, str]:
    """The header that says when to come again."""
    return {"Retry-After": str(RETRY_AFTER_S)}


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)
