"""A meter that chowon asks or listens to, as a person has made it on the page: settings, kept by name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeptSource:
    """One of them, as it is written down."""

    name: str
    """1–64 characters of [a-z0-9_.-], given once; also the device's name where it gets its place"""
    settings: str
    """A JSON object with what a meter file says in TOML"""
    paused: bool
    """Kept, but neither asked nor listened to"""
    written_ms: int
    """ms UTC"""
    written_by: str
