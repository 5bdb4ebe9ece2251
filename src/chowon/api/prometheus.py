"""Prometheus: POST /prometheus/write takes what it measures, GET /metrics tells it what we know."""

import asyncio

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from chowon.api.metrics import Families, server_families, site_families
from chowon.api.parts import parts_of
from chowon.api.readings import response_of
from chowon.ingest.remote_write import write_remote

router = APIRouter(tags=["prometheus"])


@router.post("/prometheus/write")
async def write(request: Request) -> Response:
    """Remote write 1.0. Answered when all samples that are electricity are durable."""
    parts = parts_of(request)
    parts.access.check(request.headers, "write")
    return response_of(
        await write_remote(
            parts.door,
            parts.remote_write,
            await request.body(),
            content_type=request.headers.get("content-type", ""),
            content_encoding=request.headers.get("content-encoding", ""),
            now_ms=parts.now_ms(),
            limit=parts.limits.body_bytes,
        )
    )


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """The state of the server and of each site, for Prometheus to scrape."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    families = [*server_families(parts), *await site_families(parts.live, parts.limits.metrics_sites)]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families(families))
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(await asyncio.to_thread(encode, registry), media_type=content_type)
