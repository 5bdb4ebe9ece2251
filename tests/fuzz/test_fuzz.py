"""The tool itself: it finds each kind of fault, makes the same of the same seed, and finds nothing here."""

import pytest

from tests.fuzz import bad_targets, engines, repairs, supervised
from tests.fuzz.shrinking import shrunk
from tests.fuzz.targets import RECORDINGS, Target, every_target
from tests.fuzz.watch import Watch

INPUTS = 60
"""Of each target: the whole run takes a few seconds."""


def _run(target: Target, seed: int, inputs: int) -> Watch:
    watched = Watch(target)
    watched.warm_up()
    engines.by_mutation(target, seed, watched.one, lambda: watched.inputs < inputs)
    return watched


@pytest.mark.parametrize("name", every_target())
def test_a_short_run_over_each_target_finds_nothing(name: str) -> None:
    found = _run(every_target()[name], 2026, INPUTS).findings
    assert not found, "\n".join(finding.told for finding in found.values())


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (bad_targets.RAISES, "KeyError at bad_targets.py"),
        (bad_targets.BREAKS_A_LAW, "AssertionError at bad_targets.py"),
        (bad_targets.GIVES_NO_REASON, "refused without a reason"),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_each_kind_of_fault_is_found(target: Target, kind: str) -> None:
    assert any(found.startswith(kind) for found in _run(target, 1, 3000).findings)


@pytest.mark.parametrize(
    ("target", "kind"),
    [(bad_targets.TAKES_LONG, "too long"), (bad_targets.TAKES_MEMORY, "too much memory")],
    ids=lambda x: getattr(x, "name", ""),
)
def test_an_input_that_takes_long_or_much_is_found(target: Target, kind: str) -> None:
    assert Watch(target).finding_of(b"?") is None
    finding = Watch(target).finding_of(b"!")
    assert finding is not None
    assert finding.kind == kind


def test_memory_that_is_not_given_back_is_found() -> None:
    try:
        assert Watch(bad_targets.KEEPS_MEMORY).growth([b"x"], 10) is not None
    finally:
        bad_targets.let_go()


def test_the_same_seed_makes_the_same_inputs() -> None:
    def made(seed: int) -> list[bytes]:
        inputs: list[bytes] = []
        target = every_target()["sml"]
        engines.by_mutation(target, seed, lambda d: not inputs.append(d), lambda: len(inputs) < 50)
        return inputs

    assert made(7) == made(7)
    assert made(7) != made(8)


def test_what_is_found_is_shortened_to_what_shows_it() -> None:
    watched = Watch(bad_targets.RAISES)
    finding = watched.finding_of(b"a long way to go! and then some")
    assert finding is not None
    assert shrunk(finding, watched.finding_of).data == b"!"


def test_what_kills_the_process_is_kept(tmp_path) -> None:
    result = supervised.fuzzed("tests.fuzz.bad_targets:DIES", 1, 3000, 2, "mutation", tmp_path)
    raised, died = result.findings  # what was found before it died is told as well
    assert raised.kind.startswith("KeyError at bad_targets.py")
    assert died.kind == "dies with -6"
    assert b"!" in died.data
    assert "_dies" in died.told


@pytest.mark.parametrize(
    ("name", "repair"),
    [
        ("chowon-binary", repairs.binary_batch),
        ("dsmr-p1", repairs.dsmr_telegram),
        ("enertalk", repairs.enertalk_frame),
        ("sml", repairs.sml_file),
    ],
)
def test_a_repair_leaves_a_whole_recording_as_it_is(name: str, repair) -> None:
    whole = [path.read_bytes() for path in sorted((RECORDINGS / name).glob("*.payload"))]
    checked = [payload for payload in whole if name != "dsmr-p1" or payload.rstrip()[-5:-4] == b"!"]
    assert checked
    assert [repair(payload) for payload in checked] == checked
