"""GET /sites/{id}/now and the live socket."""

import asyncio

from fastapi import APIRouter, Request, WebSocket, status

from chowon.api.access import SUBPROTOCOL
from chowon.api.parts import Parts, SiteId, parts_of
from chowon.errors import NotAllowed, NotFound
from chowon.live.view import Now

router = APIRouter(tags=["live"])
CLOSE_NOT_ALLOWED = 4401
CLOSE_NOT_FOUND = 4404


@router.get("/sites/{site_id}/now")
async def now(request: Request, site_id: SiteId) -> Now:
    """Power, cost per hour, today, the billing period so far, and the tier, at this instant."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    return await parts.live.now(site_id)


@router.websocket("/live")
async def live(socket: WebSocket, site: int) -> None:
    """A snapshot, then numbered deltas, until either side leaves."""
    parts = parts_of(socket)
    offered = socket.headers.get("sec-websocket-protocol", "")
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    sending = asyncio.create_task(_send(socket, parts, site))
    leaving = asyncio.create_task(_listen(socket))
    await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
    for task in (sending, leaving):
        task.cancel()
    await asyncio.gather(sending, leaving, return_exceptions=True)


async def _send(socket: WebSocket, parts: Parts, site: int) -> None:
    try:
        parts.access.check(socket.headers, "read")
        if parts.live.hub.clients() >= parts.limits.live_clients:
            await socket.close(status.WS_1013_TRY_AGAIN_LATER, "too many live clients; try again later")
            return
        async for frame in parts.live.frames(site):
            await socket.send_text(frame.decode())
    except NotAllowed as error:
        await socket.close(CLOSE_NOT_ALLOWED, str(error)[:120])
    except NotFound as error:
        await socket.close(CLOSE_NOT_FOUND, str(error)[:120])


async def _listen(socket: WebSocket) -> None:
    """Clients have nothing to say; this ends when they leave."""
    async for _ in socket.iter_text():
        continue
