"""The address of a client: the connection's peer, or the address that trusted proxies forwarded."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

IPV6_PREFIX = 64  # bits that identify a client, which can choose the rest of its address freely


def client_address(scope: Scope, hops: int) -> str:
    """Return the address of the client behind `hops` proxies, each of which appends the address it sees.

    Only the last `hops` entries of X-Forwarded-For are trusted: a client can put anything before them. If the
    header is shorter, or its entry is no address, the peer is the client.
    """
    peer = scope["client"][0] if scope.get("client") else ""
    lines = Headers(scope=scope).getlist("x-forwarded-for") if hops else []
    entries = [entry.strip() for entry in ",".join(lines).split(",")]
    forwarded = _normalised(entries[-hops]) if 0 < hops <= len(entries) else None
    return forwarded or _normalised(peer) or peer


@lru_cache(maxsize=1_024)  # most requests come from few clients
def _normalised(text: str) -> str | None:
    """Return an IPv4 address in canonical form, or the network of an IPv6 one; None if it is no address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(ip_network((address, IPV6_PREFIX), strict=False))
        address = address.ipv4_mapped
    return str(address)
