"""Whose call it is by network: the address that rate limits count."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

UNKNOWN = "unknown"
# One household or phone gets a whole /64; counting single addresses of it would count nobody.
IPV6_PREFIX = 64


class Addresses:
    """Reads a caller's address; `X-Forwarded-For` counts as far as trusted proxies wrote it."""

    def __init__(self, trusted_proxies: tuple[str, ...]) -> None:
        self._trusted = tuple(ip_network(network) for network in trusted_proxies)

    def of(self, scope: Scope) -> str:
        """The caller's address, an IPv6 one as its /64 network; "unknown" for none (a pipe)."""
        client = scope.get("client")
        address = _parse(client[0]) if client else None
        if address is None:
            return UNKNOWN
        if self._trusted:
            address = self._behind_proxies(address, scope)
        if isinstance(address, IPv6Address):
            return str(ip_network((address, IPV6_PREFIX), strict=False))
        return str(address)

    def _behind_proxies(
        self, address: IPv4Address | IPv6Address, scope: Scope
    ) -> IPv4Address | IPv6Address:
        """The first hop from the right that is no trusted proxy; what stands left may be a lie."""
        hops = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
        while self._is_trusted(address) and hops:
            hop = _parse(hops.pop().strip())
            if hop is None:
                break
            address = hop
        return address

    def _is_trusted(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
