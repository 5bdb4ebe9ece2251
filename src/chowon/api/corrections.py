"""GET, POST, check and DELETE of /sites/{id}/corrections: where counters were doubted, what was decided."""

import asyncio
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from chowon.api.parts import Parts, SiteId, parts_of
from chowon.api.usage import instant_ms
from chowon.domain.corrections import Correction, CorrectionKind
from chowon.domain.counters import Decision, Flow, Kind
from chowon.domain.quantities import DAY_MS, DWMS_PER_WH, HOUR_MS, I64, MINUTE_MS
from chowon.domain.rollups import Rollup
from chowon.domain.sites import Site
from chowon.errors import BadInput

router = APIRouter(prefix="/sites", tags=["corrections"])
LONGEST_MS = 400 * DAY_MS
MOST_KWH = 10_000_000
MOST_KW = 10_000
LARGE_KWH = 10
"""A change of as much is asked about twice: more than a home's day"""
REACH_MS = 31 * DAY_MS
"""How far around a moment it is looked for what changes"""
ALWAYS_MS = (0, 2**42)
_MILLIWH_PER_KWH = 1_000_000


class DecisionAnswer(BaseModel):
    """A place where a counter's plain difference was not taken."""

    channel: int
    flow: Flow
    kind: Kind
    from_ms: int
    to_ms: int
    before_kwh: float
    odd_kwh: float
    after_kwh: float
    counted_kwh: float
    plain_kwh: float


class CorrectionAnswer(BaseModel):
    """What somebody decided."""

    id: int
    channel: int
    flow: Flow | None
    kind: CorrectionKind
    from_ms: int
    to_ms: int
    kwh: float | None
    kw: float | None
    reason: str
    by: str
    made_ms: int


class CorrectionsAnswer(BaseModel):
    """Both, of one span."""

    site: int
    from_ms: int
    to_ms: int
    decisions: list[DecisionAnswer]
    corrections: list[CorrectionAnswer]


class WantedCorrection(BaseModel):
    """What might be decided."""

    model_config = ConfigDict(extra="forbid")
    channel: int
    kind: CorrectionKind
    flow: Flow | None = None
    from_ms: Annotated[int, Field(ge=0, lt=2**42)] | None = None
    to_ms: Annotated[int, Field(ge=0, lt=2**42)] | None = None
    kwh: Annotated[float, Field(ge=0, le=MOST_KWH)] | None = None
    kw: Annotated[float, Field(ge=1, le=MOST_KW)] | None = None


class NewCorrection(WantedCorrection):
    """What is to be decided, and why."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    by: Annotated[str, Field(min_length=1, max_length=100)] = "api"


class EnergyAnswer(BaseModel):
    """Energy of a channel over some time."""

    import_kwh: float
    export_kwh: float


class EffectAnswer(BaseModel):
    """What a correction would change; both null where it changes nothing.

    from_ms, to_ms: the hours whose energy changes; of a connection those of the last 31 days.
    """

    from_ms: int | None
    to_ms: int | None
    before: EnergyAnswer | None
    after: EnergyAnswer | None
    large: bool
    """whether a person should be asked twice"""


@router.get("/{site_id}/corrections")
async def corrections(
    request: Request,
    site_id: SiteId,
    start: Annotated[str, Query(alias="from")],
    end: Annotated[str, Query(alias="to")],
) -> CorrectionsAnswer:
    """Of [from, to): ms or ISO 8601 with offset."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    from_ms, to_ms = instant_ms("from", start), instant_ms("to", end)
    if not 0 <= to_ms - from_ms <= LONGEST_MS:
        raise BadInput(f"from … to: expected 0 to {LONGEST_MS // DAY_MS} days, from the earlier to the later")
    site = await asyncio.to_thread(parts.sites.site, site_id)
    return await asyncio.to_thread(_answer, parts, site, from_ms, to_ms)


@router.post("/{site_id}/corrections/check")
async def check(request: Request, site_id: SiteId, wanted: WantedCorrection) -> EffectAnswer:
    """What deciding this would change; nothing is changed."""
    parts = parts_of(request)
    parts.access.check(request.headers, "read")
    site = await asyncio.to_thread(parts.sites.site, site_id)
    return await asyncio.to_thread(_effect, parts, _checked(site, wanted))


@router.post("/{site_id}/corrections")
async def correct(request: Request, site_id: SiteId, wanted: NewCorrection) -> CorrectionAnswer:
    """Decide something; energy, bills and live figures follow at once."""
    parts = parts_of(request)
    parts.access.check(request.headers, "admin")
    site = await asyncio.to_thread(parts.sites.site, site_id)
    decided = _checked(site, wanted, wanted.reason, wanted.by)
    made = await asyncio.to_thread(parts.corrections.add, decided)
    await parts.live.recount([made.channel])
    return _correction(made)


@router.delete("/{site_id}/corrections/{correction_id}")
async def take_back(
    request: Request,
    site_id: SiteId,
    correction_id: int,
    by: Annotated[str, Query(min_length=1, max_length=100)] = "api",
) -> CorrectionAnswer:
    """Take a correction back; it stays in the catalog, with who took it back and when."""
    parts = parts_of(request)
    parts.access.check(request.headers, "admin")
    site = await asyncio.to_thread(parts.sites.site, site_id)
    ids = [c.id for c in site.channels]
    undone = await asyncio.to_thread(parts.corrections.take_back, correction_id, ids, by)
    await parts.live.recount([undone.channel])
    return _correction(undone)


def _checked(site: Site, wanted: WantedCorrection, reason: str = "", by: str = "") -> Correction:
    if all(c.id != wanted.channel for c in site.channels):
        raise BadInput(f"channel {wanted.channel}: site {site.key} has {[c.id for c in site.channels]}")
    if (wanted.kwh is None) == (wanted.kind == "energy"):
        raise BadInput("kwh: expected with kind energy (0 leaves the span out), and with no other kind")
    if (wanted.kw is None) == (wanted.kind == "connection"):
        raise BadInput("kw: expected with kind connection, and with no other kind")
    if wanted.kind in ("turned", "connection") and wanted.flow is not None:
        raise BadInput(f"flow: {wanted.kind} is of both; leave it out")
    start_ms, end_ms = _span(wanted)
    return Correction(
        id=0,
        channel=wanted.channel,
        kind=wanted.kind,
        flow=wanted.flow,
        start_ms=start_ms,
        end_ms=end_ms,
        milliwh=None if wanted.kwh is None else round(wanted.kwh * _MILLIWH_PER_KWH),
        plausible_w=None if wanted.kw is None else round(wanted.kw * 1000),
        reason=reason,
        made_by=by,
        made_ms=0,
    )


def _span(wanted: WantedCorrection) -> tuple[int, int]:
    """From when to when it is to count."""
    start_ms, end_ms = wanted.from_ms, wanted.to_ms
    if wanted.kind == "connection":
        if start_ms is not None or end_ms is not None:
            raise BadInput("from_ms, to_ms: a connection counts at all times; leave them out")
        return ALWAYS_MS
    if start_ms is None:
        raise BadInput(f"from_ms: expected ms since 1970 for {wanted.kind}")
    if wanted.kind == "replaced":
        return start_ms, start_ms
    if end_ms is None or not 0 < end_ms - start_ms <= LONGEST_MS:
        raise BadInput(f"to_ms: {end_ms}; expected later than from_ms, by {LONGEST_MS} ms at most")
    if wanted.kind != "trusted" and (start_ms % MINUTE_MS or end_ms % MINUTE_MS):
        raise BadInput(f"from_ms, to_ms: expected whole minutes (multiples of {MINUTE_MS}) for {wanted.kind}")
    return start_ms, end_ms


def _effect(parts: Parts, correction: Correction) -> EffectAnswer:
    start_ms, end_ms = _reach(correction, parts.now_ms())
    channels = [correction.channel]
    before, after = (
        history.rollup(channels, start_ms, end_ms, "1h", "UTC")
        for history in (parts.history, parts.doubts.supposing(correction))
    )
    starts = np.union1d(before.start_ms, after.start_ms)
    old, new = (_by_hour(rollup, starts) for rollup in (before, after))
    changed = np.flatnonzero((old != new).any(axis=0))
    if not len(changed):
        return EffectAnswer(from_ms=None, to_ms=None, before=None, after=None, large=False)
    span = slice(changed[0], changed[-1] + 1)
    sums = [(hours[:, span].sum(axis=1) / (DWMS_PER_WH * 1000)).tolist() for hours in (old, new)]
    large = sum(abs(a - b) for a, b in zip(*sums, strict=True)) >= LARGE_KWH
    return EffectAnswer(
        from_ms=int(starts[span][0]),
        to_ms=int(starts[span][-1]) + HOUR_MS,
        before=EnergyAnswer(import_kwh=sums[0][0], export_kwh=sums[0][1]),
        after=EnergyAnswer(import_kwh=sums[1][0], export_kwh=sums[1][1]),
        large=large,
    )


def _reach(correction: Correction, now_ms: int) -> tuple[int, int]:
    """The whole hours in which a correction can change something, as far as they are looked at."""
    if correction.kind == "connection":
        start_ms, end_ms = now_ms - REACH_MS, now_ms
    elif correction.kind == "replaced":
        start_ms, end_ms = correction.start_ms - REACH_MS, correction.end_ms + REACH_MS
    else:
        start_ms, end_ms = correction.start_ms - HOUR_MS, correction.end_ms + HOUR_MS
    return max(0, start_ms // HOUR_MS * HOUR_MS), -(-end_ms // HOUR_MS) * HOUR_MS


def _by_hour(rollup: Rollup, starts: I64) -> I64:
    """(2, n) int64: import and export of each of these hours."""
    hours = np.zeros((2, len(starts)), np.int64)
    hours[:, np.searchsorted(starts, rollup.start_ms)] = [rollup.import_dwms, rollup.export_dwms]
    return hours


def _answer(parts: Parts, site: Site, from_ms: int, to_ms: int) -> CorrectionsAnswer:
    ids = [c.id for c in site.channels]
    made = parts.corrections.in_force(ids)
    return CorrectionsAnswer(
        site=site.id,
        from_ms=from_ms,
        to_ms=to_ms,
        decisions=[_decision(flow, d) for flow, d in parts.doubts.decisions(ids, from_ms, to_ms)],
        corrections=[_correction(c) for c in made if c.start_ms < to_ms and c.end_ms >= from_ms],
    )


def _decision(flow: Flow, one: Decision) -> DecisionAnswer:
    return DecisionAnswer(
        channel=one.channel,
        flow=flow,
        kind=one.kind,
        from_ms=one.start_ms,
        to_ms=one.end_ms,
        before_kwh=one.before_milliwh / _MILLIWH_PER_KWH,
        odd_kwh=one.odd_milliwh / _MILLIWH_PER_KWH,
        after_kwh=one.after_milliwh / _MILLIWH_PER_KWH,
        counted_kwh=one.counted_milliwh / _MILLIWH_PER_KWH,
        plain_kwh=one.plain_milliwh / _MILLIWH_PER_KWH,
    )


def _correction(one: Correction) -> CorrectionAnswer:
    return CorrectionAnswer(
        id=one.id,
        channel=one.channel,
        flow=one.flow,
        kind=one.kind,
        from_ms=one.start_ms,
        to_ms=one.end_ms,
        kwh=None if one.milliwh is None else one.milliwh / _MILLIWH_PER_KWH,
        kw=None if one.plausible_w is None else one.plausible_w / 1000,
        reason=one.reason,
        by=one.made_by,
        made_ms=one.made_ms,
    )
