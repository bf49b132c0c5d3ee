"""Who asks: the peer of the connection, or what the trusted proxies in front say of it."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

NEIGHBOURS = 64  # bits of an IPv6 address that are one client's: the rest it can change at will


def client_of(scope: Scope, hops: int) -> str:
    """Give the address of a client, behind so many proxies that each append the address they see.

    Of X-Forwarded-For only as many entries count, from its end: what a client itself puts there stands before
    them. Where the header is shorter or not an address, the peer is the client.
    """
    peer = scope["client"][0] if scope.get("client") else ""
    lines = Headers(scope=scope).getlist("x-forwarded-for") if hops else []
    seen = [entry.strip() for entry in ",".join(lines).split(",")]
    forwarded = _network(seen[-hops]) if 0 < hops <= len(seen) else None
    return forwarded or _network(peer) or peer


@lru_cache(maxsize=1_024)  # the same few ask again and again
def _network(text: str) -> str | None:
    """Give an address in one way of writing it, of IPv6 its network; None for anything else."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(ip_network((address, NEIGHBOURS), strict=False))
        address = address.ipv4_mapped
    return str(address)
