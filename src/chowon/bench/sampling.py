"""Where time goes, over all threads: the function of chowon that each busy thread is in, looked at often.

Native code counts for the function that calls it. A thread that waits for work is not counted.
"""

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

EVERY_S: Final = 0.002
_WAITS: Final = frozenset(("select", "wait", "_worker", "get", "acquire", "_wait_for_tstate_lock"))
_OTHERS: Final = "(elsewhere)"


class Samples:
    """How often each function was met."""

    def __init__(self) -> None:
        self._met: Counter[str] = Counter()

    def shares(self, most: int = 12) -> list[tuple[str, float]]:
        """(function, share of the samples), the largest first."""
        total = self._met.total() or 1
        return [(name, count / total) for name, count in self._met.most_common(most)]

    def look(self, own: int) -> None:
        """One look at all threads but `own`."""
        for thread, frame in sys._current_frames().items():  # noqa: SLF001 - the one way to see other threads
            if thread != own and frame.f_code.co_name not in _WAITS:
                self._met[_place(frame)] += 1


@contextmanager
def sampled() -> Iterator[Samples]:
    """Samples of what runs inside the block."""
    samples, stop = Samples(), threading.Event()

    def look_on() -> None:
        own = threading.get_ident()
        while not stop.wait(EVERY_S):
            samples.look(own)

    looking = threading.Thread(target=look_on, name="sampling")
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(EVERY_S / 4)
    looking.start()
    try:
        yield samples
    finally:
        stop.set()
        looking.join()
        sys.setswitchinterval(before_s)


def _place(frame: FrameType | None) -> str:
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("chowon.") and not module.startswith("chowon.bench"):
            return f"{module.removeprefix('chowon.')}.{frame.f_code.co_name}"
        frame = frame.f_back
    return _OTHERS
