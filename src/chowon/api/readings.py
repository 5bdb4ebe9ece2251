"""The doors for HTTP writes: our own, and Influx line protocol in both its dialects."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from chowon.api.parts import parts_of
from chowon.domain.quantities import DAY_MS
from chowon.ingest.http_writes import Answer, InfluxDialect, write_lines, write_readings

own = APIRouter(tags=["write"])
influx = APIRouter(tags=["write"])
Precision = Annotated[str, Query(description="unit of the time stamps: ns, us, ms or s")]


@own.post("/readings")
async def readings(
    request: Request, hold_ms: Annotated[int | None, Query(ge=1000, le=31 * DAY_MS)] = None
) -> Response:
    """Readings as JSON or as an Arrow stream. Answered when they are durable.

    hold_ms: how long a reading stands at most, for channels that become known by it.
    """
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
            hold_ms=hold_ms,
        )
    )


@influx.post("/api/v2/write")
async def influx_v2(request: Request, precision: Precision = "ns") -> Response:
    """InfluxDB 2: `org` and `bucket` are taken and not needed."""
    return await _lines(request, "v2", precision)


@influx.post("/write")
async def influx_v1(
    request: Request, precision: Precision = "ns", p: Annotated[str | None, Query()] = None
) -> Response:
    """InfluxDB 1: `db` is taken and not needed; a token may come as the password `p`."""
    return await _lines(request, "v1", precision, p)


async def _lines(
    request: Request, dialect: InfluxDialect, precision: str, password: str | None = None
) -> Response:
    parts = parts_of(request)
    parts.access.check(request.headers, "write", password)
    return response_of(
        await write_lines(
            parts.door,
            await request.body(),
            dialect=dialect,
            precision=precision,
            content_encoding=request.headers.get("content-encoding", ""),
            now_ms=parts.now_ms(),
            limit=parts.limits.body_bytes,
        )
    )


def response_of(answer: Answer) -> Response:
    """What ingest answers, as it goes out."""
    return Response(answer.body, answer.status, answer.headers)
