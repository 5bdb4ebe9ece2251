"""The surface as one application below /compat/enertalk: reading only, each request allowed by our tokens."""

from typing import Final

from fastapi import Depends, FastAPI

from chowon.api.compat_enertalk import answers, billing, bills, devices, periodic, realtime, sites, users
from chowon.api.compat_enertalk.asked import allowed
from chowon.api.parts import Parts

PATH: Final = "/compat/enertalk"


def create_app(parts: Parts) -> FastAPI:
    """The application over these parts."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, dependencies=[Depends(allowed)])
    app.state.parts = parts
    for resource in (users, sites, devices, bills, realtime, periodic, billing):
        app.include_router(resource.router)
    answers.install(app)
    return app
