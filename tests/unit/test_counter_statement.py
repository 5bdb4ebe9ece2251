"""Bills of a meter that counts: a time offline is billed once, and what nobody knows is still estimated."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from chowon.domain.bill import Prepared, prepare
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import DAY_MS, HOUR_MS, MINUTE_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Site
from chowon.jobs.statement import Statement, statement
from chowon.registry import TariffBook
from tests.e2e.homes import SEOUL
from tests.hourly import BY_THE_HOUR, OPTIONS
from tests.memory import MemoryHistory

NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))
START_MS, END_MS = (midnight_ms(day, SEOUL) for day in (NOVEMBER.start, NOVEMBER.end))
OFFLINE = (START_MS + 5 * DAY_MS, START_MS + 12 * DAY_MS)
STEP_MS = 5 * MINUTE_MS
PREPARED = {
    "by kWh": prepare(TariffBook().load("kr.kepco.residential.low"), NOVEMBER),
    "by the hour": prepare(BY_THE_HOUR, NOVEMBER, OPTIONS),
}


def told(prepared: Prepared, *, counter: bool, power: bool = True) -> Statement:
    """A month at 500 W, of which a week was offline; the counter says 600 W all the time."""
    times = np.arange(START_MS - HOUR_MS, END_MS + HOUR_MS, STEP_MS, dtype=np.int64)
    times = times[(times < OFFLINE[0]) | (times >= OFFLINE[1])]
    history = MemoryHistory(STEP_MS)
    n = len(times)
    history.append(
        Readings(
            np.ones(n, np.uint32),
            times,
            np.full(n, 5000, np.int32) if power else None,
            import_milliwh=5_000_000_000 + (times - START_MS) // 6 if counter else None,
        )
    )
    home = Site(
        1,
        "home",
        "h",
        "Asia/Seoul",
        1,
        prepared.tariff.id,
        {},
        (Channel(1, ChannelKey("home", "m", "main")),),
    )
    return statement(history, home, prepared, END_MS + HOUR_MS)


@pytest.mark.parametrize("prepared", PREPARED.values(), ids=PREPARED.keys())
@pytest.mark.parametrize("power", [True, False], ids=["with power", "counter alone"])
def test_a_time_offline_that_a_counter_bridges_is_billed_and_not_estimated(prepared: Prepared, power: bool):
    found = told(prepared, counter=True, power=power)
    assert float(found.kwh) == pytest.approx(0.6 * 24 * 30, rel=1e-4)
    assert found.missing_ms == 0
    assert found.estimate is None
    assert found.coverage == pytest.approx(1, abs=1e-4)
    assert min(day.coverage for day in found.days) == pytest.approx(1, abs=1e-3)
    offline = [day.kwh for day in found.days[6:11]]
    assert all(float(kwh) == pytest.approx(14.4, rel=1e-3) for kwh in offline)


@pytest.mark.parametrize("prepared", PREPARED.values(), ids=PREPARED.keys())
def test_without_a_counter_it_is_missing_and_estimated(prepared: Prepared):
    found = told(prepared, counter=False)
    assert float(found.kwh) == pytest.approx(0.5 * 24 * 23, rel=1e-3)
    assert found.missing_ms == pytest.approx(7 * DAY_MS, abs=STEP_MS)
    assert found.estimate is not None
    assert found.estimate.missing_kwh == pytest.approx(Decimal(84), abs=Decimal("0.1"))
