"""Web addresses: absolute URLs of http and https."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from ingest.values.refused import RefusedValueError
from ingest.values.text import text

URL_MAX_CHARACTERS = 2_048
_EXAMPLE = "write it as https://example.com/page"

# Blanks, control characters, and the marks that turn the direction of what follows, so that a URL reads as another.
_REFUSED_CHARACTER = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_MARK = re.compile(r'[<>"\\]')
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:[^@\[\]]*@)?(\[[^\]@]*\]|[^:@\[\]]*)(?::([0-9]*))?")
_LABEL = re.compile(r"[\w](?:[\w-]{0,61}[\w])?")
# Letters and digits of ASCII, and a last label that is no number: what needs no second look.
ORDINARY_URL = r"https?://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,4}[a-z]{2,63}(?:[/?#][!#-;=?-\[\]^-~]*)?"
_is_ordinary = re.compile(ORDINARY_URL, re.IGNORECASE).fullmatch


def url(value: object) -> str:
    """The URL in NFC, and else as it was given.

    Raises: RefusedValueError for what is not an absolute URL of http or https with a host, for blanks and control
    characters, and for more than 2,048 characters.
    """
    address = text(value)
    if len(address) > URL_MAX_CHARACTERS:
        raise RefusedValueError(f"is longer than the limit of {URL_MAX_CHARACTERS:,} characters")
    if _is_ordinary(address):
        return address
    _check(address)
    return address


def _check(address: str) -> None:
    """Raises: RefusedValueError for what is not a URL."""
    if not address:
        raise RefusedValueError("is empty; give null to remove the value")
    if _REFUSED_CHARACTER.search(address):
        raise RefusedValueError("holds a blank or a control character; write blanks as %20")
    if mark := _MARK.search(address):
        raise RefusedValueError(f"holds {mark[0]!r}, which a URL cannot; write it as %{ord(mark[0]):02X}")
    parts = _ABSOLUTE.fullmatch(address)
    if parts is None:
        if _SCHEME.match(address) and not re.match("https?:", address, re.IGNORECASE):
            raise RefusedValueError(f"is not a URL of http or https; {_EXAMPLE}")
        raise RefusedValueError(f"is not an absolute URL; {_EXAMPLE}")
    authority = _AUTHORITY.fullmatch(parts[1])
    if authority is None:
        raise RefusedValueError(f"has no host that can be read; {_EXAMPLE}")
    host, port = authority[1], authority[2]
    if not host:
        raise RefusedValueError(f"has no host; {_EXAMPLE}")
    if not _is_host(host):
        raise RefusedValueError(f"has the host {host!r}, which is no name and no address; {_EXAMPLE}")
    if port and (len(port) > 5 or int(port) > 65_535):
        raise RefusedValueError("has a port beyond 65535; correct it or leave it out")


def _is_host(host: str) -> bool:
    """Whether it is a name or an address of the internet."""
    try:
        if host.startswith("["):
            return bool(IPv6Address(host[1:-1]))
        labels = host.removesuffix(".").split(".")
        if labels[-1].isdecimal():  # browsers take every such host for an IPv4 address
            return bool(IPv4Address(host))
    except AddressValueError:
        return False
    return len(host) <= 253 and all(map(_LABEL.fullmatch, labels))
