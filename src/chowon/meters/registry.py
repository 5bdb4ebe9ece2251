"""Finds decoders by themselves: every module of this folder, and of other packages, that has a DECODER."""

import importlib
import pkgutil
import re
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Final

from chowon import meters
from chowon.errors import Misconfigured, NotFound, shortened
from chowon.meters.decoded import Decoder, Envelope, Family
from chowon.meters.kept import Keeper

ENTRY_POINTS: Final = "chowon.meters"
"""Entry point group by which other packages offer decoders."""
_NOT_OFFERED: Final = frozenset({"blueprint"})


class Registry:
    """Which decoder reads what."""

    def __init__(self, decoders: Sequence[Decoder], families: Sequence[Family] = ()) -> None:
        self._decoders = tuple(decoders)
        self._families = {family.name: family for family in families}
        self._by_content_type: dict[str, Decoder] = {}
        for decoder in decoders:
            for content_type in decoder.content_types:
                other = self._by_content_type.setdefault(content_type, decoder)
                if other is not decoder:
                    raise Misconfigured(
                        f"decoders '{other.name}' and '{decoder.name}' both claim {content_type}; remove one"
                    )
        # A longer magic is asked first, so that the decoder without one reads what no other claims.
        by_magic = sorted(decoders, key=lambda decoder: -len(decoder.magic))
        self._by_topic = [(_pattern(topic), decoder) for decoder in by_magic for topic in decoder.topics]

    @property
    def decoders(self) -> tuple[Decoder, ...]:
        """All of them."""
        return self._decoders

    def families(self) -> tuple[Family, ...]:
        """The kinds of devices that can be read and know no site of ours, by title."""
        return tuple(sorted(self._families.values(), key=lambda family: family.title))

    def family(self, name: str) -> Family | None:
        """The family of this name, None if no decoder here knows it."""
        return self._families.get(name)

    @property
    def topic_filters(self) -> tuple[str, ...]:
        """MQTT subscriptions that bring everything that can be decoded, each once."""
        topics = (topic for decoder in self._decoders for topic in decoder.topics)
        return tuple(dict.fromkeys(re.sub(r"\{\w+\}", "+", topic) for topic in topics))

    def of_content_type(self, content_type: str) -> Decoder:
        """The decoder of an HTTP content type; parameters are passed over. Errors: NotFound."""
        plain = content_type.partition(";")[0].strip().lower()
        decoder = self._by_content_type.get(plain)
        if decoder is None:
            known = ", ".join(sorted(self._by_content_type))
            raise NotFound(f"no decoder for content type {shortened(content_type)}; send one of {known}")
        return decoder

    def of_message(
        self, topic: str, payload: bytes, received_ms: int, retained: bool = False
    ) -> tuple[Decoder, Envelope]:
        """The decoder of an MQTT message, and the envelope with what its topic says. Errors: NotFound."""
        for pattern, decoder in self._by_topic:
            found = pattern.fullmatch(topic)
            if found is not None and payload.startswith(decoder.magic):
                named = found.groupdict()
                envelope = Envelope(
                    received_ms,
                    named.get("site"),
                    named.get("meter"),
                    topic=topic,
                    levels=named,
                    retained=retained,
                )
                return decoder, envelope
        raise NotFound(f"no decoder for topic {shortened(topic)}; known are {', '.join(self.topic_filters)}")


def found() -> Registry:
    """All decoders and families of this package and of installed plug-ins. Errors: Misconfigured."""
    modules = [
        importlib.import_module(f"{meters.__name__}.{module.name}")
        for module in pkgutil.iter_modules(meters.__path__)
        if module.name not in _NOT_OFFERED
    ]
    entries = entry_points(group=ENTRY_POINTS)
    decoders = [module.DECODER for module in modules if hasattr(module, "DECODER")]
    modules += [importlib.import_module(entry.module) for entry in entries]
    families = [module.FAMILY for module in modules if hasattr(module, "FAMILY")]
    return Registry([*decoders, *(entry.load() for entry in entries)], families)


def keepers() -> tuple[Keeper, ...]:
    """Who can be asked for what a device has kept: the KEEPER of every `<family>_kept` of this package."""
    modules = [
        importlib.import_module(f"{meters.__name__}.{module.name}")
        for module in pkgutil.iter_modules(meters.__path__)
        if module.name.endswith("_kept")
    ]
    return tuple(module.KEEPER for module in modules)


def _pattern(topic: str) -> re.Pattern[str]:
    levels = [
        f"(?P<{level[1:-1]}>[^/]+)" if level.startswith("{") else re.escape(level)
        for level in topic.split("/")
    ]
    return re.compile("/".join(levels))
