"""Which addresses may be connected to, checked after the name is resolved and kept for the connection.

A name that resolves to a public address when it is checked and to 127.0.0.1 when it is used would get around
any check of names. So there is one place that resolves, checks, and connects to what it has checked.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import httpcore

from copilot.domain.errors import InvalidInput

Address = IPv4Address | IPv6Address
AddressRule = Callable[[Address], bool]
"""Whether an address may be connected to. Chosen in code: there is no setting for it."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def only_public(address: Address) -> bool:
    """Only what the whole internet can reach: no loopback, private, link-local or shared range."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return only_public(inner)
    return address.is_global and not address.is_multicast


class CheckedBackend(httpcore.NetworkBackend):
    """Connects only where `allowed` says so. Raises `InvalidInput` for an address that is not."""

    def __init__(self, allowed: AddressRule) -> None:
        self._allowed = allowed
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in self._checked(host, port):
            try:
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address")

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:  # noqa: ANN401
        raise InvalidInput("a source is not a socket on this machine.")

    def _checked(self, host: str, port: int) -> list[str]:
        """All addresses of the name. One that is not allowed condemns the name."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name {host} cannot be resolved") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            if not self._allowed(ipaddress.ip_address(address.partition("%")[0])):
                raise InvalidInput(
                    f"{host} is at {address}, which is not a public address.",
                    hint="Sources are read from the internet only; ingest a folder of files instead.",
                    where=host,
                )
        return addresses
