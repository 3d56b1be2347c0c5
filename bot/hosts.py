"""Distinguish this machine and private networks from the rest of the internet."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def is_this_machine(host: str) -> bool:
    """Return whether `host` leads to this machine, by address or by a name under `.localhost`.

    https://www.rfc-editor.org/rfc/rfc6761#section-6.3
    """
    return is_loopback(host) or host.endswith(".localhost")


def is_internal(host: str) -> bool:
    """Return whether `host` leads to this machine or to an address that is not public."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return is_this_machine(host)
