"""`chowon enertalk check` says at which step a meter would fail."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chowon.ingest import enertalk_check
from chowon.ingest.enertalk_check import way
from chowon.ingest.enertalk_tls import PEM, VENDOR_HOST, server_context
from tests.ingest_fakes import TIMEOUT_S
from tests.system.programs import taken_port


def resolving_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(_: str, port: int, *__: object, **___: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def told(host: str, port: int) -> list[tuple[str, bool]]:
    return [(step.step, step.well) for step in way(host, port)]


@contextmanager
def answering(folder: Path, answer: bytes) -> Iterator[int]:
    """Somebody who speaks the old TLS, and says this to a hello."""
    context = server_context(folder / PEM)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT_S)

        def serve() -> None:
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as secure:
                secure.recv(100)
                secure.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_the_vendors_own_address_is_not_followed(monkeypatch):
    resolving_to("8.8.8.8", monkeypatch)

    def never(*_: object) -> None:
        pytest.fail("the vendor was called")

    monkeypatch.setattr(socket, "create_connection", never)
    assert told(VENDOR_HOST, 5010) == [("name", False)]


def test_a_name_turned_round_is_followed_home(monkeypatch, tmp_path):
    with answering(tmp_path, bytes.fromhex("0380000820000000")) as port:
        resolving_to("127.0.0.1", monkeypatch)
        steps = told(VENDOR_HOST, port)
    assert steps == [("name", True), ("network", True), ("TLS", True), ("hello", True)]


def test_a_name_that_nobody_knows_is_said(monkeypatch):
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert told("nowhere.invalid", 5010) == [("name", False)]


def test_a_port_where_nobody_listens_is_said():
    with taken_port() as port:
        pass
    assert told("127.0.0.1", port) == [("name", True), ("network", False)]


def test_somebody_who_is_silent_instead_of_tls_is_said(monkeypatch):
    monkeypatch.setattr(enertalk_check, "STEP_S", 0.1)
    with taken_port() as port:
        assert told("127.0.0.1", port)[-1] == ("TLS", False)


@pytest.mark.parametrize("answer", [b"", b"\x03\x80", b"HTTP/1.1 400"], ids=["nothing", "half", "HTTP"])
def test_an_answer_that_is_no_acknowledgement_is_said(tmp_path, answer):
    with answering(tmp_path, answer) as port:
        steps = told("127.0.0.1", port)
    assert steps[-2:] == [("TLS", True), ("hello", False)]


def test_todays_tls_alone_is_said(tmp_path):
    modern = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context(tmp_path / PEM)
    modern.load_cert_chain(tmp_path / PEM)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT_S)

        def serve() -> None:
            plain, _ = listener.accept()
            with plain, pytest.raises(ssl.SSLError):
                modern.wrap_socket(plain, server_side=True)

        thread = threading.Thread(target=serve)
        thread.start()
        assert told("127.0.0.1", listener.getsockname()[1])[-1] == ("TLS", False)
        thread.join()
