"""The shortest input that still shows a finding."""

import time
from collections.abc import Callable

from tests.fuzz.watch import Finding


def shrunk(finding: Finding, finding_of: Callable[[bytes], Finding | None], most_s: float = 15) -> Finding:
    """Without every part that can be left out, as far as the time goes."""
    best = finding
    size = len(best.data) // 2
    until_s = time.monotonic() + most_s
    while size and time.monotonic() < until_s:
        start = 0
        while start < len(best.data) and time.monotonic() < until_s:
            shorter = finding_of(best.data[:start] + best.data[start + size :])
            if shorter is not None and shorter.kind == best.kind:
                best = Finding(best.kind, shorter.told, shorter.data, best.times)
            else:
                start += size
        size //= 2
    return best
