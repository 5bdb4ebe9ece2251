"""Laws of the suggestion: whatever a device sends and whatever stands there, nothing counts twice."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from chowon.domain.placing import Device, Line, Standing, counted_dw, plan, reviewed
from chowon.domain.sites import Channel, ChannelKey, Role, Site

NAMES = ("main", "a", "b", "c", "1", "2", "2-main", "solar", "x", "main-l1")
ROLES: tuple[Role, ...] = ("main", "phase", "circuit", "plug", "solar")
powers = st.none() | st.tuples(st.integers(-99_999, 99_999), st.integers(0, 99_999))


@st.composite
def lines(draw: st.DrawFn) -> Line:
    power = draw(powers)
    lowest, highest = (None, None) if power is None else (power[0], power[0] + power[1])
    interval_ms = draw(st.none() | st.integers(0, 10**7))
    return Line(draw(st.sampled_from(NAMES)), lowest, highest, interval_ms, draw(st.booleans()))


@st.composite
def sites(draw: st.DrawFn) -> list[Site]:
    """Up to three sites; a channel may be of this very device's meter."""
    channel_id, made = 0, []
    for number in range(draw(st.integers(0, 3))):
        names = draw(st.lists(st.tuples(st.sampled_from(("em", "old")), st.sampled_from(NAMES)), unique=True))
        channels = []
        for meter, name in names:
            channel_id += 1
            key = ChannelKey(f"s{number}", meter, name)
            channels.append(Channel(channel_id, key, draw(st.sampled_from(ROLES))))
        made.append(Site(number + 1, f"s{number}", "A", "Asia/Seoul", 1, "t", channels=tuple(channels)))
    return made


some_lines = st.lists(lines(), min_size=1, max_size=9, unique_by=lambda line: line.name)
devices = st.builds(
    Device, st.just("em"), st.just(10_000), some_lines.map(tuple), st.booleans(), st.booleans()
)
ids = st.frozensets(st.integers(1, 27))


@given(devices, sites(), ids, ids)
def test_a_suggestion_can_always_be_placed_and_never_counts_twice(device, there, fed, silent) -> None:
    found = plan(device, Standing(there, fed, silent))
    site = next((s for s in there if s.key == found.site), None)
    notes = reviewed(site, device.key, found.lines, fed)  # refuses what counts twice
    assert "total_there" not in {note.id for note in notes}
    assert {line.name for line in found.lines} == {line.name for line in device.lines}
    assert all(line.hold_ms >= 1000 and line.meter and line.channel for line in found.lines if line.keep)
    known = () if site is None else site.channels
    fed_here = [c for c in known if c.id in fed and c.key.meter != device.key]
    targets = {(line.meter, line.channel) for line in found.lines if line.keep}
    assert not targets & {(c.key.meter, c.key.channel) for c in fed_here}


@given(devices, st.dictionaries(st.sampled_from(NAMES), st.integers(-(10**6), 10**6)))
def test_turning_every_clamp_round_turns_the_total_round(device, told) -> None:
    found = plan(device, Standing()).lines
    other = [replace(line, turned=not line.turned) for line in found]
    counted, back = counted_dw(found, told), counted_dw(other, told)
    assert (counted is None) == (back is None)
    assert counted is None or counted == -back
