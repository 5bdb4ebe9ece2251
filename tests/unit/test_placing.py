"""Where a device may belong: nothing counts twice, and what is odd is said."""

import pytest

from chowon.domain.placing import (
    Device,
    Line,
    LinePlan,
    Plan,
    Standing,
    alike,
    counted_dw,
    plan,
    reviewed,
)
from chowon.domain.sites import Channel, ChannelKey, Role, Site
from chowon.errors import BadInput


def _line(name: str, lowest_dw: int | None, highest_dw: int | None = None, **more: object) -> Line:
    return Line(name, lowest_dw, lowest_dw if highest_dw is None else highest_dw, **more)  # type: ignore[arg-type]


def _device(*lines: Line, hold_ms: int = 30_000) -> Device:
    return Device("em-1", hold_ms, lines)


def _site(*channels: tuple[int, str, str, Role], number: int = 1, key: str = "home") -> Site:
    made = tuple(Channel(i, ChannelKey(key, meter, name), role) for i, meter, name, role in channels)
    return Site(number, key, key.title(), "Asia/Seoul", 1, "t", channels=made)


def _kept(found: Plan) -> dict[str, tuple[str, bool]]:
    return {line.name: (line.role, line.turned) for line in found.lines if line.keep}


def _why(found: Plan, name: str) -> list[str]:
    return [why.id for line in found.lines if line.name == name for why in line.why]


def test_the_first_device_is_the_whole_home_of_a_new_site() -> None:
    found = plan(_device(_line("main", 8125)), Standing())
    assert (found.site, [n.id for n in found.notes]) == ("home", ["site_new"])
    assert _kept(found) == {"main": ("main", False)}
    assert (found.lines[0].meter, found.lines[0].channel) == ("em-1", "main")


def test_a_single_line_of_any_name_is_the_whole_home() -> None:
    assert _kept(plan(_device(_line("1", 8125)), Standing())) == {"1": ("main", False)}


def test_phases_count_and_their_sum_is_passed_over() -> None:
    found = plan(_device(*(_line(n, 100) for n in ("a", "b", "c", "main"))), Standing())
    assert _kept(found) == dict.fromkeys("abc", ("phase", False))
    assert [line.channel for line in found.lines if line.keep] == ["phase_a", "phase_b", "phase_c"]
    assert _why(found, "main") == ["sum_of_phases"]


def test_where_a_phase_gives_and_takes_only_the_sum_counts() -> None:
    lines = (_line("a", -9000, 4000), _line("b", 200), _line("main", -8000, 5000))
    found = plan(_device(*lines), Standing())
    assert _kept(found) == {"main": ("main", False)}
    assert _why(found, "a") == ["nets_phases"]
    assert _why(found, "main") == ["total", "both_ways"]


def test_a_clamp_the_wrong_way_round_is_turned_unless_there_is_solar() -> None:
    device = _device(_line("main", -8125, -300))
    found = plan(device, Standing())
    assert _kept(found) == {"main": ("main", True)}
    assert _why(found, "main") == ["total", "turned"]
    sunny = _site((1, "roof", "pv", "solar"))
    found = plan(device, Standing([sunny]))
    assert _kept(found) == {"main": ("main", False)}
    assert _why(found, "main") == ["total", "gives"]


def test_a_little_below_zero_is_noise() -> None:
    assert _kept(plan(_device(_line("main", -40, 8000)), Standing())) == {"main": ("main", False)}


def test_where_a_total_stands_a_device_is_a_part_and_the_total_is_named() -> None:
    standing = Standing([_site((1, "main", "main", "main"))])
    found = plan(_device(_line("main", 400)), standing)
    assert _kept(found) == {"main": ("plug", False)}
    assert [(n.id, n.places) for n in found.notes] == [("total_there", {"channel": "main/main"})]
    several = plan(_device(_line("1", 400), _line("2", 30)), standing)
    assert _kept(several) == {"1": ("circuit", False), "2": ("circuit", False)}


def test_several_lines_without_a_total_are_circuits_and_that_is_pointed_out() -> None:
    found = plan(_device(_line("1", 400), _line("2", 30)), Standing())
    assert _kept(found) == {"1": ("circuit", False), "2": ("circuit", False)}
    assert [n.id for n in found.notes] == ["site_new", "no_total"]


def test_a_device_takes_over_from_a_silent_total_only() -> None:
    site = _site((7, "old", "main", "main"))
    device = _device(_line("main", 400))
    (line,) = plan(device, Standing([site], silent=frozenset((7,)))).lines
    assert (line.meter, line.channel, line.role, line.hold_ms) == ("old", "main", "main", 10_000)
    assert [why.id for why in line.why] == ["total", "replaces"]
    fed = Standing([site], fed=frozenset((7,)), silent=frozenset((7,)))
    assert _kept(plan(device, fed)) == {"main": ("plug", False)}


def test_a_device_that_comes_back_gets_its_channel_again() -> None:
    other = _site((1, "main", "main", "main"))
    mine = _site((2, "em-1", "main", "main"), number=2, key="shop")
    found = plan(_device(_line("main", 400)), Standing([other, mine]))
    assert (found.site, found.notes) == ("shop", ())
    assert _kept(found) == {"main": ("main", False)}


def test_of_several_sites_the_one_without_a_total_is_guessed() -> None:
    found = plan(
        _device(_line("main", 400)),
        Standing([_site((1, "main", "main", "main")), _site(number=2, key="shop")]),
    )
    assert found.site == "shop"
    assert [n.id for n in found.notes] == ["site_guess"]


def test_what_measures_nothing_is_passed_over_and_a_counter_alone_is_kept() -> None:
    found = plan(_device(_line("main", None, counts=True), _line("door", None)), Standing())
    assert _kept(found) == {"main": ("main", False)}
    assert _why(found, "door") == ["no_power"]


@pytest.mark.parametrize(
    ("hold_ms", "interval_ms", "expected_ms"),
    [
        (10_000, None, 10_000),
        (10_000, 1000, 10_000),
        (10_000, 60_001, 181_000),
        (750_000, 300_000, 900_000),
        (1, 10**8, 86_400_000),
    ],
)
def test_the_hold_covers_three_intervals_heard(
    hold_ms: int, interval_ms: int | None, expected_ms: int
) -> None:
    found = plan(_device(_line("main", 1, interval_ms=interval_ms), hold_ms=hold_ms), Standing())
    assert found.lines[0].hold_ms == expected_ms


def _wish(name: str, role: Role, channel: str | None = None, **more: object) -> LinePlan:
    return LinePlan(name, True, "em-1", channel or name, role, 10_000, **more)  # type: ignore[arg-type]


def test_a_total_with_its_phases_is_refused_and_so_is_one_channel_for_two_lines() -> None:
    with pytest.raises(BadInput, match="count twice"):
        reviewed(None, "em-1", [_wish("main", "main"), _wish("a", "phase")])
    with pytest.raises(BadInput, match="em-1/x; give each"):
        reviewed(None, "em-1", [_wish("a", "circuit", "x"), _wish("b", "circuit", "x")])


def test_what_a_person_should_know_is_told_before_placing() -> None:
    site = _site((1, "old", "main", "main"), (2, "em-1", "a", "phase"), (3, "em-1", "plug", "plug"))
    slower = LinePlan("plug", True, "em-1", "plug", "plug", 60_000)
    notes = reviewed(site, "em-1", [_wish("main", "main"), slower])
    assert [n.id for n in notes] == ["left_over", "total_there", "hold_kept"]
    assert [n.id for n in reviewed(None, "em-1", [_wish("main", "plug")])] == ["no_total"]


def test_a_line_that_comes_later_joins_what_the_device_has_already() -> None:
    site = _site((1, "em-1", "main", "main"))
    late = _device(_line("2", 400))
    assert _kept(plan(late, Standing([site], fed=frozenset((1,))))) == {"2": ("plug", False)}
    phases = _site((1, "em-1", "phase_a", "phase"), (2, "em-1", "phase_b", "phase"))
    fed = frozenset((1, 2))
    third = plan(_device(_line("c", 400)), Standing([phases], fed=fed))
    assert _kept(third) == {"c": ("phase", False)}
    assert reviewed(phases, "em-1", third.lines, fed) == ()
    notes = reviewed(phases, "em-1", [_wish("main", "main")], fed)
    assert [(n.id, n.places["channel"]) for n in notes] == [("total_there", "em-1/phase_a, em-1/phase_b")]


def test_a_device_that_moves_leaves_a_channel_behind_and_that_is_told() -> None:
    before = Channel(9, ChannelKey("home", "em-1", "main"), "main")
    shop = _site(number=2, key="shop")
    notes = reviewed(shop, "em-1", [_wish("main", "main")], before=[before])
    assert [(n.id, n.places["channel"]) for n in notes] == [("left_over", "em-1/main")]


def test_the_preview_adds_what_counts_with_its_sign() -> None:
    lines = [_wish("a", "phase", turned=True), _wish("b", "phase"), _wish("x", "circuit")]
    assert counted_dw(lines, {"a": -300, "b": 50, "x": 7000}) == 350
    assert counted_dw(lines, {"a": -300}) is None
    assert counted_dw([_wish("x", "circuit")], {"x": 1}) is None


def test_one_device_heard_two_ways_is_noticed_and_two_idle_ones_are_not() -> None:
    told = [8125, 8130, 9000, 7001, 6500]
    assert alike(told, [0, *(-p for p in told)])
    assert alike(told[:4], [*told, 1, 2, 60_000, 60_001, 60_002])
    assert not alike(told, [8125, 1000, 2000, 3000, 4000])
    assert not alike([0, 0, 0, 10, 20], [0, 0, 0, 10, 20])
    assert not alike([600] * 16, [600] * 16)


def test_an_inverter_is_solar_and_its_sign_stays() -> None:
    found = plan(Device("pv", 10_000, (_line("main", -31_000, -4000),), makes=True), Standing())
    assert _kept(found) == {"main": ("solar", False)}
    assert _why(found, "main") == ["makes"]
    assert [note.id for note in found.notes] == ["site_new", "no_total"]


def test_the_phases_of_a_meter_that_tells_their_sum_stand_aside() -> None:
    lines = (_line("main", -300), *(_line(f"main-l{n}", -100) for n in (1, 2, 3)))
    found = plan(_device(*lines), Standing())
    assert _kept(found) == {"main": ("main", True)} | {f"main-l{n}": ("aside", True) for n in (1, 2, 3)}
    assert _why(found, "main-l2") == ["aside"]
    alone = plan(_device(*lines[1:]), Standing())
    assert {role for role, _ in _kept(alone).values()} == {"circuit"}


@pytest.mark.parametrize("highest", [-3000, 9000])
def test_the_sign_of_the_utilitys_own_meter_stays(highest: int) -> None:
    found = plan(Device("p1", 30_000, (_line("main", -9000, highest),), official=True), Standing())
    assert _kept(found) == {"main": ("main", False)}
    assert _why(found, "main") == ["total", "given"]
