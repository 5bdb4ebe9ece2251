"""What is wrong with somebody's input: named exactly, all at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong thing: where it stands, what was found, what is expected and what to do."""

    where: str
    """Path to the place: "readings[3].power_w", "line 7", "kr/x.toml: version 2"."""
    found: str
    """The value as it came, shortened to 80 characters."""
    expected: str
    """What would be right, with its unit and range."""

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}; expected {self.expected}"


def shortened(value: object, limit: int = 80) -> str:
    """The value as text for a message, never longer than `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
