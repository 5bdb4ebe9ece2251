"""How live costs follow what is known besides the use: asked when somebody looks, and when it changes."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chowon.domain.bill import Known, PastDemand, Prepared, prepare
from chowon.domain.clock import Period
from chowon.domain.quantities import DAY_MS
from chowon.domain.sites import Site
from chowon.errors import ChowonError, StoreUnavailable, UsageInvalid
from chowon.live.known import LOOK_MS, RETRY_MS
from chowon.live.service import Live, Priced
from chowon.registry import TariffBook
from tests.unit.test_live_service import HOME, House

GENERAL = TariffBook().load("kr.kepco.general.b")
SITE = replace(HOME, tariff=GENERAL.id, tariff_options={"contract_kw": "10"})


class Told:
    """What is known, as the test sets it."""

    def __init__(self) -> None:
        self.kw, self.changes, self.asked = Decimal(100), 0, 0
        self.error: ChowonError | None = None
        self.meanwhile = lambda: None

    def prepared(self, site: Site, period: Period, now_ms: int) -> Prepared:
        self.asked += 1
        if self.error is not None:
            raise self.error
        known = Known((PastDemand("2026-09", self.kw, "recorded"),))
        self.meanwhile()
        return replace(prepare(GENERAL, period, site.tariff_options), known=known)

    def revision(self) -> int:
        return self.changes


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def house(told) -> House:
    house = House(SITE, tariff=GENERAL)
    house.live = Live(
        house.history,
        house.book,
        lambda site, period: Priced("KRW", prepare(GENERAL, period, site.tariff_options)),
        lambda: house.now_ms,
        told,
    )
    await house.live.start()
    house.use(1000, 10)
    return house


def cost(kw: int) -> int:
    """Of almost no energy: 7,220 won a kW, VAT and the fund of 2.7 %, in tens of won."""
    base = 7220 * kw
    return base + round(base * 0.1) + int(base * 0.027) // 10 * 10


async def shown(house: House) -> Decimal:
    now = await house.now()
    assert now.no_cost is None
    return now.period.cost


async def test_nothing_is_asked_until_somebody_looks_and_then_once(house, told):
    for _ in range(3):
        await house.live.tick()
    assert told.asked == 0
    first = await shown(house)
    assert abs(first - cost(100)) < 20
    assert await shown(house) == first
    assert told.asked == 1


async def test_a_change_shows_with_the_next_look_at_it(house, told):
    await shown(house)
    told.kw, told.changes = Decimal(200), 1
    assert abs(await shown(house) - cost(100)) < 20
    house.now_ms += LOOK_MS
    assert abs(await shown(house) - cost(200)) < 20
    told.kw = Decimal(300)
    house.live.look_again()
    assert abs(await shown(house) - cost(300)) < 20


async def test_a_change_while_it_is_read_is_not_lost(house, told):
    told.meanwhile = house.live.look_again
    await shown(house)
    told.kw, told.meanwhile = Decimal(200), lambda: None
    assert abs(await shown(house) - cost(200)) < 20


async def test_a_new_day_is_completed_again(house, told):
    await shown(house)
    house.now_ms += DAY_MS
    told.kw = Decimal(200)
    assert abs(await shown(house) - cost(200)) < 20


@pytest.mark.parametrize("error", [StoreUnavailable("the disk is away"), UsageInvalid("no such hours")])
async def test_what_cannot_be_read_leaves_no_cost_says_why_and_is_tried_again(house, told, error):
    told.error = error
    now = await house.now()
    assert str(error) in str(now.no_cost)
    assert (now.period.cost, now.cost_per_hour, now.period.kwh) == (None, None, 0.0025)
    told.error = None
    assert (await house.now()).no_cost is not None
    assert told.asked == 1
    house.now_ms += RETRY_MS
    assert abs(await shown(house) - cost(100)) < 20


async def test_a_revision_that_cannot_be_read_leaves_what_is_shown(house, told):
    first = await shown(house)

    def fails() -> int:
        raise StoreUnavailable("the disk is away")

    told.revision = fails
    house.now_ms += LOOK_MS
    assert await shown(house) == first
