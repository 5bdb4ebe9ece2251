"""How this surface writes: camelCase objects, exact numbers, errors with a `type` as its clients look for."""

import logging
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from chowon.api.answers import RETRY_AFTER_S
from chowon.errors import BadInput, ChowonError, NotAllowed, NotFound, Unavailable, shortened

_log: Final = logging.getLogger(__name__)
_JSON: Final = msgspec.json.Encoder(decimal_format="number")


class Thing(msgspec.Struct, frozen=True, rename="camel"):
    """An object of an answer; unknown is null."""


class Fault(Thing, frozen=True):
    """An error: its type is what clients look at."""

    type: str
    message: str


def answer(value: Thing | list[Thing], status: int = 200) -> Response:
    """The value as JSON; a Decimal is a number with all its digits."""
    return Response(_JSON.encode(value), status, media_type="application/json")


def _fault(status: int, kind: str, message: str) -> Response:
    told = answer(Fault(kind, message), status)
    if status == HTTPStatus.UNAUTHORIZED:
        told.headers["WWW-Authenticate"] = "Bearer"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        told.headers["Retry-After"] = str(RETRY_AFTER_S)
    return told


def install(app: FastAPI) -> None:
    """Answer every error in this shape."""

    @app.exception_handler(ChowonError)
    async def ours(_: Request, error: ChowonError) -> Response:
        match error:
            case NotAllowed():
                return _fault(401, "UnauthorizedError", str(error))
            case NotFound():
                return _fault(404, "NotFoundError", str(error))
            case BadInput():
                return _fault(400, "BadRequestError", str(error))
            case Unavailable():
                return _fault(503, "ServiceUnavailableError", str(error))
            case _:
                _log.error("a request failed", exc_info=error)
                return _fault(500, "InternalServerError", "chowon could not do this; its log says why")

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        kind = HTTPStatus(error.status_code).phrase.replace(" ", "") + "Error"
        return _fault(error.status_code, kind, f"{request.method} {request.url.path}: {error.detail}")

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        said = "; ".join(
            f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}, found {shortened(e.get('input'))}"
            for e in error.errors()
        )
        return _fault(400, "BadRequestError", said)
