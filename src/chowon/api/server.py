"""The HTTP application: every route, under its bounds."""

from typing import Final

from fastapi import FastAPI

from chowon import __version__
from chowon.api import (
    answers,
    appliance_days,
    appliances,
    bill,
    compare,
    corrections,
    dashboard,
    devices,
    emoncms,
    health,
    imports,
    influx_probes,
    kinds,
    now,
    outlook,
    prices,
    prometheus,
    quality,
    readings,
    records,
    shares,
    sites,
    sources,
    usage,
    what_if,
    witnessed,
)
from chowon.api.compat_enertalk import app as enertalk
from chowon.api.direct import Direct, Endpoint
from chowon.api.middleware import BodyLimit, SecurityHeaders, ServerStop
from chowon.api.parts import Parts

HOT: Final[dict[str, Endpoint]] = {
    "/api/v1/readings": readings.readings,
    "/api/v2/write": readings.influx_v2,
    "/write": readings.influx_v1,
    "/prometheus/write": prometheus.write,
    "/input/post": emoncms.post,
    "/input/bulk": emoncms.bulk,
}
"""Where meters and their collectors write."""


def create_app(parts: Parts) -> FastAPI:
    """The application over these parts."""
    app = FastAPI(
        title="chowon",
        version=__version__,
        description="From every second of electricity to every won of the bill.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.parts = parts
    for router in (
        sites.router,
        now.router,
        usage.router,
        bill.router,
        compare.router,
        what_if.router,
        outlook.router,
        quality.router,
        shares.router,
        appliances.router,
        appliance_days.router,
        witnessed.router,
        kinds.router,
        records.router,
        prices.router,
        devices.router,
        sources.router,
        corrections.router,
        imports.router,
        readings.own,
        health.router,
    ):
        app.include_router(router, prefix="/api/v1")
    for router in (readings.influx, influx_probes.router, emoncms.router, prometheus.router):
        app.include_router(router)
    app.mount(enertalk.PATH, enertalk.create_app(parts))
    answers.install(app)
    dashboard.install(app, parts.dashboard)
    app.add_middleware(Direct, posts=HOT, handlers=app.exception_handlers)
    app.add_middleware(
        BodyLimit,
        limit_bytes=parts.limits.body_bytes,
        files={} if parts.imports is None else {f"/api/v1{imports.PATH}": parts.imports.most_bytes},
    )
    app.add_middleware(ServerStop)
    app.add_middleware(SecurityHeaders)
    return app
