"""The HTTP API over a real data folder with a fixed clock, in this process."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np

from chowon.api.access import Access
from chowon.api.parts import Limits, Parts
from chowon.api.server import create_app
from chowon.domain.quantities import QUARTER_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.ingest.ledger import Ledger
from chowon.jobs.appliances import Telling
from chowon.jobs.billing import Billing, Books
from chowon.jobs.learn_holds import HoldLearner
from chowon.jobs.seal import Sealer
from chowon.live.appliances.service import Appliances
from chowon.live.service import Live, Priced
from chowon.registry import TariffBook
from chowon.store.catalog.sites import SiteDefaults
from chowon.store.opening import Store, open_store

TARIFFS = TariffBook()


class Served:
    """A data folder with one site, asked over HTTP."""

    def __init__(
        self,
        store: Store,
        now_ms: int,
        appliances: Appliances | None = None,
        telling: Telling | None = None,
    ) -> None:
        self.store, self.now_ms = store, now_ms
        self.billing = Billing(store.history, TARIFFS.load, Books(store.prices, store.records))
        self.live = Live(
            store.history,
            store.sites,
            lambda s, p: Priced(TARIFFS.load(s.tariff).currency, self.billing.bare(s, p)),
            lambda: self.now_ms,
            self.billing,
            appliances,
        )
        self.parts = Parts(
            live=self.live,
            history=store.history,
            sites=store.sites,
            devices=store.devices,
            corrections=store.corrections,
            doubts=store.history,
            door=SimpleNamespace(ledger=Ledger()),  # type: ignore[arg-type]
            cables=SimpleNamespace(),  # type: ignore[arg-type]
            access=Access(store.tokens, None),
            tariff=TARIFFS.load,
            tariff_ids=TARIFFS.ids,
            billing=self.billing,
            prices=store.prices,
            records=store.records,
            now_ms=lambda: self.now_ms,
            pulse=SimpleNamespace(),  # type: ignore[arg-type]
            limits=Limits(32 * 2**20, 10),
            dashboard=None,
            told=store.told,
            telling=telling,
            witnessed=store.witnessed,
            appliances=appliances,
            holds=HoldLearner(store, Sealer(store), 10_000),
        )
        transport = httpx.ASGITransport(create_app(self.parts))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/api/v1")

    async def ask(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        """The answer's JSON; fails on another status."""
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return json.loads(answer.text)

    def configure(self, **changes: Any) -> None:
        """As PATCH /sites/1, before anybody looks."""
        site = self.store.sites.site(1)
        self.store.sites.configure(type(site)(**{n: getattr(site, n) for n in site.__slots__} | changes))


@contextmanager
def served(folder: Path, power_w: np.ndarray, from_ms: int, now_ms: int, **site: Any) -> Iterator[Served]:
    """A home that used this power, quarter of an hour by quarter of an hour, from `from_ms` on."""
    defaults = SiteDefaults(site["timezone"], site.get("reading_day", 1), site["tariff"])
    store = open_store(folder, defaults=defaults, now_ms=lambda: now_ms)
    try:
        channel = store.sites.register(ChannelKey("home", "main", "main"), QUARTER_MS)
        times = from_ms + QUARTER_MS * np.arange(len(power_w) + 1, dtype=np.int64)
        power = np.append(power_w, power_w[-1:]) * 10
        before = times <= now_ms
        readings = Readings(
            np.full(len(times), channel.id, np.uint32)[before],
            times[before],
            power.astype(np.int32)[before],
        )
        store.journal.append([readings])
        Sealer(store).run(now_ms)
        home = Served(store, now_ms)
        home.configure(**site)
        yield home
    finally:
        store.close()
