"""Lessons: windows of homes that never were, put together from what homes and plugs taught.

Half are real windows, now and then with more in them. The others are a home's rest with appliances of other
homes in it, or a home made of whole traces. On top come loads of no kind, and what meters do: gain, noise,
rounding, gaps. What is not known of a window (a kind that nobody measured in that home) is not taught in it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.nilm.power import Power
from chowon.domain.nilm.runs import runs_by_rule, states
from chowon.domain.quantities import DAY_MS, Bools
from chowon.models.nilm.network.kinds import lessons
from chowon.models.nilm.network.library import F32, Background, Device, Library, Trace
from chowon.models.nilm.network.loads import STEP_MS, any_load
from chowon.models.nilm.network.phases import Machine

_REAL: Final = 0.4
_REST: Final = 0.72
"""Below the first a real window, below the second a home's rest, else whole traces"""
_TOGETHER: Final = 0.3
"""How often a run begins within minutes of the one put in before: people cook"""
_NEAR: Final = 5
_MOST_RUNS: Final = 8
_STAYS_ON_W: Final = 30.0
_BENT_LEAST: Final = 6
"""Intervals: a shorter run keeps its shape"""
_OTHER_MACHINE: Final = 0.6
"""How often programmes are those of a machine that never was"""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One window with its answer."""

    mains_w: F32
    """(n,) 0 where unknown"""
    known: Bools
    power_w: F32
    """(kinds, n)"""
    on: Bools
    sure: Bools
    """(kinds, n) where power and on are known; elsewhere nothing is taught"""


class Lessons:
    """An endless source of lessons from a library; the same seed, the same lessons.

    machines: with programmes of machines that never were; the live network was taught without.
    """

    def __init__(self, library: Library, seed: int | tuple[int, ...], *, machines: bool = True) -> None:
        self._library = library
        self._machines = machines
        self._rng = np.random.default_rng(seed)
        self._index = {kind: i for i, kind in enumerate(library.kinds)}

    def next(self) -> Lesson:
        """One more."""
        of, rng = self._library, self._rng
        chance = rng.random()
        if of.backgrounds and chance < _REST:
            background = of.backgrounds[rng.integers(len(of.backgrounds))]
            page = self._real(background) if chance < _REAL else self._rest(background)
            real = chance < _REAL
        else:
            page, real = self._traces(), False
        for kind in of.kinds:
            if kind in of.devices and rng.random() < (0.2 if real else 0.65):
                self._put_in(page, kind)
        self._put_others(page)
        mains_w, known = self._metered(page)
        power_w = np.where(known, page.power_w, 0.0).astype(np.float32)
        return Lesson(mains_w, known, power_w, page.on, page.sure & known)

    def _real(self, background: Background) -> "_Page":
        at = self._somewhere(background)
        gain = np.float32(self._rng.uniform(0.85, 1.15) if self._rng.random() < 0.5 else 1.0)
        return _Page(
            background.mains_w[at] * gain,
            background.known[at].copy(),
            background.power_w[:, at] * gain,
            background.on[:, at].copy(),
            np.repeat(background.measured[:, None], self._library.window, axis=1),
        )

    def _rest(self, background: Background) -> "_Page":
        rng, of = self._rng, self._library
        at = self._somewhere(background)
        measured = background.measured.copy()
        mains_w = background.rest_w[at] * np.float32(rng.uniform(0.6, 1.5))
        if rng.random() < 0.15:
            second = of.backgrounds[rng.integers(len(of.backgrounds))]
            mains_w = mains_w + second.rest_w[self._somewhere(second)]
            measured &= second.measured
        page = self._blank(mains_w, background.known[at].copy())
        page.sure[~measured] = False
        self._lay(page, [name for name in of.traces if self._is_measured(name, measured)])
        return page

    def _traces(self) -> "_Page":
        of = self._library
        base = np.full(of.window, self._rng.uniform(0, 200), np.float32)
        page = self._blank(base, np.ones(of.window, np.bool_))
        self._lay(page, list(of.traces))
        return page

    def _blank(self, mains_w: F32, known: Bools) -> "_Page":
        shape = (len(self._library.kinds), self._library.window)
        nothing, never, all_sure = (
            np.zeros(shape, np.float32),
            np.zeros(shape, np.bool_),
            np.ones(shape, np.bool_),
        )
        return _Page(mains_w, known, nothing, never, all_sure)

    def _somewhere(self, background: Background) -> slice:
        start = int(self._rng.choice(background.starts)) + int(self._rng.integers(64))
        return slice(start, start + self._library.window)

    def _is_measured(self, name: str, measured: Bools) -> bool:
        """Is it a kind, and one that is taught in this home?"""
        return name in self._index and bool(measured[self._index[name]])

    def _lay(self, page: "_Page", names: list[str]) -> None:
        """Whole traces under the window: fridges and televisions, and what runs beside them."""
        rng, of = self._rng, self._library
        for name in names:
            kind = self._index.get(name)
            likely = 0.25 if kind is None else 0.6
            for _ in range(1 + int(kind is not None and rng.random() < 0.2)):
                if rng.random() < likely:
                    trace = of.traces[name][rng.integers(len(of.traces[name]))]
                    theirs = self._stretch_of(trace) * np.float32(rng.uniform(0.8, 1.25))
                    page.mains_w = page.mains_w + theirs
                    if kind is not None:
                        page.power_w[kind] += theirs
            if kind is not None:
                self._by_rule(page, name, kind)

    def _by_rule(self, page: "_Page", name: str, kind: int) -> None:
        of, rule = self._library, self._library.rules[name]
        page.power_w[kind] = np.minimum(page.power_w[kind], rule.most_w)
        power = Power(0, of.step_ms, page.power_w[kind].astype(np.float64), page.known)
        page.on[kind] = states(of.window, runs_by_rule(power, rule))

    def _stretch_of(self, trace: Trace) -> F32:
        """A window's worth of a trace: from one stretch where one is long enough, else several in a row."""
        rng, of = self._rng, self._library
        ratio = of.step_ms // trace.step_ms
        need = of.window * ratio
        found: list[F32] = []
        total = 0
        while total < need:
            stretch = trace.stretches[rng.integers(len(trace.stretches))]
            if len(stretch) > need:
                start = int(rng.integers(len(stretch) - need))
                stretch = stretch[start : start + need]
            found.append(stretch)
            total += len(stretch)
        return np.asarray(np.concatenate(found)[:need].reshape(of.window, ratio).mean(axis=1), np.float32)

    def _put_in(self, page: "_Page", kind: str) -> None:
        rng, of, lesson = self._rng, self._library, lessons()[kind]
        at = self._index[kind]
        device = of.devices[kind][rng.integers(len(of.devices[kind]))]
        size = np.float32(np.exp(rng.normal(0, 0.12)))
        bend = np.exp(rng.normal(0, 0.12)) if lesson.bends else 1.0
        machine = None
        if self._machines and lesson.bends and rng.random() < _OTHER_MACHINE:
            machine = Machine(rng)
        days = of.window * of.step_ms / DAY_MS
        for _ in range(min(_MOST_RUNS, rng.poisson(lesson.per_day * max(days, 0.25) * 1.5))):
            run = _bent(device.runs[rng.integers(len(device.runs))], bend)
            if machine is not None and len(run) >= _BENT_LEAST:
                run = machine.run(run, device.step_ms)
            run = self._on_grid(run, device) * size
            start = int(rng.integers(1 - len(run), of.window))
            if page.last_start is not None and rng.random() < _TOGETHER:
                start = page.last_start + int(rng.integers(-_NEAR, _NEAR + 1))
            page.last_start = start
            within = slice(max(0, start), min(of.window, start + len(run)))
            if within.start >= within.stop or page.on[at, within].any():
                continue
            page.mains_w[within] += run[within.start - start : within.stop - start]
            page.power_w[at, within] += run[within.start - start : within.stop - start]
            threshold_w = 0.0 if lesson.bends else min(of.rules[kind].on_w, _STAYS_ON_W)
            page.on[at, within] |= page.power_w[at, within] >= threshold_w
            page.sure[at, within] = True

    def _put_others(self, page: "_Page") -> None:
        rng, of = self._rng, self._library
        for _ in range(rng.poisson(2.5) if rng.random() < 0.6 else 0):
            if of.others and rng.random() < 0.5:
                device = of.others[rng.integers(len(of.others))]
                run = self._on_grid(device.runs[rng.integers(len(device.runs))], device)
                run = run * np.float32(np.exp(rng.normal(0, 0.2)))
            else:
                run = self._on_grid(any_load(rng), Device(STEP_MS, ()))
            start = int(rng.integers(1 - len(run), of.window))
            within = slice(max(0, start), min(of.window, start + len(run)))
            page.mains_w[within] += run[within.start - start : within.stop - start]

    def _on_grid(self, run: F32, device: Device) -> F32:
        """The run on the network's grid, beginning anywhere within an interval."""
        of = self._library
        if device.step_ms > of.step_ms:
            return np.repeat(run, device.step_ms // of.step_ms)
        ratio = of.step_ms // device.step_ms
        if ratio == 1:
            return run
        before = int(self._rng.integers(ratio))
        padded = np.zeros(-(-(len(run) + before) // ratio) * ratio, np.float32)
        padded[before : before + len(run)] = run
        return np.asarray(padded.reshape(-1, ratio).mean(axis=1), np.float32)

    def _metered(self, page: "_Page") -> tuple[F32, Bools]:
        rng = self._rng
        mains_w, known = page.mains_w, page.known
        n = len(mains_w)
        if rng.random() < 0.5:
            mains_w = mains_w * np.float32(rng.uniform(0.95, 1.08))
        if rng.random() < 0.7:
            noise_w = np.exp(rng.uniform(0, np.log(15)))
            mains_w = mains_w + rng.normal(0, noise_w, n).astype(np.float32)
        if rng.random() < 0.4:
            mains_w = np.round(mains_w)
        for _ in range(rng.integers(1, 4) if rng.random() < 0.15 else 0):
            start = int(rng.integers(n))
            known[start : start + int(np.exp(rng.uniform(0, 5)))] = False
        return np.where(known, np.maximum(mains_w, 0.0), 0.0).astype(np.float32), known


@dataclass(slots=True, eq=False)
class _Page:
    """A lesson being written."""

    mains_w: F32
    known: Bools
    power_w: F32
    on: Bools
    sure: Bools
    last_start: int | None = None


def _bent(run: F32, by: float) -> F32:
    """The run at another pace: by 1.1 a tenth shorter."""
    if by == 1.0 or len(run) < _BENT_LEAST:
        return run
    return np.asarray(np.interp(np.arange(0, len(run) - 1, by), np.arange(len(run)), run), np.float32)
