"""Every error that chowon raises, as one tree. The name says whether trying again can help.

ChowonError
├── BadInput                 somebody's data is wrong: says what, where and what is expected
│   ├── PayloadRejected      a payload with nothing usable in it; carries every problem found
│   │   └── PayloadTooLarge   more bytes than are taken at once; send it in parts
│   ├── TariffInvalid        a tariff file; carries every problem found
│   ├── RecordingInvalid     a recording file that cannot be played
│   ├── DataSetInvalid       files of a public data set that are not laid out as it publishes them
│   ├── ProtocolInvalid      an experiment written down wrongly; carries every problem found
│   ├── HomeSeen             something learnt from a home was to be scored on that home
│   └── UsageInvalid         a question about a bill that has no answer (negative kWh, unknown date, …)
├── Misconfigured            stop: nothing changes until a person changes a setting
│   ├── MeterMisconfigured
│   └── ExtraMissing         an optional part is not installed; carries the install line
├── NotFound                 no such site, channel, tariff, …
├── NotAllowed               no token, or one that may not do this
├── Unavailable              retry: it may work later
│   ├── MeterUnavailable
│   ├── Overloaded           a bounded queue is full; try again after a moment
│   └── StoreUnavailable     nothing is acknowledged until the disk or database answers again
└── Damaged                  stop: stored bytes are not what was written; says which
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong thing in somebody's input: where it stands, what was found, what is expected."""

    where: str
    """Path to the place: "readings[3].power_w", "line 7", "kr/x.toml: version 2"."""
    found: str
    """The value as it came, through `shortened`."""
    expected: str
    """What would be right, with its unit and range, or what to do."""

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}; expected {self.expected}"


def shortened(value: object, limit: int = 80) -> str:
    """The value as text for a message, never longer than `limit` characters."""
    try:
        text = repr(value)
    except RecursionError:  # it could just be read, but no deeper down the stack
        text = f"a {type(value).__name__} that is nested too deeply"
    except ValueError:  # Python shows no whole number of more digits than sys.get_int_max_str_digits()
        text = f"{type(value).__name__} with thousands of digits"
    return text if len(text) <= limit else text[: limit - 1] + "…"


class ChowonError(Exception):
    """Root of the tree."""


class BadInput(ChowonError):
    """Somebody's data is wrong."""


class _WithProblems(BadInput):
    def __init__(self, what: str, problems: Sequence[Problem] = ()) -> None:
        self.what = what
        self.problems = tuple(problems)
        super().__init__("\n".join([what, *(f"  {p}" for p in self.problems)]))


class PayloadRejected(_WithProblems):
    """A payload with nothing usable in it."""


class PayloadTooLarge(PayloadRejected):
    """More bytes than are taken at once."""


class TariffInvalid(_WithProblems):
    """A tariff file that cannot be used."""


class RecordingInvalid(_WithProblems):
    """A recording file that cannot be played."""


class DataSetInvalid(_WithProblems):
    """Files of a public data set that cannot be read."""


class ProtocolInvalid(_WithProblems):
    """An experiment that cannot be run."""


class HomeSeen(BadInput):
    """A home took part in the fit that is to be scored on it."""


class UsageInvalid(BadInput):
    """A question about a bill that has no answer."""


class Misconfigured(ChowonError):
    """Nothing changes until a person changes a setting."""


class MeterMisconfigured(Misconfigured):
    """A meter whose settings cannot work."""


class ExtraMissing(Misconfigured):
    """An optional part is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an extra: pip install 'chowon[{extra}]'")


class NotFound(ChowonError):
    """No such site, channel, tariff or file."""


class NotAllowed(ChowonError):
    """No token, or one that may not do this."""


class Unavailable(ChowonError):
    """It may work later."""


class MeterUnavailable(Unavailable):
    """A meter or broker does not answer."""


class Overloaded(Unavailable):
    """A bounded queue is full."""


class StoreUnavailable(Unavailable):
    """The disk or database does not take data; nothing is acknowledged meanwhile."""


class Damaged(ChowonError):
    """Stored bytes are not what was written."""
