"""Real MQTT brokers on free loopback ports, and mosquitto_pub as a meter that is not ours."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chowon.ingest.broker import Address, EmbeddedBroker, EmbeddedSettings

MOSQUITTO = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
needs_mosquitto = pytest.mark.skipif(
    (MOSQUITTO is None or shutil.which("mosquitto_pub") is None) and os.environ.get("CI") != "true",
    reason="mosquitto and mosquitto-clients are not installed (apt-get install mosquitto mosquitto-clients)",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def mosquitto(folder: Path, port: int | None = None) -> Iterator[Address]:
    """A Mosquitto that keeps its sessions in the folder when it is stopped."""
    assert MOSQUITTO is not None, "CI must install mosquitto"
    port = port or free_port()
    config = folder / "mosquitto.conf"
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "max_queued_messages 0",
        "log_dest stderr",
        "log_type all",
    ]
    user = ["user root"] if os.geteuid() == 0 else []
    persistence = ["persistence true", f"persistence_location {folder}/"]
    config.write_text("\n".join([*lines, *user, *persistence]) + "\n")
    process = subprocess.Popen([MOSQUITTO, "-c", str(config)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said: list[str] = []
    reader = threading.Thread(target=process.stderr.read)
    try:
        for line in process.stderr:
            said.append(line)
            if "running" in line:
                break
        assert process.poll() is None, "".join(said)
        reader.start()  # it goes on talking; a full pipe would stop it
        yield Address("127.0.0.1", port)
    finally:
        process.terminate()
        process.wait(10)
        reader.join(10)
        process.stderr.close()


@contextmanager
def embedded() -> Iterator[Address]:
    broker = EmbeddedBroker(EmbeddedSettings(port=0))
    address = broker.start()
    try:
        yield address
    finally:
        broker.stop()


def publish(address: Address, topic: str, *payloads: str, options: tuple[str, ...] = ()) -> None:
    """Each payload as one QoS 1 message, in order; returns when the broker has them all."""
    command = ["mosquitto_pub", "-h", address.host, "-p", str(address.port), "-q", "1", "-t", topic, "-l"]
    text = "".join(f"{payload}\n" for payload in payloads)
    subprocess.run([*command, *options], input=text, text=True, check=True, timeout=20, capture_output=True)
