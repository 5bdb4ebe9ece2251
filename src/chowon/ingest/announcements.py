"""Which sensors have announced themselves for Home Assistant, and so which topics are to be read.

Holds no connection: whoever has one hands discovery messages to `learn`, subscribes to `topics()` when they
have changed, and hands the messages that come there to `decode`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from chowon.errors import NotFound, PayloadRejected, Problem
from chowon.meters import announced, shelly
from chowon.meters.decoded import Decoded, Envelope
from chowon.meters.home_assistant import Announced, discovered, told_apart
from chowon.meters.registry import Registry

MOST_SENSORS: Final = 5000
"""More are refused and counted: whoever may publish could otherwise fill the memory."""
LONGEST_MESSAGE: Final = 262_144


class Announcements:
    """What is announced at this moment, by discovery topic.

    A new message of a topic replaces what the topic announced before; an empty one takes it back.
    """

    def __init__(
        self,
        read_already: Callable[[str], bool] = lambda _: False,
        *,
        prefix: str = "homeassistant",
        most_sensors: int = MOST_SENSORS,
    ) -> None:
        """read_already: whether a decoder reads this topic anyway; what is announced of it is passed over."""
        self._read_already = read_already
        self._prefix = prefix
        self._most = most_sensors
        self._by_config: dict[str, tuple[Announced, ...]] = {}
        self._configs_of: dict[str, set[str]] = {}
        """Device → the discovery topics that speak of it."""
        self._settled: dict[str, dict[str, tuple[Announced, ...]]] = {}
        """Device → state topic → its sensors whose state stands there, told apart. Made when it is asked for:
        a device with thousands of sensors announces them one by one."""
        self._devices_of: dict[str, Counter[str]] = {}
        """State topic → device → how many of its sensors say their state there"""
        self._topics: frozenset[str] | None = frozenset()
        self._count = 0
        self.refused = 0
        """Discovery messages that were too long, or one too many."""

    @property
    def filters(self) -> tuple[str, ...]:
        """MQTT subscriptions that bring the discovery messages of sensors."""
        kinds, nodes = ("sensor", "device"), ("+", "+/+")
        return tuple(f"{self._prefix}/{kind}/{node}/config" for kind in kinds for node in nodes)

    def announces(self, topic: str) -> bool:
        """Whether messages of this topic are for `learn`."""
        levels = topic.removeprefix(f"{self._prefix}/").split("/")
        return (
            topic.startswith(f"{self._prefix}/")
            and levels[0] in ("sensor", "device")
            and len(levels) in (3, 4)
            and levels[-1] == "config"
        )

    def learn(self, topic: str, payload: bytes) -> tuple[Problem, ...]:
        """Take in one discovery message; what could not be understood of it.

        Errors: PayloadRejected — it cannot be read, or not be kept; what the topic announced before stays.
        """
        if len(payload) > LONGEST_MESSAGE:
            raise self._too_much(topic, f"{len(payload)} bytes", f"at most {LONGEST_MESSAGE} bytes")
        # The prefix may have several levels; one stands for all of them.
        found = discovered(f"_/{topic.removeprefix(f'{self._prefix}/')}", payload)
        sensors = tuple(s for s in found.sensors if not self._read_already(s.state_topic))
        before = self._by_config.get(topic, ())
        count = self._count - len(before) + len(sensors)
        if count > self._most and len(sensors) > len(before):
            raise self._too_much(topic, f"{count} sensors", f"at most {self._most} sensors in all")
        self._count = count
        self._by_config[topic] = sensors
        if not sensors:
            del self._by_config[topic]
        if sensors != before:
            self._exchange(topic, before, sensors)
        return found.problems

    def topics(self) -> frozenset[str]:
        """The topics on which the announced sensors say their state; the same object until that changes."""
        if self._topics is None:
            self._topics = frozenset(self._devices_of)
        return self._topics

    def reads(self, topic: str) -> bool:
        """Whether an announced sensor says its state on this topic."""
        return topic in self._devices_of

    def sensors(self) -> tuple[Announced, ...]:
        """All of them, as they are told apart, by device."""
        return tuple(sensor for device in sorted(self._configs_of) for sensor in self._told_apart(device))

    def decode(self, topic: str, payload: bytes, envelope: Envelope) -> Decoded:
        """The readings that a message on this topic holds; none for a topic that nobody announced."""
        devices = self._devices_of.get(topic, ())
        sensors = [sensor for device in devices for sensor in self._of_device(device).get(topic, ())]
        return announced.decode(sensors, payload, envelope)

    def _exchange(self, config: str, before: Sequence[Announced], after: Sequence[Announced]) -> None:
        """What a discovery topic announces has changed."""
        for sensor in before:
            there = self._devices_of[sensor.state_topic]
            there[sensor.device] -= 1
            if not there[sensor.device]:
                del there[sensor.device]
            if not there:
                del self._devices_of[sensor.state_topic]
                self._topics = None
        for sensor in after:
            if sensor.state_topic not in self._devices_of:
                self._devices_of[sensor.state_topic] = Counter()
                self._topics = None
            self._devices_of[sensor.state_topic][sensor.device] += 1
        for device in {sensor.device for sensor in (*before, *after)}:
            self._settled.pop(device, None)
            configs = self._configs_of.setdefault(device, set())
            configs.discard(config)
            if any(sensor.device == device for sensor in after):
                configs.add(config)
            if not configs:
                del self._configs_of[device]

    def _told_apart(self, device: str) -> tuple[Announced, ...]:
        configs = self._configs_of[device]
        return told_apart([s for config in configs for s in self._by_config[config] if s.device == device])

    def _of_device(self, device: str) -> dict[str, tuple[Announced, ...]]:
        """The sensors of one device by the topic of their state."""
        if device not in self._settled:
            by_state: dict[str, list[Announced]] = {}
            for sensor in self._told_apart(device):
                by_state.setdefault(sensor.state_topic, []).append(sensor)
            self._settled[device] = {topic: tuple(there) for topic, there in by_state.items()}
        return self._settled[device]

    def _too_much(self, topic: str, found: str, expected: str) -> PayloadRejected:
        self.refused += 1
        return PayloadRejected("the announcement is not kept", [Problem(topic, found, expected)])


def read_by(registry: Registry) -> Callable[[str], bool]:
    """Whether a decoder of this registry reads a topic, for `Announcements`.

    Shelly's pattern of a status fits topics of anybody: there its component decides.
    """

    def reads(topic: str) -> bool:
        try:
            decoder, envelope = registry.of_message(topic, b"", 0)
        except NotFound:
            return False
        component = envelope.levels.get("component")
        return decoder is not shelly.DECODER or component is None or shelly.measures(component)

    return reads
