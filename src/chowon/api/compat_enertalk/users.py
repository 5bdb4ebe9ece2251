"""GET /users/me: chowon knows no users; whoever holds the token."""

from fastapi import APIRouter, Response

from chowon.api.compat_enertalk.answers import Thing, answer

router = APIRouter()


class User(Thing, frozen=True):
    """The holder of the token."""

    id: str
    name: str
    email: str | None = None


@router.get("/users/me")
async def me() -> Response:
    """The holder of the token, by a name that is the same for all."""
    return answer(User("chowon", "chowon"))
