"""What the live network must not tell: homes without anything, roofs, meters that are too slow."""

import numpy as np
import pytest

from chowon.domain.sites import Channel
from chowon.live.appliances.keeping_up import KindModel
from chowon.live.appliances.service import Appliances
from chowon.models.nilm.live import streams
from tests.appliances import Watched, channel, readings

DAY_S = 86_400
MODEL = KindModel(*streams())


class Home(Watched):
    """With the network that comes with chowon."""

    def began(self) -> None:
        self.appliances = Appliances(
            self.history, self.book, lambda name: name, lambda: self.now_ms, model=MODEL
        )
        self.appliances.follow([self.site])

    async def lived(self, power_w, every_s: int = 1) -> "Home":
        """A day of these powers, one each `every_s` seconds."""
        self.hears(readings(1, np.arange(0, every_s * len(power_w), every_s), power_w))
        self.second += every_s * len(power_w)
        await self.appliances.tick()
        return self

    def took_wh(self) -> dict[str, float]:
        """By kind, what was told at once and settled, the larger one."""
        told = self.appliances.told(1, self.now_ms - DAY_S * 1000, self.now_ms)
        return {
            kind: max(float(told[value][kind].power_w.sum()) / 60 for value in told)
            for kind in told["settled"]
        }


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(3).normal(0, 4, n)


async def test_nothing_is_told_of_an_empty_home():
    home = await Home().lived(60 + noise(DAY_S))
    assert set(home.took_wh().values()) == {0.0}
    assert home.parts().kinds.kinds == ()
    assert home.parts().kinds.rest_w == pytest.approx(60, abs=15)


async def test_a_roof_that_gives_to_the_grid_is_no_appliance():
    second = np.arange(DAY_S)
    sun_w = np.maximum(0, 3000 * np.sin((second - 6 * 3600) * np.pi / (12 * 3600)))
    clouds = np.where(second // 600 % 3 == 1, 0.4, 1.0)
    home = await Home().lived(150 + noise(DAY_S) - sun_w * clouds)
    told = home.took_wh()
    assert all(wh < 100 for wh in told.values()), told


async def test_a_meter_by_the_minute_is_told_by_the_minute():
    minute = np.arange(DAY_S // 60)
    kettle = np.where(minute % 240 == 30, 1.0, 0) + np.where(minute % 240 == 31, 0.6, 0)
    home = Home(channel(1, hold_ms=180_000))
    await home.lived(80 + noise(len(minute)) + 2900 * kettle, every_s=60)
    assert home.took_wh()["kettle"] > 0.5 * 6 * 2900 * 1.6 / 60
    assert home.parts().kinds.step_ms == 60_000


@pytest.mark.parametrize("every_s", [300, 900])
async def test_a_slow_meter_is_told_nothing_live_and_says_so(every_s):
    slow: Channel = channel(1, hold_ms=3 * every_s * 1000)
    power_w = np.where(np.arange(DAY_S // every_s) % 24 == 3, 2000.0, 100.0)
    home = await Home(slow).lived(power_w, every_s)
    assert home.parts().why == "slow"
    assert home.parts().kinds is None
