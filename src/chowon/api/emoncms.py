"""The doors for senders of emonCMS: emonHub, emonTx, OpenEVSE and whatever else posts inputs."""

from fastapi import APIRouter, Request, Response

from chowon.api.parts import parts_of
from chowon.api.readings import response_of
from chowon.ingest.emoncms_writes import key_in, write_inputs

router = APIRouter(tags=["write"])


@router.get("/input/post.json", include_in_schema=False)
@router.post("/input/post.json", include_in_schema=False)
@router.get("/input/post")
@router.post("/input/post")
async def post(request: Request) -> Response:
    """One node's inputs: `node`, `time`, and `fulljson`, `json` or `csv`; in the address or as a form."""
    return await _taken(request)


@router.get("/input/bulk.json", include_in_schema=False)
@router.post("/input/bulk.json", include_in_schema=False)
@router.get("/input/bulk")
@router.post("/input/bulk")
async def bulk(request: Request) -> Response:
    """Inputs of many nodes and instants: `data`, and `sentat`, `offset` or `time`."""
    return await _taken(request)


async def _taken(request: Request) -> Response:
    parts = parts_of(request)
    parameters: bytes = request.scope["query_string"]
    body = await request.body()
    if body:
        parameters = parameters + b"&" + body if parameters else body
    parts.access.check(request.headers, "write", key_in(parameters))
    return response_of(await write_inputs(parts.door, parameters, now_ms=parts.now_ms()))
