"""A stand-in for an EnerTalk meter, over real TLS 1.0: in a test, or as a process of its own.

As a process, `python -m tests.enertalk_meter PORT FIRST_MS`: it says hello, then sends one frame after
another, stamped a second apart, the next as soon as the last is acknowledged. What is not acknowledged it
sends again, on a new connection. For each acknowledged frame it writes its stamp to stdout, one a line.
"""

import socket
import ssl
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from chowon.ingest.enertalk_tls import client_context
from chowon.meters import enertalk
from chowon.meters.enertalk import Telemetry

DEVICE = "8472072400010203a4b5"
SAMPLES = 15
ANSWER_S = 20.0
AGAIN_S = 0.05


def power_mw(time_ms: int) -> np.ndarray:
    """What it measures, told by the stamp: so that a stored value shows that it is the sent one."""
    return (time_ms // 1_000 * 7_919) % 5_000_000 + np.arange(SAMPLES) * 100


def frame(time_ms: int, device: str = DEVICE, mark: int = 0) -> bytes:
    """A frame of 312 bytes."""
    told = Telemetry(
        device=device,
        time_ms=time_ms,
        frequency_chz=6_001,
        voltage_mv=220_500,
        current_ma=4_200,
        energy_milliwh=time_ms // 1_000,
        power_mw=power_mw(time_ms),
        reactive_var=np.full(SAMPLES, -40),
    )
    return enertalk.telemetry(told, mark)


class Connection:
    """One TLS 1.0 connection."""

    def __init__(self, port: int) -> None:
        plain = socket.create_connection(("127.0.0.1", port), ANSWER_S)
        try:
            self._tls = client_context().wrap_socket(plain)
        except BaseException:
            plain.close()
            raise
        self.version = self._tls.version()
        self.cipher = self._tls.cipher()

    def close(self) -> None:
        self._tls.close()

    def send(self, payload: bytes) -> None:
        self._tls.sendall(payload)

    def answer(self) -> bytes:
        """The next whole frame; ConnectionError when the other side leaves."""
        header = self._read(enertalk.HEADER_BYTES)
        return header + self._read(enertalk.size_of(header) - enertalk.HEADER_BYTES)

    def asked(self, payload: bytes) -> bytes:
        self.send(payload)
        return self.answer()

    def ended(self) -> bool:
        """Whether the other side has closed, without a word more."""
        try:
            return self._tls.recv(1) == b""
        except (ConnectionError, ssl.SSLError):
            return True

    def _read(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            part = self._tls.recv(size - len(got))
            if not part:
                raise ConnectionError("the server has left")
            got += part
        return got


@contextmanager
def connected(port: int) -> Iterator[Connection]:
    connection = Connection(port)
    try:
        yield connection
    finally:
        connection.close()


def send_for_ever(port: int, first_ms: int) -> None:
    """One frame after another; never one twice that was acknowledged."""
    time_ms = first_ms
    while True:
        try:
            with connected(port) as connection:
                assert connection.asked(enertalk.hello(DEVICE, 1)) == bytes.fromhex("0380000821000000")
                first = True
                while True:
                    mark = time_ms // 1_000 % 256
                    got = connection.asked(frame(time_ms, mark=mark))
                    assert len(got) == (16 if first else 8), got.hex()
                    assert struct.unpack(">BBHB", got[:5]) == (3, 0x80, len(got), (mark + 0x20) % 256)
                    print(time_ms, flush=True)
                    first, time_ms = False, time_ms + 1_000
        except (OSError, ConnectionError):
            threading.Event().wait(AGAIN_S)


if __name__ == "__main__":
    send_for_ever(int(sys.argv[1]), int(sys.argv[2]))
