"""Long lists for a statement, a few values at a time: databases limit its parameters."""

from collections.abc import Iterator, Sequence
from typing import Final

PARAMETERS: Final = 10_000


def chunks(values: Sequence[int]) -> Iterator[Sequence[int]]:
    """The values in order, at most `PARAMETERS` at once."""
    for start in range(0, len(values), PARAMETERS):
        yield values[start : start + PARAMETERS]
