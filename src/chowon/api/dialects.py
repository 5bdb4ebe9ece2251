"""Errors in the words of who asks: clients of InfluxDB, emonCMS and Prometheus each read another shape."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.responses import JSONResponse, PlainTextResponse, Response

_V2_CODES: Final = {
    400: "invalid",
    401: "unauthorized",
    404: "not found",
    413: "request too large",
    422: "unprocessable entity",
    500: "internal error",
    503: "unavailable",
}


def in_dialect(path: str, status: int, message: str, headers: Mapping[str, str] | None) -> Response | None:
    """The error as clients of this path read it; None where they read our own shape."""
    if path.startswith("/api/v2/"):
        code = _V2_CODES.get(status, HTTPStatus(status).phrase.lower())
        return JSONResponse({"code": code, "message": message}, status, headers)
    if path in ("/write", "/query"):
        in_header = {"X-Influxdb-Error": re.sub(r"[^\x20-\x7e]", "?", message)[:500]}
        return JSONResponse({"error": message}, status, {**in_header, **(headers or {})})
    if path.startswith("/input/"):
        said = f"Invalid API key: {message}" if status == 401 else message
        return PlainTextResponse(said, status, headers)
    if path in ("/prometheus/write", "/metrics"):
        return PlainTextResponse(message + "\n", status, headers)
    return None
