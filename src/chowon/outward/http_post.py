"""One HTTP POST with one deadline over all of it: connecting, TLS, sending and the answer's status.

The standard library's clients block a thread and have a deadline for each step only, so a server that drips
its answer can hold them for ever. This asks for no more than it needs: HTTP/1.1, the status line, goodbye.
Redirections are not followed: what is signed for one address is for nobody else.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from chowon.errors import Misconfigured, Unavailable, shortened

_PORTS: Final = {"http": 80, "https": 443}


async def post(url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> int:
    """The status of the answer.

    Errors: Misconfigured for what is no http(s) address; Unavailable: unreachable, too slow, no HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or parts.hostname is None:
        raise Misconfigured("a webhook's url must be http:// or https://")
    try:
        async with asyncio.timeout(timeout_s):
            return await _asked(parts, parts.hostname, headers, body)
    except TimeoutError:
        raise Unavailable(f"no answer within {timeout_s:g} s") from None
    except (OSError, EOFError, ValueError) as error:  # ssl.SSLError is an OSError
        raise Unavailable(f"{type(error).__name__}: {shortened(str(error), 120)}") from error


async def _asked(parts: SplitResult, host: str, headers: Mapping[str, str], body: bytes) -> int:
    secure = ssl.create_default_context() if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(host, parts.port or _PORTS[parts.scheme], ssl=secure)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        always = {"Host": parts.netloc, "Content-Length": str(len(body)), "Connection": "close"}
        lines = [
            f"POST {path} HTTP/1.1",
            *(f"{name}: {text}" for name, text in {**always, **headers}.items()),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
        with contextlib.suppress(ConnectionError):  # it may answer and close before it has read all
            await writer.drain()
        return _status(await reader.readline())
    finally:
        writer.transport.abort()  # nothing more is wanted of it, and a polite end may hang


def _status(line: bytes) -> int:
    words = line.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise ValueError(f"no HTTP: {line[:40]!r}" if line else "hung up without an answer")
    return int(words[1])
