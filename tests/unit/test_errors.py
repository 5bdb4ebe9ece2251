"""Messages: they can always be written."""

from contextlib import suppress

from chowon.errors import PayloadRejected, shortened
from tests.devices import said


def _nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def test_a_value_is_shown_in_as_many_characters_as_there_is_room_for() -> None:
    assert shortened("x" * 200, 20) == "'" + "x" * 18 + "…"
    assert shortened([1, "a"]) == "[1, 'a']"


def test_a_value_that_is_nested_too_deeply_to_be_shown_is_named() -> None:
    assert shortened(_nested(100_000)) == "a list that is nested too deeply"


def test_a_message_nested_almost_too_deeply_gives_a_problem() -> None:
    """It could just be read, but not shown any more: that once ended in a traceback."""
    told = []
    for depth in range(700, 1000):
        with suppress(PayloadRejected):  # nested too deeply to be read
            decoded = said("emon/x", f'{{"power1": {"[" * depth}{"]" * depth}, "power2": 5}}')
            assert [problem.where for problem in decoded.problems] == ["node.power1"]
            told.append(decoded.problems[0].found)
    assert told[0].startswith("[[")
    assert told[-1] == "a list that is nested too deeply"


def test_a_number_that_python_does_not_show_can_be_told_all_the_same() -> None:
    assert shortened(1 << 20_000) == "int with thousands of digits"
    assert shortened([1 << 20_000]) == "list with thousands of digits"
