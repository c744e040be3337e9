"""Where a webhook may lead: not into the network that the server stands in, unless it was told so."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import Executor
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx

from engine.errors import InvalidValueError

_WRAPPED = (ip_network("64:ff9b::/96"), ip_network("::/96"))
"""IPv6 addresses that end in an IPv4 address, which is where they lead."""


_NOT_PUBLIC = (ip_network("fec0::/10"), ip_network("3fff::/20"), ip_network("192.88.99.0/24"))
"""Beside what Python knows not to be public: site-local, documentation, relays."""

LOOKUP_SECONDS = 5.0
MOST_ADDRESSES = 3


class RefusedAddressError(Exception):
    """A name leads where webhooks may not lead, or nowhere."""


def check_url(url: str, *, allows_private: bool) -> None:
    """Refuse what can be seen to be private before any name is looked up. Raises: InvalidValueError."""
    try:
        host = httpx.URL(url).host
    except (httpx.InvalidURL, UnicodeError) as error:
        raise InvalidValueError("url", url, f"is no address of the web: {error}") from None
    if allows_private:
        return
    try:
        is_private = not is_public(ip_address(host))
    except ValueError:
        is_private = host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    if is_private:
        problem = "is an address of a private network; start the server with --private-webhooks to allow it"
        raise InvalidValueError("url", url, problem)


async def addresses_of(host: str, port: int, *, allows_private: bool, threads: Executor) -> list[str]:
    """The addresses that a name has now, all of which are allowed, looked up in `threads`.

    Raises: RefusedAddressError.
    """
    try:
        looking = asyncio.get_running_loop().run_in_executor(threads, _looked_up, host, port)
        addresses = await asyncio.wait_for(looking, LOOKUP_SECONDS)
    except TimeoutError:
        raise RefusedAddressError(f"{host}: its address was not found within {LOOKUP_SECONDS:g} s") from None
    except (OSError, UnicodeError):
        raise RefusedAddressError(f"no address is known of {host}") from None
    for address in addresses:
        if not allows_private and not is_public(ip_address(address.partition("%")[0])):
            raise RefusedAddressError(f"{host} is {address}: an address of a private network")
    return addresses


def _looked_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))[:MOST_ADDRESSES]


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the public internet, of a single machine."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _WRAPPED):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
