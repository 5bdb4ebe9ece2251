"""A stand-in for the API while the dashboard is developed: answers docs/reference/api.md from invented homes.

Development only, never shipped. It serves the built dashboard at / under the strict policy of the real server:

    python web/dev/fake_api.py --port 8090            # several homes, one a state
    python web/dev/fake_api.py --scene empty          # no site yet
    python web/dev/fake_api.py --token let-me-in      # everything needs a token

The homes play ../shared/data/virtual_homes/v1.parquet where it exists, else a made-up day.
"""

import argparse
import asyncio
import json
import time
from datetime import datetime

import uvicorn
from fake_homes import HOMES, REPO, SEOUL, Home, bill_of, now_of, recent, site_of
from fastapi import FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

BUILT = REPO / "src/chowon/web"
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"


def fake(token: str | None, scene: str, drop: bool) -> FastAPI:
    """The app. drop: leave out a delta now and then, so that clients have to notice."""
    app = FastAPI()
    homes = {} if scene == "empty" else {home.id: home for home in HOMES}

    def problem(status: int, code: str, message: str) -> JSONResponse:
        return JSONResponse({"error": {"code": code, "message": message, "problems": []}}, status)

    @app.middleware("http")
    async def guard(request: Request, call_next):
        if request.url.path.startswith("/api/"):
            if token and request.headers.get("authorization") != f"Bearer {token}":
                return problem(401, "not_allowed", "This needs an access token.")
            if scene == "error":
                return problem(503, "store_unavailable", "디스크가 가득 찼어요: 기록을 옮기거나 지워 주세요.")
            if scene == "slow":
                await asyncio.sleep(30)
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    @app.exception_handler(HTTPException)
    async def answered(_: Request, error: HTTPException):
        return problem(error.status_code, "not_found", str(error.detail))

    def home_of(site: int) -> Home:
        if site not in homes:
            raise HTTPException(404, f"site {site}: not known; see GET /api/v1/sites")
        return homes[site]

    @app.get("/api/v1/sites")
    async def sites():
        return {"sites": [site_of(home) for home in homes.values()]}

    @app.get("/api/v1/sites/{site}/now")
    async def now(site: int):
        return now_of(home_of(site))

    @app.get("/api/v1/sites/{site}/bill")
    async def bill(site: int, date: str | None = None):  # noqa: A002
        day = datetime.now(SEOUL).date() if date is None else datetime.fromisoformat(date).date()
        return bill_of(home_of(site), day)

    @app.websocket("/api/v1/live")
    async def live(socket: WebSocket, site: int):
        offered = [p.strip() for p in socket.headers.get("sec-websocket-protocol", "").split(",")]
        if token and f"chowon.token.{token}" not in offered or site not in homes:
            await socket.close(4401)
            return
        await socket.accept(subprotocol="chowon.v1")
        home = homes[site]
        times, watts = recent(home, int(time.time() * 1000))
        known, seq = now_of(home), 41
        await socket.send_text(
            json.dumps(
                {"type": "snapshot", "seq": seq, "now": known, "recent": {"time_ms": times, "power_w": watts}}
            )
        )
        last = times[-1] if times else 0
        while True:
            await asyncio.sleep(1 - time.time() % 1 + 0.05)
            current = now_of(home)
            changed = {k: v for k, v in current.items() if v != known[k]}
            fresh = [[t, w] for t, w in zip(*recent(home, current["time_ms"]), strict=True) if t > last]
            last = fresh[-1][0] if fresh else last
            seq += 2 if drop and seq % 20 == 0 else 1
            known = current
            try:
                await socket.send_text(
                    json.dumps({"type": "delta", "seq": seq, "now": changed, "samples": fresh})
                )
            except WebSocketDisconnect:
                return

    app.mount("/", StaticFiles(directory=BUILT, html=True))
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--token")
    parser.add_argument("--scene", choices=["homes", "empty", "error", "slow"], default="homes")
    parser.add_argument("--drop", action="store_true", help="leave out a delta now and then")
    chosen = parser.parse_args()
    uvicorn.run(fake(chosen.token, chosen.scene, chosen.drop), port=chosen.port, log_level="warning")
