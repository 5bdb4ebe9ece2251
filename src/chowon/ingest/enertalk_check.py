"""Going the way of an EnerTalk meter, step by step: name, network, TLS 1.0, an acknowledged hello.

The hello names no meter and carries no reading: no meter appears by it.
"""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from chowon.ingest.enertalk_tls import VENDOR_HOST, client_context
from chowon.meters import enertalk

STEP_S: Final = 10.0
_NOBODY: Final = "00" * 10


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way."""

    step: str
    well: bool
    said: str


def way(host: str, port: int) -> Iterator[Step]:
    """The steps up to the first that fails. The vendor's name is followed into one's own network only."""
    try:
        address = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        yield Step("name", False, f"{host} is not known here ({error.strerror or error})")
        return
    if host == VENDOR_HOST and ip_address(address.partition("%")[0]).is_global:
        yield Step(
            "name", False, f"{host} is {address}, which is not yours: the router does not turn it round"
        )
        return
    yield Step("name", True, f"{host} is {address}")
    try:
        plain = socket.create_connection((address, port), STEP_S)
    except OSError as error:
        yield Step("network", False, f"no answer at {address} port {port} ({error.strerror or error})")
        return
    yield Step("network", True, f"something listens at {address} port {port}")
    with plain:
        yield from _over_tls(plain)


def _over_tls(plain: socket.socket) -> Iterator[Step]:
    try:
        secure = client_context().wrap_socket(plain)
    except OSError as error:  # ssl.SSLError is one
        yield Step("TLS", False, f"no {ssl.TLSVersion.TLSv1.name} here: {error.strerror or error}")
        return
    with secure:
        cipher = secure.cipher()
        yield Step("TLS", True, f"{secure.version()} with {cipher[0] if cipher else 'no cipher'}")
        hello = enertalk.hello(_NOBODY)
        expected = enertalk.acknowledgement(hello)
        try:
            secure.sendall(hello)
            answer = _read(secure, len(expected))
        except OSError as error:
            yield Step("hello", False, f"no acknowledgement: {error}")
            return
        if answer != expected:
            yield Step("hello", False, f"an answer that is no acknowledgement: {answer.hex(' ')}")
        else:
            yield Step("hello", True, "acknowledged: a meter that comes this way is served")


def _read(secure: ssl.SSLSocket, size: int) -> bytes:
    got = b""
    while len(got) < size and (part := secure.recv(size - len(got))):
        got += part
    return got
