"""`chowon bill show` and the statement behind it."""

import json
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from typer.testing import CliRunner

from chowon.cli.bill_show import known_words
from chowon.cli.main import app
from chowon.domain.bill import Carried, Known, PastDemand, Usage, prepare
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import DAY_MS, HOUR_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import Channel, ChannelKey, Site
from chowon.jobs.statement import statement
from chowon.registry import TariffBook
from tests.e2e.homes import SEOUL
from tests.memory import MemoryHistory

TARIFF = TariffBook().load("kr.kepco.residential.low")
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
PREPARED = prepare(TARIFF, OCTOBER)
HOME = Site(
    1, "home", "우리집", "Asia/Seoul", 1, TARIFF.id, {}, (Channel(1, ChannelKey("home", "main", "main")),)
)
START_MS = midnight_ms(OCTOBER.start, SEOUL)


def used(hours: int, power_w: int = 1000) -> MemoryHistory:
    """Power from the period's first moment on, with a sample every 10 s."""
    history = MemoryHistory()
    times = START_MS + np.arange(0, hours * HOUR_MS + 1, 10_000, dtype=np.int64)
    power = np.full(len(times), power_w * 10, np.int32)
    history.append(Readings(np.ones(len(times), np.uint32), times, power))
    return history


def test_an_open_period_is_billed_with_its_decimals_and_a_closed_one_on_whole_kwh():
    history = used(10, 1234)
    open_ = statement(history, HOME, PREPARED, START_MS + 10 * HOUR_MS)
    assert (open_.closed, open_.bill.usage.kwh) == (False, Decimal("12.34"))
    closed = statement(history, HOME, PREPARED, START_MS + 40 * DAY_MS)
    assert (closed.closed, closed.bill.usage.kwh, closed.kwh) == (True, Decimal(12), Decimal("12.34"))
    assert closed.bill.total == PREPARED.bill(Usage(Decimal(12))).total == closed.days[-1].total


def test_what_was_not_measured_is_told_and_not_billed():
    told = statement(used(12), HOME, PREPARED, START_MS + DAY_MS)
    assert told.kwh == 12
    assert told.missing_ms == 12 * HOUR_MS
    assert told.coverage == 0.5


def test_what_a_bill_rests_on_besides_the_use_is_said():
    past = PastDemand("2026-09", Decimal("200.50"), "measured")
    words = known_words(
        Known((past,), ("2026-01", "2026-02"), Carried(Decimal(12), "recorded", OCTOBER.start))
    )
    assert words[0] == "demand of 2026-09: 200.5 kW, measured"
    assert "2026-01, 2026-02 is not known" in words[1]
    assert words[2] == "credit carried in: 12, recorded"
    assert known_words(Known()) == []


def test_days_add_up_and_days_to_come_are_not_listed():
    told = statement(used(60), HOME, PREPARED, START_MS + 60 * HOUR_MS)
    assert [d.kwh for d in told.days] == [24, 24, 12]
    assert told.days[-1].total_kwh == told.kwh == 60
    assert told.days[-1].total == told.bill.total
    assert [d.coverage for d in told.days] == [1.0, 1.0, 1.0]


def test_a_site_without_a_reading_owes_the_least():
    told = statement(MemoryHistory(), HOME, PREPARED, START_MS + DAY_MS)
    assert told.bill.total == PREPARED.bill(Usage(Decimal(0))).total
    assert told.coverage == 0


@pytest.fixture
def data(tmp_path):
    rows = "\n".join(f"2026-10-01T{h:02}:{m:02}:00Z,1000" for h in range(2) for m in range(60))
    (tmp_path / "m.csv").write_text(f"time,power_w\n{rows}\n")
    words = ["import", str(tmp_path / "m.csv"), "--hold", "60", "--data", str(tmp_path / "data")]
    assert CliRunner().invoke(app, words).exit_code == 0
    return tmp_path / "data"


def test_the_command_shows_the_bill_of_a_closed_period(data):
    words = ["bill", "show", "--date", "2026-10-15", "--data", str(data)]
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert told["period"] == told["period"] | {"start": "2026-10-01", "end": "2026-11-01", "closed": True}
    assert told["usage"]["billed_kwh"] == "1"
    assert sum(Decimal(line["amount"]) for line in told["lines"]) == Decimal(told["total"])
    shown = CliRunner().invoke(app, words).output
    assert "기본요금" in shown
    assert "known for" in shown


@pytest.mark.parametrize(
    ("words", "told"), [(["--site", "nobody"], "no site"), (["--date", "soon"], "2026-11-23")]
)
def test_wrong_words_say_what_to_do(data, words, told):
    done = CliRunner().invoke(app, ["bill", "show", "--data", str(data), *words])
    assert told in str(done.exception)
