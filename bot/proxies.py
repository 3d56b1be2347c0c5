"""Find proxies in the environment, the same for Slack and for Plain.

The variables are those that curl reads: https://curl.se/docs/manpage.html#ENVIRONMENT. slack_sdk
and httpx read them in two ways of their own, which differ.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import SplitResult, urlsplit

from bot.hosts import is_this_machine

Environ = Mapping[str, str]

_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_PORTS = {"http": 80, "https": 443}
_BRACKETED = re.compile(r"\[([^\]]+)\](?::(\d+))?")


class ProxyMistake(ValueError):
    """A variable names no usable proxy. The text says why, without the variable's value."""


def of(url: str, environ: Environ | None = None) -> str | None:
    """Return the address of the proxy for `url`; None if it is reached directly.

    The scheme's own variable goes before ALL_PROXY, and the lowercase name before the other.
    This machine is always reached directly. Raises ProxyMistake.
    """
    environ = os.environ if environ is None else environ
    parts = urlsplit(url)
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.hostname or is_this_machine(parts.hostname):
        return None
    if _is_excepted(parts, scheme, environ):
        return None
    for kind in (scheme, "all"):
        name, value = _variable(f"{kind}_proxy", environ)
        if value:
            return _checked(name, value)
    return None


def mistakes(urls: Iterable[str], environ: Environ) -> Iterator[str]:
    """Yield what is wrong with the variables, as far as it concerns requests to `urls`."""
    name, value = _variable("no_proxy", environ)
    for entry in _entries(value):
        if "/" in entry and "://" not in entry and _network(entry) is None:
            yield f"`{name}`: {entry!r} is no network: write one as 10.0.0.0/8 or fd00::/8"
    found = set()
    for url in urls:
        try:
            of(url, environ)
        except ProxyMistake as mistake:
            found.add(str(mistake))
    yield from sorted(found)


def _variable(name: str, environ: Environ) -> tuple[str, str]:
    """Return the variable's name as it is set, and its value; an empty one where it is not."""
    for spelled in (name, name.upper()):
        if spelled in environ:
            return spelled, environ[spelled].strip()
    return name.upper(), ""


def _checked(name: str, value: str) -> str:
    address = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(address)
        is_one = bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, is_one = SplitResult("", "", "", "", ""), False
    if parts.scheme.startswith("socks"):
        raise ProxyMistake(
            f"`{name}` names a SOCKS proxy, which the bridge cannot use: set HTTPS_PROXY to an "
            "HTTP proxy (http://HOST:PORT), or unset it"
        )
    if not is_one or parts.scheme not in _PORTS or re.search(r"[\s\"'<>]", address):
        raise ProxyMistake(
            f"`{name}` is no address of a proxy: write http://HOST:PORT, without quotation marks"
        )
    return address


def _is_excepted(parts: SplitResult, scheme: str, environ: Environ) -> bool:
    """Return whether NO_PROXY names the host: by name, domain, address or network, or all by *."""
    host = (parts.hostname or "").rstrip(".")
    port = str(parts.port or _PORTS[scheme])
    _, value = _variable("no_proxy", environ)
    return any(
        wanted == "*" or (at in (None, port) and _matches(host, wanted))
        for wanted, at in map(_host_and_port, _entries(value))
    )


def _entries(value: str) -> list[str]:
    return [entry for entry in re.split(r"[,\s]+", value.lower()) if entry]


def _host_and_port(entry: str) -> tuple[str, str | None]:
    entry = entry.partition("://")[2] or entry
    if found := _BRACKETED.fullmatch(entry):
        return found[1], found[2]
    if entry.count(":") == 1:
        host, _, port = entry.partition(":")
        return host, port
    return entry, None


def _matches(host: str, wanted: str) -> bool:
    network = _network(wanted)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        domain = wanted.removeprefix("*").removeprefix(".").rstrip(".")
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))
    return network is not None and address in network


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the network, of which one address may be all; None where it is none."""
    try:
        return ipaddress.ip_network(text.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return None
