"""A file as it would be imported: what it says by a mapping, or by itself (Green Button)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chowon.domain.tariff import Text
from chowon.errors import PayloadRejected, Problem
from chowon.i18n import said
from chowon.ingest import csv_look, csv_readings
from chowon.ingest.csv_look import Look
from chowon.ingest.csv_mapping import Draft, Mapping
from chowon.ingest.csv_readings import Converted
from chowon.ingest.import_target import Told
from chowon.meters import green_button
from chowon.meters.green_button import Intervals

SHOWN_ROWS = 12


@dataclass(frozen=True, slots=True)
class FileLook:
    """What a person is shown before anything is written."""

    csv: Look | None
    """None for Green Button"""
    wrong: tuple[Text, ...]
    rows: tuple[Converted, ...]
    looked_at: int
    more: bool
    """whether the file goes on after what was looked at"""
    refused: int
    problems: tuple[Problem, ...]
    told: Told | None
    """None while something stands against it"""

    @property
    def mapping(self) -> Mapping | None:
        """By which a CSV file would be read."""
        return None if self.csv is None else self.csv.mapping


def csv_file(path: Path, draft: Draft | None, timezone: str, *, guess: bool = False) -> FileLook:
    """A CSV file by this draft, or by a guess. timezone: where the draft names none. guess: as csv_look."""
    if draft is None:
        look = csv_look.guessed(path, timezone)
    else:
        zoned = draft if draft.timezone else draft.model_copy(update={"timezone": timezone})
        look = csv_look.looked(path, zoned, guess=guess)
    mapping, found = look.mapping, look.found
    problems: Sequence[Problem] = () if found is None else found.faults
    refused = 0 if found is None else found.rejected
    if mapping is None or found is None:
        looked_at = 0 if found is None else len(found) + refused
        return FileLook(look, look.wrong, (), looked_at, False, refused, tuple(problems), None)
    told = Told(
        lines=tuple(("", value.channel) for value in mapping.value),
        start_ms=int(found.time_ms[0]),
        end_ms=int(found.time_ms[-1]),
        step_ms=csv_readings.usual_ms(found),
        interval_ms=csv_readings.longest_ms(found, mapping),
    )
    rows = tuple(csv_readings.converted(found, mapping, SHOWN_ROWS))
    looked_at = len(found) + refused
    return FileLook(look, look.wrong, rows, looked_at, found.more, refused, tuple(problems), told)


def green_button_file(path: Path) -> FileLook:
    """A Green Button feed, which says all by itself."""
    try:
        feed = green_button.parse(path.read_bytes())
    except PayloadRejected as error:
        wrong = (said("import.wrong.green_button", {"text": "; ".join(map(str, error.problems))}),)
        return FileLook(None, wrong, (), 0, False, 0, (), None)
    longest_ms = max(int(series.duration_ms.max()) for series in feed.series)
    told = Told(
        lines=tuple(
            (f"-{series.point + 1}" if series.point else "", "export" if series.flow == "export" else "main")
            for series in feed.series
        ),
        start_ms=min(int(series.start_ms[0]) for series in feed.series),
        end_ms=max(int((series.start_ms + series.duration_ms).max()) for series in feed.series),
        step_ms=longest_ms,
        interval_ms=longest_ms,
    )
    looked_at = sum(len(series.start_ms) for series in feed.series) + feed.rejected
    rows = _rows(feed.series)
    return FileLook(None, (), rows, looked_at, False, feed.rejected, feed.problems, told)


def _rows(series: Sequence[Intervals]) -> tuple[Converted, ...]:
    """The first intervals, with a value for each series that has one."""
    starts = np.unique(np.concatenate([one.start_ms[:SHOWN_ROWS] for one in series]))[:SHOWN_ROWS]
    rows = []
    for n, start_ms in enumerate(starts.tolist()):
        row = Converted(n + 1, start_ms, None, ())
        for one in series:
            at = int(np.searchsorted(one.start_ms, start_ms))
            met = at < len(one.start_ms) and int(one.start_ms[at]) == start_ms
            value = (int(one.milliwh[at]) / 1_000_000, "kWh") if met else None
            end_ms = start_ms + int(one.duration_ms[at]) if met else row.end_ms
            row = replace(row, end_ms=end_ms, values=(*row.values, value))
        rows.append(row)
    return tuple(rows)
