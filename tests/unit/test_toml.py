"""TOML that others wrote."""

import time

import pytest

from chowon.domain import toml


@pytest.mark.parametrize("key", ["a" + ".a" * 5000, '"a"' + ' . "b c"' * 5000, "a-1" + " .\t'x'" * 5000])
def test_a_key_that_never_ends_is_refused_at_once(key: str) -> None:
    begun = time.process_time()
    for text in (f"{key} = 1", f"x = {{{key} = 1}}", f"[{key}]\ny = 2"):
        with pytest.raises(ValueError, match="a key of more than 64 parts"):
            toml.read(text)
    assert time.process_time() - begun < 1


def test_looking_for_such_keys_takes_no_longer_than_the_text() -> None:
    for text in (
        "x = '" + "a" * 1_000_000 + "'",
        "x = '" + "a." * 60 + "'",
        "x = '" + "a b " * 200_000 + "'",
    ):
        begun = time.process_time()
        assert len(toml.read(text)["x"]) > 100
        assert time.process_time() - begun < 2


def test_keys_of_some_parts_and_texts_with_many_dots_are_read() -> None:
    key = ".".join("abc"[n % 3] for n in range(60))
    assert toml.read(f"{key} = 1\ny = '{'.' * 500}'\nz = [{', '.join(['1.5'] * 500)}]")["y"] == "." * 500


def test_what_is_nested_too_deeply_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        toml.read("x = " + "[" * 5000)
