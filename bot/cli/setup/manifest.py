"""The link that creates the Slack app, made of `manifest.yml`."""

from __future__ import annotations

import re
from html import escape
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote, urlsplit

LONGEST = 8000
"""Characters; longer addresses are cut or refused on the way."""

_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z0-9-]+(?::[0-9]{1,5})?", re.IGNORECASE)
_EXAMPLE = "https://bridge.example.com/"
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Create the Slack app of Plain Bridge</title>
<p><a href="{link}">Create the Slack app</a></p>
</html>
"""
_NEW_APP = "https://api.slack.com/apps?new_app=1&manifest_yaml="


def path() -> Path:
    """The manifest: inside the package in a wheel, beside it in a checkout."""
    package = Path(str(files("bot")))
    inside = package / "manifest.yml"
    return inside if inside.is_file() else package.parent / "manifest.yml"


def link(public_url: str | None = None) -> str:
    """The link that opens Slack's page with the manifest filled in.

    `public_url` is where Slack reaches the bridge over HTTP. The app begins with Socket Mode all
    the same: Slack looks at its addresses once that is turned off, and the bridge can be running
    then. https://docs.slack.dev/app-manifests/configuring-apps-with-app-manifests
    """
    return _NEW_APP + quote(text(public_url), safe="")


def page(public_url: str | None = None) -> str:
    """A page of HTML that holds nothing but the link."""
    return _PAGE.format(link=escape(link(public_url)))


def text(public_url: str | None = None) -> str:
    """The manifest without its comments."""
    lines = path().read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    whole = "\n".join(kept) + "\n"
    return whole if public_url is None else whole.replace(_EXAMPLE, f"{public_url}/")


def public_url(given: str) -> str | None:
    """The address up to its host, as `text` takes it; None where it is none that Slack would
    call (https, and a host)."""
    parts = urlsplit(given.strip())
    if parts.scheme != "https" or not _HOST.fullmatch(parts.netloc):
        return None
    return f"https://{parts.netloc}"
