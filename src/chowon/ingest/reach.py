"""Whether an address or a serial device can be opened, and in plain words why not."""

import asyncio
import contextlib
import errno
import grp
import ipaddress
import os
import pwd
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chowon.ingest.trouble import SourceTrouble

CONNECT_S: Final = 5.0
_NO_WAY: Final = frozenset((errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EADDRNOTAVAIL))


def host_and_port(tcp: str) -> tuple[str, int]:
    """The parts of "host:port" or "[IPv6]:port"."""
    host, _, port = tcp.rpartition(":")
    return host.strip("[]"), int(port)


def bracketed(host: str) -> str:
    """As it stands in front of a port."""
    return f"[{host}]" if ":" in host else host


async def near_address(host: str) -> str:
    """An IP address of this host in a private network, this machine or a link; never one in the internet.

    Errors: SourceTrouble — no such name, or an address that anybody may reach.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise SourceTrouble("unknown_host", host=host) from error
    addresses = [str(at[4][0]) for at in found]
    if not addresses or not all(map(is_near, addresses)):
        raise SourceTrouble("internet", host=host)
    return addresses[0]


def is_near(address: str) -> bool:
    """Whether an IP address lies in a private network, on a link or on this machine."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = ip if mapped is None else mapped
    return not (ip.is_global or ip.is_multicast or ip.is_unspecified or str(ip) == "255.255.255.255")


async def reach(host: str, port: int, within_s: float = CONNECT_S) -> None:
    """Returns when something accepts a connection there. Errors: SourceTrouble, saying why nothing does."""
    where = f"{bracketed(host)}:{port}"
    try:
        async with asyncio.timeout(within_s):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        raise SourceTrouble("no_answer", where=where, s=f"{within_s:g}") from None
    except OSError as error:
        raise unreachable(where, error) from error
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            await writer.wait_closed()


def unreachable(where: str, error: OSError) -> SourceTrouble:
    """Why a connection to host:port failed."""
    if isinstance(error, socket.gaierror):
        return SourceTrouble("unknown_host", host=where.rpartition(":")[0])
    if error.errno == errno.ECONNREFUSED or "refused" in str(error).lower():
        return SourceTrouble("refused", where=where)
    if error.errno in _NO_WAY:
        return SourceTrouble("no_way", where=where)
    return SourceTrouble("no_connection", where=where, why=error.strerror or str(error))


def unopened(path: str, error: OSError | ValueError) -> SourceTrouble:
    """Why a serial device could not be opened."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT or not Path(path).exists():
        return SourceTrouble("no_port", path=path)
    if number in (errno.EACCES, errno.EPERM):
        user, group = _user(), _group(path)
        return SourceTrouble("no_permission", path=path, user=user, group=group)
    if number in (errno.EBUSY, errno.EAGAIN):
        return SourceTrouble("busy", path=path)
    if number in (errno.ENOTTY, errno.EINVAL):
        return SourceTrouble("no_line", path=path)
    return SourceTrouble("line_failed", path=path, why=getattr(error, "strerror", None) or str(error))


def openable(path: str) -> None:
    """Returns when this process may open the serial device. Errors: SourceTrouble, saying why not."""
    try:
        number = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise unopened(path, error) from error
    try:
        if not os.isatty(number):
            raise SourceTrouble("no_line", path=path)
    finally:
        os.close(number)


def serial_devices(further: Sequence[str] = ()) -> list[str]:
    """The serial devices of this machine, by their lasting names where there are any. further: others."""
    found: dict[str, str] = {}
    for path in further:
        found.setdefault(os.path.realpath(path), path)
    for pattern in ("serial/by-id/*", "ttyUSB*", "ttyACM*", "ttyAMA*"):
        for device in sorted(Path("/dev").glob(pattern)):
            found.setdefault(os.path.realpath(device), str(device))
    return list(found.values())


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _group(path: str) -> str:
    """Whose members may use a device: mostly dialout."""
    try:
        return grp.getgrgid(Path(path).stat().st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"
