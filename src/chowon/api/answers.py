"""How errors look on the wire: one shape, a fitting status, what to do next."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect
from starlette.responses import Response

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


def error_answer(status: int, code: str, message: str, problems: tuple[Problem, ...] = ()) -> JSONResponse:
    """An error as docs/reference/api.md describes it."""
    listed = [{"where": p.where, "found": p.found, "expected": p.expected} for p in problems]
    body = {"error": {"code": code, "message": message, "problems": listed}}
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer"}
    return JSONResponse(body, status, headers)


def install(app: FastAPI) -> None:
    """Answer every error of ours, and every malformed request, in that shape."""

    @app.exception_handler(ChowonError)
    async def ours(_: Request, error: ChowonError) -> JSONResponse:
        match error:
            case NotAllowed():
                return error_answer(401, "not_allowed", str(error))
            case NotFound():
                return error_answer(404, "not_found", str(error))
            case PayloadRejected() | TariffInvalid():
                return error_answer(422, "rejected", error.what, error.problems)
            case BadInput():
                return error_answer(422, "bad_input", str(error))
            case Unavailable():
                return error_answer(503, "unavailable", str(error))
            case _:
                return error_answer(500, "internal", "chowon could not do this; its log says why")

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = tuple(
            Problem(".".join(str(p) for p in e["loc"]), shortened(e.get("input")), e["msg"])
            for e in error.errors()
        )
        return error_answer(422, "bad_request", "the request does not fit the API", problems)

    @app.exception_handler(ClientDisconnect)
    async def left(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody hears it; a client that leaves early is no error of ours
