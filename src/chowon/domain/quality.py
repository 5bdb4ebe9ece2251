"""How well a channel is measured, in numbers and in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from chowon.domain.sites import Role
from chowon.domain.tariff.terms import Text

_ENOUGH: Final = 60
"""Below so many readings nothing is said."""
_LEAST_GAPS: Final = 20
_CLOCK_MS: Final = 2000
_LATE_SHARE: Final = 0.02
_REPEATED_SHARE: Final = 0.2
_STUCK_MS: Final = 3_600_000
_STUCK_DW: Final = 50
"""A home that uses next to nothing may show the same number for hours."""
_AT_PEAK: Final = 30
_PEAK_DW: Final = 10_000
NEAR_PEAK: Final = 0.03
"""Of the greatest power: what is nearer to it differs by no more than noise and voltage."""
_PEAK_LEVELS: Final = 5
_STEPS_NEAR_PEAK: Final = 10
"""So many steps of the meter must fit in there."""
_JITTER_SHARE: Final = 0.5
_BELOW_ZERO_SHARE: Final = 0.02
"""Fewer are noise around 0."""
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class ChannelQuality:
    """What was seen of one channel since the server started. Times are ms; instants ms UTC."""

    readings: int
    first_received_ms: int
    last_received_ms: int
    newest_ms: int
    """The newest stamp"""
    late: int
    """Readings that came after a newer one"""
    repeated: int
    """Readings with the stamp of the newest one, or twice in a batch"""
    interval_ms: float | None
    """Mean time from stamp to stamp, lately, gaps aside; None before the second reading"""
    jitter_ms: float | None
    """Standard deviation of that time"""
    gaps: int
    """Silences longer than the channel's hold"""
    gap_ms: int
    """How long they were together"""
    clock_offset_ms: int | None
    """Stamp less receive time, of the quickest live message of the last hour: above 0 the meter's clock is
    ahead. Below 0 it is behind, or all its messages are held back for as long. None of one that sends
    reports of the past."""
    unchanged_ms: int
    """How long the power has been the very same number"""
    power_dw: int | None
    """That power, 0.1 W"""
    peak_dw: int
    """The greatest power, either way, 0.1 W"""
    at_peak: int
    """Readings with exactly that power"""
    near_peak: int
    """Readings within 3 % below it, roughly"""
    peak_levels: int
    """How often it was reached from another level than the time before, by more than 5 % of it"""
    resolution_dw: int | None
    """The smallest change of power, 0.1 W; None while it has not changed"""
    below_zero: int
    """Readings with power below 0"""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that a person should know about a channel."""

    id: str
    text: Text


def remarks(
    quality: ChannelQuality, role: Role, *, may_export: bool, hold_ms: int | None = None
) -> tuple[Remark, ...]:
    """What stands out. may_export: the site has something that gives, such as solar.

    hold_ms: the channel's; without it nothing is said of whether it suits.
    """
    if quality.gaps >= _LEAST_GAPS and hold_ms is not None and 2 * quality.gaps > quality.readings:
        return (_too_slow(quality.gap_ms / quality.gaps, hold_ms),)
    if quality.readings < _ENOUGH:
        return ()
    return (*_about_time(quality), *_about_power(quality, role, may_export))


def _too_slow(step_ms: float, hold_ms: int) -> Remark:
    every, stands = f"{step_ms / 1000:.0f}", f"{hold_ms / 1000:g}"
    return Remark(
        "hold",
        Text(
            f"값이 약 {every}초마다 오는데 한 값은 길어야 {stands}초 동안만 유효합니다. 누적값을 보내지 않는 "
            "계량기라면 쓴 전기의 대부분이 요금에 들어가지 않으니 허용 간격(hold)을 늘리세요.",
            f"It sends about every {every} s, but a reading stands for {stands} s at most: unless it sends "
            "its counter too, most of its use is not billed. Give it a longer hold.",
        ),
    )


def _about_time(quality: ChannelQuality) -> Iterator[Remark]:
    offset_ms = quality.clock_offset_ms
    if offset_ms is not None and abs(offset_ms) >= _CLOCK_MS:
        seconds = f"{abs(offset_ms) / 1000:.1f}"
        if offset_ms > 0:
            ko, en = f"계량기 시계가 {seconds}초 빠릅니다.", f"The meter's clock is {seconds} s ahead."
        else:
            ko = f"계량기 시계가 {seconds}초 늦거나, 메시지가 그만큼 늦게 옵니다."
            en = f"The meter's clock is {seconds} s behind, or its messages come so late."
        yield Remark(
            "clock", Text(f"{ko} 시각 동기화(NTP)를 켜세요.", f"{en} Switch on its time server (NTP).")
        )
    if quality.late > _LATE_SHARE * quality.readings:
        share = f"{100 * quality.late / quality.readings:.1f} %"
        yield Remark(
            "late", Text(f"읽은 값의 {share}가 뒤늦게 옵니다.", f"{share} of the readings come out of order.")
        )
    if quality.repeated > _REPEATED_SHARE * quality.readings:
        share = f"{100 * quality.repeated / quality.readings:.0f} %"
        yield Remark(
            "repeated",
            Text(
                f"읽은 값의 {share}가 같은 시각으로 두 번 옵니다. 같은 장치가 두 길로 보내고 있는지 보세요.",
                f"{share} of the readings come twice with the same time. See whether the device sends in "
                "two ways.",
            ),
        )
    interval_ms, jitter_ms = quality.interval_ms, quality.jitter_ms
    if interval_ms and jitter_ms and jitter_ms > _JITTER_SHARE * interval_ms and jitter_ms > _MINUTE_MS:
        yield Remark(
            "irregular",
            Text(
                "값이 고르지 않은 간격으로 옵니다. 값이 바뀔 때만 보내는 장치라면 "
                "허용 간격(hold)을 늘리세요.",
                "Readings come at irregular times. If the device speaks only when something changes, "
                "give it a longer hold.",
            ),
        )


def _cut_off(quality: ChannelQuality) -> bool:
    """Whether the greatest power is a bound of the meter's and not of what it measures.

    An appliance that always takes the same reaches that from the same level, off. Appliances together hardly
    ever reach twice the same, and nearly the same far more often. Only a bound is reached exactly, again and
    again, from levels that differ. A meter that tells powers in large steps cannot show the difference, and
    an inverter gives no more than it can.
    """
    return (
        quality.peak_dw >= _PEAK_DW
        and quality.at_peak >= _AT_PEAK
        and quality.at_peak > quality.near_peak
        and quality.peak_levels >= _PEAK_LEVELS
        and quality.resolution_dw is not None
        and quality.resolution_dw * _STEPS_NEAR_PEAK <= NEAR_PEAK * quality.peak_dw
    )


def _about_power(quality: ChannelQuality, role: Role, may_export: bool) -> Iterator[Remark]:
    power_dw = quality.power_dw
    if power_dw is not None and abs(power_dw) >= _STUCK_DW and quality.unchanged_ms >= _STUCK_MS:
        watts, hours = f"{power_dw / 10:.1f} W", f"{quality.unchanged_ms / 3_600_000:.1f}"
        yield Remark(
            "stuck",
            Text(
                f"{hours}시간째 똑같이 {watts}입니다. 계량기가 멈췄을 수 있습니다. 다시 켜 보세요.",
                f"It has shown exactly {watts} for {hours} h. The meter may hang; start it again.",
            ),
        )
    if role != "solar" and _cut_off(quality):
        watts = f"{quality.peak_dw / 10:.0f} W"
        yield Remark(
            "saturated",
            Text(
                f"가장 큰 값 {watts}가 똑같이 {quality.at_peak}번 나왔습니다. "
                "계량기나 클램프의 측정 범위가 거기까지인지 보세요.",
                f"Its greatest power, exactly {watts}, came {quality.at_peak} times. See whether the meter "
                "or its clamp goes no further.",
            ),
        )
    below_zero = quality.below_zero > _BELOW_ZERO_SHARE * quality.readings
    if below_zero and role in ("main", "phase", "circuit", "plug") and not may_export:
        share = f"{100 * quality.below_zero / quality.readings:.0f} %"
        yield Remark(
            "turned",
            Text(
                f"내보낼 것이 없는데 읽은 값의 {share}가 음수입니다. 클램프가 거꾸로인지 보세요.",
                f"{share} of the readings are below zero though nothing here gives power. See whether the "
                "clamp sits the wrong way round.",
            ),
        )
