"""Check links: which addresses may become one, and which labels would deceive a reader."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit

from bot.core.text.plaintext import units

LONGEST = 2_000
"""UTF-16 units; a longer address is shown as text, so that a link always fits into one piece."""

_WEB = ("http", "https")
_ADDRESS = ("mailto", "tel")
# No scheme is as long; without a bound, each character of a long word begins a search of its own.
_URL_IN_WORDS = re.compile(r"(?:[a-z][a-z0-9+.-]{0,30}://|www\.|mailto:)\S+", re.IGNORECASE)
_HOST_AS_WORDS = re.compile(
    r"(?:[^\s/@:]+@)?(?:[\w-]+\.)+[^\W\d_]{2,}(?::\d+)?(?:[/?#]\S*)?", re.IGNORECASE
)
_TURNS_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")


def safe(url: str) -> bool:
    """Return True if `url` may become a link: http, https, mailto or tel, and not too long."""
    parts = _split(url)
    if parts is None or units(url) > LONGEST or any(character.isspace() for character in url):
        return False
    if parts.scheme in _WEB:
        return bool(parts.hostname)
    return parts.scheme in _ADDRESS and bool(parts.path)


def words(url: str) -> str:
    """Return the text of a link without a label: the address, without `mailto:` or `tel:`."""
    scheme, colon, rest = url.partition(":")
    return rest if colon and rest and scheme.lower() in _ADDRESS else url


def honest(label: str, url: str) -> bool:
    """Return True unless `label` looks like another address than `url`."""
    if _TURNS_DIRECTION.search(label):
        return False
    label = label.strip()
    seen = _URL_IN_WORDS.findall(label)
    if _HOST_AS_WORDS.fullmatch(label):
        seen.append(label)
    return all(_agrees(one, url) for one in seen)


def _agrees(seen: str, url: str) -> bool:
    """Return True if `seen`, an address or the beginning of one, is where `url` leads."""
    target = _split(url)
    seen = seen.rstrip(".…,;:!?)>]\"'")
    if target is None or target.scheme in _ADDRESS:
        address = words(url).partition("?")[0]
        return words(seen).casefold() == unquote(address).casefold()
    if "@" in seen and "://" not in seen:
        return False
    shown = _split(seen if "://" in seen else f"http://{seen}")
    if shown is None or _host(shown) != _host(target):
        return False
    return _rest(target).startswith(_rest(shown).rstrip("/"))


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").removeprefix("www.")


def _rest(parts: SplitResult) -> str:
    """Return the part after the host, as a person reads it."""
    return unquote(parts._replace(scheme="", netloc="").geturl()).casefold()


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts
