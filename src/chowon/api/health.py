"""GET /health: what came in, what was refused and why, what waits. For `chowon doctor` and for monitoring."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from chowon import __version__
from chowon.api.parts import Parts, parts_of

router = APIRouter(tags=["health"])
RECENT_PROBLEMS = 20


class RecentProblemAnswer(BaseModel):
    """Something that was not taken in."""

    time_ms: int
    source: str
    where: str
    found: str
    expected: str


class HealthAnswer(BaseModel):
    """The state of the server."""

    version: str
    time_ms: int
    healthy: bool
    """whether readings are taken in and kept"""
    queue: dict[str, Any]
    """readings accepted, refused (queue full) and failed, waiting; why the store does not take data, if so"""
    rejected_readings: int
    rejected_payloads: int
    rejected_by_source: dict[str, int]
    recent_problems: list[RecentProblemAnswer]
    http: dict[str, int]
    """connections open, those whose request is not whole yet, and those closed for that"""
    mqtt: dict[str, Any] | None
    broker_running: bool | None
    enertalk: dict[str, Any] | None
    """the door for EnerTalk meters: connections, frames, and each meter's newest frame; None if off"""
    backfill: dict[str, Any] | None
    """asking devices for what they had kept: questions, answers, readings filled in, the last problem and
    remark of each device; None if off"""
    sealing_problem: str | None
    sources: list[dict[str, Any]]
    """meters that chowon asks or listens to by itself: how much came, when last, why nothing comes"""
    outward: dict[str, Any]
    """what goes to others: the publishing connection, each webhook with its last deliveries"""
    appliances: dict[str, Any] | None
    """what went wrong where they are told; None if they are not"""
    live_clients: int
    failed_live_rounds: int
    """rounds of the live loop that failed; the log says why"""
    snapshots_forced: int
    """live clients that fell behind and got a fresh snapshot"""


@router.get("/health")
async def health(request: Request) -> HealthAnswer:
    """Counts and problems since the start."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    pulse = parts.pulse()
    return HealthAnswer(
        version=__version__,
        time_ms=parts.now_ms(),
        healthy=pulse.healthy,
        queue=asdict(pulse.queue),
        rejected_readings=parts.door.ledger.rejected_readings,
        rejected_payloads=parts.door.ledger.rejected_payloads,
        rejected_by_source=parts.door.ledger.rejected_by_source(),
        recent_problems=recent_problems(parts, RECENT_PROBLEMS),
        http=asdict(pulse.http),
        mqtt=None if pulse.mqtt is None else asdict(pulse.mqtt),
        broker_running=pulse.broker_running,
        enertalk=None if pulse.enertalk is None else asdict(pulse.enertalk),
        backfill=None if pulse.backfill is None else asdict(pulse.backfill),
        sealing_problem=pulse.sealing_problem,
        sources=[asdict(state) for state in pulse.sources],
        outward=asdict(pulse.outward),
        appliances=None if pulse.appliances is None else asdict(pulse.appliances),
        failed_live_rounds=parts.live.failed_rounds,
        live_clients=parts.live.hub.clients(),
        snapshots_forced=parts.live.hub.snapshots_forced,
    )


def recent_problems(parts: Parts, most: int) -> list[RecentProblemAnswer]:
    """The last things that were not taken in, oldest first."""
    return [
        RecentProblemAnswer(
            time_ms=r.time_ms,
            source=r.source,
            where=r.problem.where,
            found=r.problem.found,
            expected=r.problem.expected,
        )
        for r in parts.door.ledger.recent_problems()[-most:]
    ]
