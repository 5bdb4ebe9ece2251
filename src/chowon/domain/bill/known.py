"""Where a bill goes beyond the prices that are known: said on its face, never silently."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from chowon.domain.bill.outcome import Note
from chowon.domain.bill.wording import known_until_text
from chowon.domain.clock import Period
from chowon.domain.tariff.definition import Tariff
from chowon.domain.tariff.kinds import Line


def notes_of(tariff: Tariff, lines: Sequence[Line], period: Period) -> tuple[Note, ...]:
    """A note for the tariff, and one for each of the customer's lines, whose prices end before the period."""
    return tuple(_notes(tariff, lines, period))


def _notes(tariff: Tariff, lines: Sequence[Line], period: Period) -> Iterator[Note]:
    last_day = period.end - timedelta(days=1)
    if tariff.known_until is not None and last_day >= tariff.known_until:
        yield Note(None, tariff.known_until, known_until_text(None, tariff.known_until, by_month=False))
    for line in lines:
        until, by_month = line.known_until, line.by_reading_month
        day = period.end.replace(day=1) if by_month else last_day
        if until is not None and day >= until and line.exists_on(day):
            yield Note(line.id, until, known_until_text(line.label, until, by_month))
