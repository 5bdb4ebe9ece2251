"""What /metrics tells. No name here is one that remote write takes in: what goes out never comes back.

Labels hold a site's key, one of a few doors, or a currency: their number grows with nothing that a sender can
invent without registering a site.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from chowon import __version__
from chowon.api.parts import Parts
from chowon.domain.sites import Site
from chowon.live.service import Live
from chowon.live.view import Now

_DOORS: Final = {
    "http": "http",
    "influx v1": "influx",
    "influx v2": "influx",
    "emoncms": "emoncms",
    "prometheus": "prometheus",
}
_OTHER_DOOR: Final = "mqtt"
"""Its sources are topics."""

Figure = Callable[[Now], "float | int | Decimal | None"]
_FIGURES: Final[tuple[tuple[str, str, Figure], ...]] = (
    ("power_watts", "power taken from the grid now; below 0: given to it", lambda now: now.power_w),
    ("voltage_volts", "mean voltage of the main channels", lambda now: now.voltage_v),
    ("stale", "1: no reading lately", lambda now: int(now.stale)),
    ("today_kwh", "energy taken from the grid since local midnight", lambda now: now.today.kwh),
    ("period_kwh", "energy taken from the grid since the last reading day", lambda now: now.period.kwh),
    ("today_coverage_ratio", "share of today whose energy is known", lambda now: now.today.coverage),
    (
        "period_coverage_ratio",
        "share of the billing period whose energy is known",
        lambda now: now.period.coverage,
    ),
    (
        "tier",
        "the tier that the period's use has reached, from 1",
        lambda now: None if now.tier is None else now.tier.index,
    ),
    (
        "next_tier_kwh",
        "left before the next tier",
        lambda now: None if now.tier is None else now.tier.distance_kwh,
    ),
    (
        "last_seen_timestamp_seconds",
        "when the newest reading was measured",
        lambda now: None if now.last_seen_ms is None else now.last_seen_ms / 1000,
    ),
)
_MONEY: Final[tuple[tuple[str, str, Figure], ...]] = (
    ("today_cost", "what today has added to the bill", lambda now: now.today.cost),
    ("period_cost", "the bill if the meter were read now", lambda now: now.period.cost),
    ("cost_per_hour", "power × marginal price", lambda now: now.cost_per_hour),
    ("marginal_price", "what the next kWh adds to the bill, all in", lambda now: now.marginal_price),
)


class Families:
    """A collection that was made before, as the registry of prometheus-client asks for it."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._families


async def site_families(live: Live, most: int) -> list[Metric]:
    """Figures of the first `most` sites. What is unknown has no sample."""
    plain = [(GaugeMetricFamily(f"chowon_site_{n}", h, labels=("site",)), f) for n, h, f in _FIGURES]
    money = [(GaugeMetricFamily(f"chowon_site_{n}", h, labels=("site", "currency")), f) for n, h, f in _MONEY]
    priced = GaugeMetricFamily("chowon_site_priced", "0: the tariff cannot be used", labels=("site",))
    told = 0
    async for site, now in live.every(most):
        told += 1
        _add_site(site, now, plain, money, priced)
    left_out = GaugeMetricFamily(
        "chowon_sites_left_out", "sites beyond prometheus.max_sites", live.count() - told
    )
    return [*(family for family, _ in (*plain, *money)), priced, left_out]


def _add_site(
    site: Site,
    now: Now | None,
    plain: list[tuple[GaugeMetricFamily, Figure]],
    money: list[tuple[GaugeMetricFamily, Figure]],
    priced: GaugeMetricFamily,
) -> None:
    priced.add_metric((site.key,), int(now is not None and now.no_cost is None))
    if now is None:
        return
    for family, figure in plain:
        if (value := figure(now)) is not None:
            family.add_metric((site.key,), float(value))
    for family, figure in money:
        if (value := figure(now)) is not None:
            family.add_metric((site.key, now.currency), float(value))


def server_families(parts: Parts) -> Iterator[Metric]:
    """What came in, what waits, what is wrong."""
    pulse, ledger = parts.pulse(), parts.door.ledger
    queue = pulse.queue
    yield InfoMetricFamily("chowon_build", "the version that runs", {"version": __version__})
    yield _gauge("chowon_healthy", "1: readings are taken in and kept", pulse.healthy)
    yield _gauge("chowon_store_available", "1: the disk takes readings", queue.store_problem is None)
    yield _gauge(
        "chowon_sealing_working", "1: the journal moves into the lake", pulse.sealing_problem is None
    )
    yield _counter("chowon_readings_accepted", "readings that are durable", queue.accepted_readings)
    yield _counter(
        "chowon_readings_refused", "readings not taken: the queue was full", queue.refused_readings
    )
    yield _counter("chowon_readings_failed", "readings handed back: the store failed", queue.failed_readings)
    rejected = CounterMetricFamily(
        "chowon_readings_rejected", "readings that were wrong, by door", labels=("door",)
    )
    by_door: Counter[str] = Counter(dict.fromkeys((*_DOORS.values(), _OTHER_DOOR), 0))
    for source, count in ledger.rejected_by_source().items():
        by_door[_DOORS.get(source, _OTHER_DOOR)] += count
    for door, count in by_door.items():
        rejected.add_metric((door,), count)
    yield rejected
    yield _counter("chowon_payloads_rejected", "payloads with nothing usable", ledger.rejected_payloads)
    yield _counter("chowon_journal_commits", "durable writes", queue.commits)
    yield _gauge("chowon_queue_readings", "readings that wait for the disk", queue.queued_readings)
    yield _gauge("chowon_queue_bytes", "bytes that wait for the disk", queue.queued_bytes)
    if queue.last_commit_ms is not None:
        yield _gauge("chowon_last_commit_seconds", "how long the last one took", queue.last_commit_ms / 1000)
    if pulse.mqtt is not None:
        yield _gauge("chowon_mqtt_listening", "1: what meters publish is heard", pulse.mqtt.listening)
        yield _gauge("chowon_broker_running", "1: the broker runs", pulse.broker_running is not False)
    yield _gauge("chowon_live_clients", "open live sockets", parts.live.hub.clients())
    yield _counter(
        "chowon_live_rounds_failed", "rounds of the live loop that failed", parts.live.failed_rounds
    )


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, float(value))


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(name, meaning, float(value))
