"""How errors look on the wire: one shape, a fitting status, what to do next."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from chowon.api.dialects import in_dialect
from chowon.errors import (
    BadInput,
    ChowonError,
    NotAllowed,
    NotFound,
    PayloadRejected,
    Problem,
    TariffInvalid,
    Unavailable,
    shortened,
)

RETRY_AFTER_S = 5
_log = logging.getLogger(__name__)


def error_answer(
    status: int, code: str, message: str, problems: tuple[Problem, ...] = (), *, path: str
) -> Response:
    """An error as docs/reference/api.md describes it, or in the dialect that is spoken at this path."""
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer"}
    listed = [{"where": p.where, "found": p.found, "expected": p.expected} for p in problems]
    body = {"error": {"code": code, "message": message, "problems": listed}}
    return in_dialect(path, status, message, headers) or JSONResponse(body, status, headers)


def install(app: FastAPI) -> None:
    """Answer every error of ours, and every malformed request, in that shape."""

    @app.exception_handler(ChowonError)
    async def ours(request: Request, error: ChowonError) -> Response:
        path = request.url.path
        match error:
            case NotAllowed():
                return error_answer(401, "not_allowed", str(error), path=path)
            case NotFound():
                return error_answer(404, "not_found", str(error), path=path)
            case PayloadRejected() | TariffInvalid():
                return error_answer(422, "rejected", error.what, error.problems, path=path)
            case BadInput():
                return error_answer(422, "bad_input", str(error), path=path)
            case Unavailable():
                return error_answer(503, "unavailable", str(error), path=path)
            case _:
                _log.error("a request failed", exc_info=error)
                return error_answer(500, "internal", "chowon could not do this; its log says why", path=path)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        known = "; the API is described at /api/v1/openapi.json" if error.status_code in (404, 405) else ""
        message = f"{request.method} {request.url.path}: {error.detail}{known}"
        return error_answer(error.status_code, code, message, path=request.url.path)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        problems = tuple(
            Problem(".".join(str(p) for p in e["loc"]), shortened(e.get("input")), e["msg"])
            for e in error.errors()
        )
        return error_answer(
            422, "bad_request", "the request does not fit the API", problems, path=request.url.path
        )

    @app.exception_handler(ClientDisconnect)
    async def left(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody hears it; a client that leaves early is no error of ours
