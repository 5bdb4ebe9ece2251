"""The shortest input that still shows a finding."""

from collections.abc import Callable

from tests.fuzz.watch import Finding


def shrunk(finding: Finding, finding_of: Callable[[bytes], Finding | None], tries: int = 1500) -> Finding:
    """Without every part that can be left out, and with plain bytes where any will do."""
    best = finding
    size = len(best.data) // 2
    while size and tries > 0:
        start = 0
        while start < len(best.data) and tries > 0:
            tries -= 1
            shorter = finding_of(best.data[:start] + best.data[start + size :])
            if shorter is not None and shorter.kind == best.kind:
                best = Finding(best.kind, shorter.told, shorter.data, best.times)
            else:
                start += size
        size //= 2
    return best
