"""The doors for HTTP writes: our own, and Influx line protocol in both its dialects."""

from typing import Final

from fastapi import APIRouter, Request, Response

from chowon.api.parts import parts_of
from chowon.ingest.http_writes import Answer, InfluxDialect, write_lines, write_readings

own = APIRouter(tags=["write"])
influx = APIRouter(tags=["write"])
_PRECISION: Final = {
    "name": "precision",
    "in": "query",
    "description": "unit of the time stamps: ns, us, ms or s",
    "schema": {"type": "string", "default": "ns"},
}
_PASSWORD: Final = {"name": "p", "in": "query", "schema": {"type": "string"}}


@own.post("/readings")
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
