"""Many homes at once, tick by tick: what runs now, and what ran `DELAY` minutes ago.

All state is arrays over homes. Nothing looks ahead: a settled minute is told when it is `DELAY` minutes old.
Parts are never negative, and never more than the mains; the rest is told too.
"""

import zlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from chowon.domain.nilm.live import F32, TICK_MS, Parts, Told
from chowon.domain.quantities import I64, MINUTE_MS, Bools
from chowon.errors import BadInput
from chowon.models.nilm.live_network.front import BLOCK, DELAY, HEARD, TICKS
from chowon.models.nilm.network.card import Card
from chowon.models.nilm.network.telling import USUAL_THRESHOLD

FORGOTTEN: Final = 60
"""Unknown minutes in a row after which a home begins anew; as if so many lay before its first one"""
OUTPUTS: Final = ("tick", "minute", "settled")
"""What is told: this tick, this minute of a meter by the minute, and the settled minute"""
_CLOCK: Final = "clock"
_MARK: Final = "weights"


class Weights:
    """The trained network and its card, opened once for any number of streams."""

    def __init__(self, onnx: bytes, card: Card) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        self.card = card
        self.file_bytes = len(onnx)
        self.mark = zlib.crc32(onnx)
        """By which state of other weights is known"""
        self.gates = {f"{output}_gate": _gate(card, output) for output in OUTPUTS}
        shapes = {one.name: one.shape for one in self.session.get_inputs()}
        self.narrow: int = shapes["near_0"][1]
        """Numbers that a convolution keeps of a home and minute"""
        self.apart = tuple(2**i for i in range(sum(name.startswith("near_") for name in shapes)))
        self.widths: dict[str, int] = {
            name: shapes[name][1] for name in ("trunk", "bases_w", "sums", "context")
        }
        self.outputs = [one.name for one in self.session.get_outputs()]


def _gate(card: Card, output: str) -> F32:
    """(kinds,) how likely each must be to be told by this output."""
    own = card.gates.get(output, {})
    return np.array([own.get(kind, USUAL_THRESHOLD) for kind in card.kinds], np.float32)


class Stream:
    """The state of homes, by row."""

    def __init__(self, weights: Weights, homes: int) -> None:
        """All rows begin as meters of a minute that have every kind."""
        self._weights = weights
        self._tick: int | None = None
        self._kept = _fresh(weights, homes)
        self._rings = _fresh_rings(weights, homes)

    def __len__(self) -> int:
        return len(self._kept["has"])

    @property
    def kinds(self) -> tuple[str, ...]:
        """In the order of what is told."""
        return self._weights.card.kinds

    @property
    def bytes_a_home(self) -> float:
        """Memory that its state takes."""
        whole: int = sum(one.nbytes for one in (*self._kept.values(), *self._rings.values()))
        return whole / max(1, len(self))

    def grow(self, homes: int) -> None:
        """More rows, up to so many in all; they begin anew."""
        more = homes - len(self)
        if more > 0:
            fresh, rings = _fresh(self._weights, more), _fresh_rings(self._weights, more)
            self._kept = {name: np.concatenate([one, fresh[name]]) for name, one in self._kept.items()}
            self._rings = {name: np.concatenate([one, rings[name]], 1) for name, one in self._rings.items()}

    def meters(self, rows: I64 | Bools, *, every_tick: bool) -> None:
        """Do these homes' meters say something for every tick of 10 s, or by the minute?

        Ticks that were heard before are forgotten.
        """
        self._kept["is_quick"][rows] = every_tick
        for name in ("heard_w", "heard_known", "sum_w", "count"):
            self._kept[name][rows] = 0

    def owns(self, row: int, kinds: tuple[str, ...]) -> None:
        """Of other kinds this home is told nothing. Kinds that the network doesn't know are passed over."""
        self._kept["has"][row] = [kind in kinds for kind in self.kinds]

    def forget(self, rows: I64 | Bools) -> None:
        """They begin anew; what their meters are and what they own stays."""
        count = len(self._kept["has"][rows])
        fresh = _fresh(self._weights, count)
        for name, one in self._kept.items():
            if name not in {"has", "is_quick"}:
                one[rows] = fresh[name]
        for ring in self._rings.values():
            ring[:, rows] = 0

    def step(self, mains_w: F32, known: Bools, at_ms: int) -> list[Told]:
        """The 10 s from `at_ms` on of all homes; what was missed since the last tick comes first, unknown.

        mains_w: (homes,) mean W over the tick; of a meter by the minute its mean over the minute, looked at
        only in the minute's last tick. known: (homes,). A tick that was there already changes nothing and
        tells nothing. Errors: BadInput for another number of homes.
        """
        if mains_w.shape != (len(self),) or known.shape != (len(self),):
            raise BadInput(f"live: found {mains_w.shape} mains of {len(self)} homes; expected one each")
        tick = at_ms // TICK_MS
        if self._tick is not None and tick <= self._tick:
            return []
        told = self._missed(tick)
        heard = known & np.isfinite(mains_w)
        watts = np.where(heard, np.maximum(mains_w, 0), 0).astype(np.float32)
        return [*told, *self._one(tick, watts, heard)]

    def put(self, row: int, other: "Stream", their_row: int) -> None:
        """Take over a row of another stream of these weights, which has come as far as this one.

        There is room for it afterwards. Errors: BadInput for one that has not come as far.
        """
        if other._tick != self._tick:  # noqa: SLF001 - its own kind
            raise BadInput("live: found a stream at another tick; expected one that has come as far")
        self.grow(row + 1)
        for name, one in self._kept.items():
            one[row] = other._kept[name][their_row]  # noqa: SLF001
        for name, ring in self._rings.items():
            ring[:, row] = other._rings[name][:, their_row]  # noqa: SLF001

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that is known, by name; not copies. Made a stream again by `restored`."""
        clock = np.array([-1 if self._tick is None else self._tick], np.int64)
        mark = np.array([self._weights.mark], np.int64)
        return {_CLOCK: clock, _MARK: mark} | self._kept | self._rings

    def restored(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from arrays of the same weights. Errors: BadInput for others."""
        own = self.arrays()
        fresh = Stream(self._weights, len(arrays["has"]) if "has" in arrays else 0).arrays()
        wrong = [name for name in own if name not in arrays or arrays[name].shape != fresh[name].shape]
        if not wrong and not np.array_equal(arrays[_MARK], own[_MARK]):
            wrong = [_MARK]
        if wrong:
            raise BadInput(f"live: {', '.join(wrong)} are not of these weights; begin anew without them")
        clock = int(arrays[_CLOCK][0])
        self._tick = None if clock < 0 else clock
        self._kept = {name: arrays[name].astype(one.dtype) for name, one in self._kept.items()}
        self._rings = {name: arrays[name].astype(one.dtype) for name, one in self._rings.items()}

    def _missed(self, tick: int) -> list[Told]:
        """Ticks that never came, as unknown ones; of more than `FORGOTTEN` minutes the rest by counting."""
        if self._tick is None:
            return []
        found: list[Told] = []
        nothing, never = np.zeros(len(self), np.float32), np.zeros(len(self), np.bool_)
        last = min(tick, self._tick + 1 + (FORGOTTEN + 1) * TICKS)
        for one in range(self._tick + 1, last):
            found += self._one(one, nothing, never)
        skipped = tick // TICKS - last // TICKS
        if skipped > 0:
            self._kept["silent"] += skipped
        return found

    def _one(self, tick: int, watts: F32, heard: Bools) -> list[Told]:
        kept = self._kept
        self._tick = tick
        quick, closes = kept["is_quick"] > 0, tick % TICKS == TICKS - 1
        some_quick = bool(quick.any())
        if not closes and not some_quick:
            return []
        stale = heard & (kept["silent"] >= FORGOTTEN)
        if stale.any():
            self.forget(stale)
            kept["silent"][stale] = 0
        now = heard & quick
        tick_w = np.where(now, watts, np.float32(0))
        kept["sum_w"] += tick_w
        kept["count"] += now
        sure = np.where(quick, kept["count"] >= TICKS / 2, heard) if closes else heard
        mean_w = np.where(quick, kept["sum_w"] / np.maximum(kept["count"], 1), watts)
        minute_w = np.where(sure, mean_w, 0).astype(np.float32)
        said = self._said(tick // TICKS, (some_quick, closes), (tick_w, now), (minute_w, sure))
        if some_quick:
            kept["heard_w"], kept["heard_known"] = said["heard_w_next"], said["heard_known_next"]
        settled = self._closed(tick // TICKS, said, minute_w, sure) if closes else None
        power_w, mains_w = said["tick_power_w" if some_quick else "now_w"], tick_w
        if closes:
            power_w = np.where(quick[:, None], power_w, said["now_w"])
            mains_w, now = np.where(quick, tick_w, minute_w), np.where(quick, now, sure)
        return [Told(_parts(tick * TICK_MS, TICK_MS, power_w, mains_w, now), settled)]

    def _said(
        self, minute: int, which: tuple[bool, bool], tick: tuple[F32, Bools], whole: tuple[F32, Bools]
    ) -> dict[str, F32]:
        """What the network says: of the tick, of the minute, or of both."""
        kept, weights = self._kept, self._weights
        given: dict[str, Any] = {
            "tick_w": tick[0],
            "tick_known": tick[1].astype(np.float32),
            "minute_w": whole[0],
            "minute_known": whole[1].astype(np.float32),
            "old_w": self._rings["old_w"][minute % DELAY],
            "turns": np.array([minute % BLOCK == BLOCK - 1], np.float32),
            **weights.gates,
            "hears": np.array(which[0]),
            "closes": np.array(which[1]),
            **{name: kept[name] for name in _GIVEN},
        }
        for i, apart in enumerate(weights.apart):
            ring = self._rings[f"narrow_{i}"]
            given[f"near_{i}"] = ring[(minute + apart) % (2 * apart)]
            given[f"far_{i}"] = ring[minute % (2 * apart)]
        return dict(zip(weights.outputs, weights.session.run(weights.outputs, given), strict=True))

    def _closed(self, minute: int, said: dict[str, F32], minute_w: F32, sure: Bools) -> Parts:
        """Keeps what the minute leaves, and tells of the settled one."""
        kept, rings = self._kept, self._rings
        for name in ("bases_w", "sums", "peaks", "context", "trunk"):
            kept[name] = said[f"{name}_next"]
        for i, apart in enumerate(self._weights.apart):
            rings[f"narrow_{i}"][minute % (2 * apart)] = said[f"narrow_{i}"]
        at = minute % DELAY
        old_w, old_known = rings["old_w"][at].copy(), rings["old_known"][at].copy()
        rings["old_w"][at], rings["old_known"][at] = minute_w, sure
        kept["before_w"], kept["before_known"] = minute_w, sure.astype(np.float32)
        kept["silent"] = np.where(sure, 0, kept["silent"] + 1)
        kept["sum_w"][:], kept["count"][:] = 0, 0
        return _parts((minute - DELAY) * MINUTE_MS, MINUTE_MS, said["settled_w"], old_w, old_known)


_GIVEN: Final = (
    "heard_w",
    "heard_known",
    "trunk",
    "bases_w",
    "has",
    "before_w",
    "before_known",
    "sums",
    "peaks",
    "context",
)


def _fresh(weights: Weights, homes: int) -> dict[str, Any]:
    """(homes, …) each."""
    widths = weights.widths
    return {
        "has": np.ones((homes, len(weights.card.kinds)), np.float32),
        "is_quick": np.zeros(homes, np.float32),
        "heard_w": np.zeros((homes, HEARD - 1), np.float32),
        "heard_known": np.zeros((homes, HEARD - 1), np.float32),
        "trunk": np.zeros((homes, widths["trunk"]), np.float32),
        "bases_w": np.full((homes, widths["bases_w"]), -1, np.float32),
        "before_w": np.zeros(homes, np.float32),
        "before_known": np.zeros(homes, np.float32),
        "sums": np.zeros((homes, widths["sums"]), np.float32),
        "peaks": np.zeros((homes, widths["sums"]), np.float32),
        "context": np.zeros((homes, widths["context"]), np.float32),
        "sum_w": np.zeros(homes, np.float32),
        "count": np.zeros(homes, np.int32),
        "silent": np.full(homes, FORGOTTEN),
    }


def _fresh_rings(weights: Weights, homes: int) -> dict[str, Any]:
    """(minutes, homes, …) each: minute m is at m modulo their length."""
    rings: dict[str, Any] = {
        f"narrow_{i}": np.zeros((2 * apart, homes, weights.narrow), np.float32)
        for i, apart in enumerate(weights.apart)
    }
    rings["old_w"] = np.zeros((DELAY, homes), np.float32)
    rings["old_known"] = np.zeros((DELAY, homes), np.bool_)
    return rings


def _parts(start_ms: int, step_ms: int, power_w: F32, mains_w: F32, known: Bools) -> Parts:
    told_w = np.where(known[:, None], power_w, np.float32(0))
    rest_w = np.where(known, np.maximum(mains_w - told_w.sum(axis=1), 0), 0).astype(np.float32)
    return Parts(start_ms, step_ms, told_w, rest_w, known.copy())
