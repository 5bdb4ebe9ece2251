"""What clients of InfluxDB ask before they write: is somebody there, and is there a database for me.

Any database, bucket and organisation is taken and none is needed, so making one succeeds and changes nothing.
Readings are asked for at /api/v1; InfluxQL is not spoken.
"""

import re
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import JSONResponse

from chowon import __version__
from chowon.api.dialects import in_dialect
from chowon.api.parts import parts_of

router = APIRouter(tags=["write"])
_VERSION: Final = f"chowon-{__version__}"
_HEADERS: Final = {"X-Influxdb-Version": _VERSION, "X-Influxdb-Build": "chowon"}
_MOST_BYTES: Final = 4096
_CREATE: Final = re.compile(r"\s*CREATE\s+DATABASE\s.+", re.IGNORECASE | re.DOTALL)
_SHOW: Final = re.compile(r"\s*SHOW\s+DATABASES\s*;?\s*", re.IGNORECASE)
_NOT_SPOKEN: Final = "chowon answers CREATE DATABASE and SHOW DATABASES only; readings are at /api/v1/sites"


@router.head("/ping", include_in_schema=False)
@router.get("/ping")
async def ping(verbose: bool = False) -> Response:
    """Somebody is there; with `verbose=true` a body says who."""
    return JSONResponse({"version": _VERSION}, 200, _HEADERS) if verbose else Response(None, 204, _HEADERS)


@router.get("/health")
async def health(request: Request) -> Response:
    """Whether readings are taken in and kept, as clients of InfluxDB 2 ask; no more than that, to anyone."""
    well = parts_of(request).pulse().healthy
    told: dict[str, object] = {
        "name": "chowon",
        "status": "pass" if well else "fail",
        "message": "readings are taken in and kept" if well else "chowon doctor says what is wrong",
        "checks": [],
        "version": _VERSION,
    }
    return JSONResponse(told, 200 if well else 503, _HEADERS)


@router.get("/query")
async def ask(
    request: Request, q: Annotated[str, Query()] = "", p: Annotated[str | None, Query()] = None
) -> Response:
    """InfluxDB 1: `CREATE DATABASE` and `SHOW DATABASES`; anything else is refused in its words."""
    return _answer(request, q, p)


@router.post("/query")
async def ask_by_form(
    request: Request, q: Annotated[str, Query()] = "", p: Annotated[str | None, Query()] = None
) -> Response:
    """As GET, with the question in the address or in a form."""
    form = parse_qs((await request.body())[:_MOST_BYTES].decode("latin-1"))
    return _answer(request, q or form.get("q", [""])[-1], p)


def _answer(request: Request, question: str, password: str | None) -> Response:
    parts_of(request).access.check(request.headers, "write", password)
    result: dict[str, object] = {"statement_id": 0}
    if _SHOW.fullmatch(question):
        result["series"] = [{"name": "databases", "columns": ["name"], "values": [["chowon"]]}]
    elif not _CREATE.fullmatch(question):
        refused = in_dialect("/query", 400, _NOT_SPOKEN, _HEADERS)
        assert refused is not None
        return refused
    return JSONResponse({"results": [result]}, 200, _HEADERS)
