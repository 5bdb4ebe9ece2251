"""A real store to which anything happens in any order, and beside it simply everything that was appended."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from chowon.domain.quantities import DAY_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.jobs.seal import Sealer
from chowon.store.catalog.files import HoldChange
from chowon.store.opening import Store, open_store


def run_actions(
    *appended: st.SearchStrategy[Any], others: tuple[str, ...] = (), min_size: int, max_size: int
) -> st.SearchStrategy[list[Any]]:
    """What `Run.do` takes. appended: batches to append; others: words besides the usual ones."""
    words = st.sampled_from(["seal", "seal", "later", "reopen", "again", "silence", *others])
    return st.lists(st.one_of(*appended, words), min_size=min_size, max_size=max_size)


@dataclass
class Run:
    """One course of events."""

    folder: Path
    store: Store
    holds_ms: dict[int, int]
    now_ms: int
    shards: int
    seal_rows: int
    check: Callable[["Run"], None]
    appended: list[Readings] = field(default_factory=list)

    def do(self, action: object) -> None:
        if isinstance(action, list):
            self.store.journal.append(action)
            self.appended += action
        elif isinstance(action, tuple):
            channel, hold_ms = action
            self.holds_ms[channel] = hold_ms
            self._sealer.change_hold(HoldChange(channel, hold_ms, "person"), self.now_ms)
        elif action == "again" and self.appended:
            self.store.journal.append(self.appended[-2:])
            self.appended += self.appended[-2:]
        elif action == "silence" and self.appended:
            keys = self.appended[-1]
            self.appended.append(Readings(keys.channel, keys.time_ms))
            self.store.journal.append(self.appended[-1:])
        elif action in ("seal", "later"):
            self.now_ms += 60_000 if action == "seal" else 50 * DAY_MS
            self._sealer.run(self.now_ms)
        elif action == "reopen":
            self.store.close()
            self.store = open_store(self.folder, shards=self.shards, now_ms=lambda: self.now_ms)
        elif action == "ask":
            self.check(self)

    def holds(self, readings: Readings) -> np.ndarray:
        """(n,) of each reading's channel."""
        return np.array([self.holds_ms[c] for c in readings.channel.tolist()], np.int64)

    @property
    def _sealer(self) -> Sealer:
        return Sealer(self.store, seal_rows=self.seal_rows, small_files=2)


@contextlib.contextmanager
def new_run(
    holds_ms: Mapping[int, int],
    check: Callable[[Run], None],
    *,
    now_ms: int,
    shards: int = 2,
    seal_rows: int = 30,
) -> Iterator[Run]:
    """A store with these channels, which are numbered from 1 on; check: what "ask" does."""
    with tempfile.TemporaryDirectory() as folder:
        store: Store = None  # type: ignore[assignment]
        run = Run(Path(folder), store, dict(holds_ms), now_ms, shards, seal_rows, check)
        run.store = open_store(run.folder, shards=shards, now_ms=lambda: run.now_ms)
        for channel, hold_ms in holds_ms.items():
            assert run.store.sites.register(ChannelKey("home", "m", f"c{channel}"), hold_ms).id == channel
        try:
            yield run
        finally:
            run.store.close()
