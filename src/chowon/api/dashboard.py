"""The dashboard's files, built from web/ into the package."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_YEAR = "public, max-age=31536000, immutable"


class _Files(StaticFiles):
    """Files with a hash in their name never change; the page itself is asked for each time."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _YEAR if path.startswith("assets/") else "no-cache"
        return response


def install(app: FastAPI, folder: Path | None) -> None:
    """Serve the dashboard at /, or say how to get it."""
    if folder is not None:
        app.mount("/", _Files(directory=folder, html=True), name="dashboard")
        return

    @app.get("/", include_in_schema=False)
    async def missing() -> PlainTextResponse:
        return PlainTextResponse(
            "The API is described at /api/v1/openapi.json. The dashboard is not built: install the wheel, "
            "or run `npm ci && npm run build` in web/.\n",
            status_code=404,
        )
