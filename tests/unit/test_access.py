"""Who may do what."""

import base64

import pytest

from chowon.api.access import REMEMBERED_MS, Access, RememberedTokens
from chowon.errors import NotAllowed

LOCAL = {"host": "127.0.0.1:8420"}
SECRET = "the-token-of-the-server"


class Tokens:
    def __init__(self, **known: set[str]) -> None:
        self.known = {name: frozenset(scopes) for name, scopes in known.items()}

    def scopes(self, token: str) -> frozenset[str] | None:
        return self.known.get(token)

    def names(self) -> list[str]:
        return list(self.known)


def test_without_any_token_loopback_is_open():
    for host in ("127.0.0.1:8420", "localhost", "[::1]:8420"):
        Access(Tokens(), None).check({"host": host}, "admin")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8420", "192.0.2.1", ""])
def test_a_name_that_is_made_to_point_here_is_refused(host):
    with pytest.raises(NotAllowed, match="localhost"):
        Access(Tokens(), None).check({"host": host}, "read")


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:9999", "null"])
def test_pages_of_others_are_refused_even_with_a_token(origin):
    headers = LOCAL | {"origin": origin, "authorization": f"Bearer {SECRET}"}
    with pytest.raises(NotAllowed, match="pages of"):
        Access(Tokens(), SECRET).check(headers, "read")


def test_our_own_page_may_ask():
    Access(Tokens(), None).check(LOCAL | {"origin": "http://127.0.0.1:8420"}, "write")


def test_a_token_is_needed_as_soon_as_one_exists():
    for access in (Access(Tokens(), SECRET), Access(Tokens(meter={"write"}), None)):
        with pytest.raises(NotAllowed, match="Authorization"):
            access.check(LOCAL, "read")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {SECRET}"},
        {"authorization": f"Token {SECRET}"},
        {"authorization": f"Basic {base64.b64encode(f'anybody:{SECRET}'.encode()).decode()}"},
        {"sec-websocket-protocol": f"chowon.v1, chowon.token.{SECRET}"},
    ],
)
def test_the_token_of_the_server_may_do_everything(headers):
    Access(Tokens(), SECRET).check(LOCAL | headers, "admin")


def test_a_token_may_do_what_its_scopes_say_and_no_more():
    access = Access(Tokens(meter={"write"}, boss={"admin"}), None)
    access.check(LOCAL | {"authorization": "Bearer meter"}, "write")
    access.check(LOCAL | {"authorization": "Bearer boss"}, "read")
    with pytest.raises(NotAllowed, match="may not read"):
        access.check(LOCAL | {"authorization": "Bearer meter"}, "read")
    with pytest.raises(NotAllowed, match="unknown or revoked"):
        access.check(LOCAL | {"authorization": "Bearer wrong"}, "read")


def test_no_message_repeats_a_token():
    guesses = {"authorization": "Bearer guess-guess"}, {"sec-websocket-protocol": "chowon.token.guess"}
    for headers in guesses:
        with pytest.raises(NotAllowed) as error:
            Access(Tokens(), SECRET).check(LOCAL | headers, "read")
        assert "guess" not in str(error.value)
        assert SECRET not in str(error.value)


def test_a_revoked_token_stops_working_after_a_moment():
    book, now = Tokens(meter={"write"}, other={"read"}), [0]
    access = Access(RememberedTokens(book, lambda: now[0]), None)
    headers = LOCAL | {"authorization": "Bearer meter"}
    access.check(headers, "write")
    del book.known["meter"]
    now[0] = REMEMBERED_MS - 1
    access.check(headers, "write")
    now[0] = REMEMBERED_MS
    with pytest.raises(NotAllowed, match="unknown or revoked"):
        access.check(headers, "write")


def test_the_first_token_closes_the_door_after_a_moment():
    book, now = Tokens(), [0]
    access = Access(RememberedTokens(book, lambda: now[0]), None)
    access.check(LOCAL, "read")
    book.known["new"] = frozenset({"read"})
    now[0] = REMEMBERED_MS
    with pytest.raises(NotAllowed, match="a token is needed"):
        access.check(LOCAL, "read")


def test_a_dialect_may_carry_the_token_itself_and_the_header_goes_first():
    access = Access(Tokens(meter={"write"}), None)
    access.check(LOCAL, "write", "meter")
    with pytest.raises(NotAllowed, match="unknown or revoked"):
        access.check(LOCAL | {"authorization": "Bearer wrong"}, "write", "meter")
    for nothing in (None, ""):
        with pytest.raises(NotAllowed, match="a token is needed"):
            access.check(LOCAL, "write", nothing)


@pytest.mark.parametrize("credentials", ["", "no base64", "w6k=", base64.b64encode(b"only-a-name").decode()])
def test_basic_credentials_without_a_token_are_refused(credentials):
    with pytest.raises(NotAllowed):
        Access(Tokens(meter={"write"}), None).check(
            LOCAL | {"authorization": f"Basic {credentials}"}, "write"
        )


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_picture_on_a_page_of_others_cannot_write(site):
    with pytest.raises(NotAllowed, match="pages of others"):
        Access(Tokens(), None).check(LOCAL | {"sec-fetch-site": site}, "write")
    for own in ("same-origin", "none"):
        Access(Tokens(), None).check(LOCAL | {"sec-fetch-site": own}, "write")
