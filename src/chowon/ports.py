"""The seams: small protocols between the parts. app.py decides what stands behind each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from chowon.domain.corrections import Correction
from chowon.domain.counters import Decision, Flow
from chowon.domain.nilm.events.kept import KeptHome, Tapped
from chowon.domain.nilm.events.known import Tap
from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import ToldDay, ToldMinutes
from chowon.domain.nilm.witnessed import KeptWitness, Witnessed
from chowon.domain.quantities import I64, U32
from chowon.domain.readings import Readings
from chowon.domain.records import KeptSeries, PriceRow, Records, RecordsChange
from chowon.domain.rollups import Rollup
from chowon.domain.sites import Channel, ChannelKey, Placement, Site
from chowon.domain.sources import KeptSource

Resolution = Literal["1min", "15min", "1h", "1day"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One batch in the journal."""

    sequence: int
    readings: Readings


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a journal holds: sequences in (trimmed_through, last]."""

    trimmed_through: int
    last: int


class Journal(Protocol):
    """Batches of readings in the order in which they became durable."""

    def append(self, batches: Sequence[Readings]) -> int:
        """Make all batches durable in one go; the sequence of the last one.

        Errors: StoreUnavailable — nothing was acknowledged, the same batches may be sent again.
        """

    def read(self, after: int) -> Iterator[Entry]:
        """Entries with a sequence above `after`, in order, as they stood when the first one was asked for.

        Errors: NotFound — some of them were trimmed already, the lake holds them; Damaged.
        """

    def trim(self, through: int) -> None:
        """Forget entries up to this sequence: they stand in the lake now."""

    def bounds(self) -> Bounds:
        """What the journal holds at this moment."""

    def close(self) -> None:
        """Release files and threads."""


class History(Protocol):
    """What was measured: one consistent view over lake and journal at each call."""

    def readings(self, channels: Sequence[int], start_ms: int, end_ms: int) -> Readings:
        """Raw readings in [start, end), sorted by (channel, time), the last of equal keys."""

    def rollup(
        self, channels: Sequence[int], start_ms: int, end_ms: int, resolution: Resolution, timezone: str
    ) -> Rollup:
        """Rollup rows whose bucket starts in [start, end); days are local to `timezone`."""

    def gaps(self, channels: Sequence[int], start_ms: int, end_ms: int) -> tuple[U32, I64, I64]:
        """(channel, start, end) of the spans in [start, end) for which no sample of power stands.

        Looked for between a channel's first and newest reading.
        """

    def last_times(self, channels: Sequence[int]) -> dict[int, int]:
        """The newest reading's time, ms UTC, of each channel that has one."""

    def span(self, channels: Sequence[int]) -> tuple[int, int] | None:
        """The oldest and the newest reading's time of all these channels, ms UTC; None without a reading."""


class SiteBook(Protocol):
    """Sites, meters, channels and the names by which they are known."""

    def sites(self) -> list[Site]:
        """All sites with their channels."""

    def site(self, site_id: int) -> Site:
        """One site. Errors: NotFound."""

    def resolve(self, keys: Sequence[ChannelKey]) -> list[Channel | None]:
        """The channel behind each key, None where it is not known."""

    def register_all(self, keys: Sequence[ChannelKey], hold_ms: int) -> list[Channel]:
        """Make these channels known (and their sites and meters), in one go; the known ones as they are."""

    def configure(self, site: Site) -> None:
        """Change a site's name, timezone, reading day, tariff and options, roles, and what it is without.

        Errors: NotFound.
        """


class DeviceBook(Protocol):
    """What was decided about devices that know no site of ours."""

    def find(self, keys: Sequence[ChannelKey]) -> list[Placement | None]:
        """The decision about each of these device channels, None where nobody has decided."""

    def placements(self) -> list[Placement]:
        """All decisions, by family, device and channel."""

    def place(self, decided: Sequence[Placement]) -> None:
        """Write these decisions over earlier ones about the same device channels; all or none.

        Errors: BadInput for a channel that another device channel feeds already.
        """

    def remove(self, family: str, device: str) -> None:
        """Forget all decisions about a device. Errors: NotFound."""


class SourceBook(Protocol):
    """Meters that chowon asks or listens to, as people have made them on the page."""

    def sources(self) -> list[KeptSource]:
        """All of them, by name."""

    def put(self, name: str, settings: str, *, paused: bool, by: str) -> None:
        """Keep this one, in place of one of the same name."""

    def remove(self, name: str) -> None:
        """Forget it. Errors: NotFound."""


class BackfillBook(Protocol):
    """Up to where devices were asked for what they had kept of their own."""

    def through(self, placed: Sequence[Placement], first_ms: int) -> list[int]:
        """Before which instant nothing is asked for any more, of each placement that feeds a channel.

        first_ms: for one that was never seen before; it is kept. What the device measured elsewhere, before
        it had this place, is none of this channel's.
        """

    def settle(self, placed: Sequence[Placement], through_ms: int) -> None:
        """Nothing before this instant is asked for again; an earlier one than is known changes nothing."""


class PriceBook(Protocol):
    """Price series, by interval."""

    def series(self) -> list[KeptSeries]:
        """Every series that is kept, by name."""

    def rows(self, name: str, from_ms: int, to_ms: int) -> list[PriceRow]:
        """The intervals that overlap [from, to), in order of time; none for an unknown series."""

    def put(
        self, name: str, rows: Sequence[PriceRow], by: str, instead_of: tuple[int, int] | None = None
    ) -> None:
        """Keep these intervals; others that they overlap go, and all in the span [from, to) `instead_of`.

        Putting the same again changes no price. Errors: BadInput for a name that cannot be.
        """

    def revision(self) -> int:
        """Grows with every change."""


class RecordBook(Protocol):
    """What people have written down of sites because no meter tells it."""

    def records(self, site_id: int) -> Records:
        """Of one site; nothing of one that is not known."""

    def change(self, site_id: int, change: RecordsChange, by: str) -> Records:
        """The records after the change; a record that stays the same keeps when it was written.

        Errors: NotFound; BadInput.
        """

    def revision(self) -> int:
        """Grows with every change."""


class ApplianceBook(Protocol):
    """What was learnt of the appliances of sites, and what people said of them."""

    def homes(self) -> dict[int, KeptHome]:
        """Of all sites of which something is kept."""

    def keep(self, homes: Mapping[int, KeptHome]) -> None:
        """In place of what was kept of these sites."""

    def tapped(self, site_id: int, home: KeptHome, tap: Tap, by: str) -> None:
        """Keep what a person said, and what is known after it; both or none. Old taps may go."""

    def taps(self, site_id: int) -> list[Tapped]:
        """The newest that was said of a site, in its order."""


class WitnessBook(Protocol):
    """What people saw run in sites."""

    def of(self, site_id: int) -> list[KeptWitness]:
        """Of one site, by start; nothing of one that is not known."""

    def add(self, site_id: int, witnessed: Witnessed, by: str) -> int:
        """Keep this one in place of those of its kind that it overlaps; gives its id.

        Errors: BadInput where too many others of the kind are kept (domain.nilm.witnessed.MOST).
        """

    def remove(self, site_id: int, number: int) -> None:
        """Forget it. Errors: NotFound where this site has none of this id."""


class ToldDays(Protocol):
    """What was told of the appliances of sites, day by day."""

    def days(self, site_id: int, first: date, end: date) -> list[ToldDay]:
        """All that was told of the local days in [first, end), in the order in which it was told."""

    def minutes(self, site_id: int, from_ms: int, to_ms: int) -> dict[str, Power]:
        """The nightly value of each kind in these whole minutes, as told last; unknown where it was not."""


class NightBook(ToldDays, Protocol):
    """The same, for whoever tells."""

    def keep(self, days: Sequence[ToldDay], minutes: Sequence[ToldMinutes]) -> None:
        """Write down the days beside what was told of them before, and the minutes in place of it.

        Days count only once their minutes do. Errors: StoreUnavailable; the same may be kept again.
        """


class TokenBook(Protocol):
    """Access tokens, kept hashed."""

    def issue(self, name: str, scopes: frozenset[str]) -> str:
        """A new token; the only time that it is shown."""

    def scopes(self, token: str) -> frozenset[str] | None:
        """What this token may do, None if it is unknown or revoked."""

    def revoke(self, name: str) -> None:
        """Stop all tokens of this name. Errors: NotFound."""

    def names(self) -> list[str]:
        """Names of the tokens that are in force."""

    def name(self, token: str) -> str | None:
        """What this token was issued for, None if it is unknown or revoked."""


class CorrectionBook(Protocol):
    """What people decided about what was measured."""

    def in_force(self, channels: Sequence[int]) -> list[Correction]:
        """Those of these channels that were not taken back, in the order in which they were made."""

    def add(self, correction: Correction) -> Correction:
        """Note it, with its id and the time of this moment."""

    def take_back(self, correction_id: int, channels: Sequence[int], by: str) -> Correction:
        """It counts no more. Errors: NotFound if these channels have none of this id in force."""


class Doubts(Protocol):
    """Where counters were not taken at their word."""

    def decisions(self, channels: Sequence[int], start_ms: int, end_ms: int) -> list[tuple[Flow, Decision]]:
        """The decisions that touch [start, end), in the order of flow, channel and time."""

    def supposing(self, correction: Correction) -> History:
        """What would be told if this were decided too; nothing is changed."""


class Sink(Protocol):
    """Where a checked batch goes. Returns when it is durable, which is the acknowledgement."""

    async def submit(self, readings: Readings) -> None:
        """Make the batch durable and show it to the live state.

        Errors: Overloaded (queue full), StoreUnavailable: nothing was taken; send again later.
        """
