"""The doors for HTTP writes: our own, and Influx line protocol in both its dialects."""

from typing import Final

from fastapi import APIRouter, Request, Response

from chowon.api.parts import parts_of
from chowon.domain.quantities import DAY_MS
from chowon.errors import BadInput, shortened
from chowon.ingest.http_writes import Answer, InfluxDialect, write_lines, write_readings

own = APIRouter(tags=["write"])
influx = APIRouter(tags=["write"])
_PRECISION: Final = {
    "name": "precision",
    "in": "query",
    "description": "unit of the time stamps: ns, us, ms or s",
    "schema": {"type": "string", "default": "ns"},
}
_HOLD: Final = {
    "name": "hold_ms",
    "in": "query",
    "description": "how long a reading stands at most, for channels that become known by it",
    "schema": {"type": "integer", "minimum": 1000, "maximum": 31 * DAY_MS},
}
_PASSWORD: Final = {"name": "p", "in": "query", "schema": {"type": "string"}}


@own.post("/readings", openapi_extra={"parameters": [_HOLD]})
async def readings(request: Request) -> Response:
    """Readings as JSON or as an Arrow stream. Answered when they are durable."""
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    return response_of(
        await write_readings(
            parts.door,
            await request.body(),
            content_type=request.headers.get("content-type", "application/json"),
            content_encoding=request.headers.get("content-encoding", ""),
            now_ms=parts.now_ms(),
            limit=parts.limits.body_bytes,
            hold_ms=_hold_ms(request.query_params.get("hold_ms")),
        )
    )


@influx.post("/api/v2/write", openapi_extra={"parameters": [_PRECISION]})
async def influx_v2(request: Request) -> Response:
    """InfluxDB 2: `org` and `bucket` are taken and not needed."""
    return await _lines(request, "v2", None)


@influx.post("/write", openapi_extra={"parameters": [_PRECISION, _PASSWORD]})
async def influx_v1(request: Request) -> Response:
    """InfluxDB 1: `db` is taken and not needed; a token may come as the password `p`."""
    return await _lines(request, "v1", request.query_params.get("p"))


def _hold_ms(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1000 <= int(text[:12]) <= 31 * DAY_MS):
        raise BadInput(f"hold_ms: found {shortened(text)}; expected 1000 to {31 * DAY_MS} (31 days)")
    return int(text)


async def _lines(request: Request, dialect: InfluxDialect, password: str | None) -> Response:
    parts = parts_of(request)
    parts.access.check(request.headers, "write", password)
    return response_of(
        await write_lines(
            parts.door,
            await request.body(),
            dialect=dialect,
            precision=request.query_params.get("precision", "ns"),
            content_encoding=request.headers.get("content-encoding", ""),
            now_ms=parts.now_ms(),
            limit=parts.limits.body_bytes,
        )
    )


def response_of(answer: Answer) -> Response:
    """What ingest answers, as it goes out."""
    return Response(answer.body, answer.status, answer.headers)
