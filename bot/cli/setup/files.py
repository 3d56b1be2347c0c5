"""Write what `setup` leaves behind besides .env: the first plain-bridge.toml and the app's link."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from bot.core.model import LabelType
from bot.settings.tables import Tables

_TOML_HEAD = """\
# Which reactions create a Plain thread, and how. `plain-bridge rules lint` checks this file;
# plain-bridge.example.toml, in Plain Bridge's repository, shows every key.
"""


@dataclass(frozen=True, slots=True)
class FirstRule:
    """The rule that setup writes; `channels` are ids or #names, none means all."""

    emoji: str
    labels: Sequence[LabelType] = ()
    channels: Sequence[str] = ()


def toml(rule: FirstRule, *, additions: bool) -> str:
    """Return plain-bridge.toml; `additions`: the messages of a Slack thread share a ticket."""
    lines = ["", "[[rule]]", f"emoji = {_toml_string(rule.emoji)}"]
    if rule.channels:
        lines.append(f"channels = [{', '.join(map(_toml_string, rule.channels))}]")
    if rule.labels:
        names = ", ".join(_printable(label.name) for label in rule.labels)
        ids = ", ".join(_toml_string(label.id) for label in rule.labels)
        lines.append(f"labels = [{ids}]  # {names}")
    if not additions:
        lines += ["", "[escalation]", 'one_thread_per = "message"']
    return _TOML_HEAD + "\n".join(lines) + "\n"


def mistake(rule: FirstRule) -> str | None:
    """Return what the settings find wrong with the emoji or a channel, or None."""
    try:
        checked(rule)
    except ValidationError as errors:
        error = errors.errors(include_url=False)[0]
        said = str(error.get("ctx", {}).get("error") or error["msg"])
        return f"{_printable(str(error['input']))} {said}."
    return None


def checked(rule: FirstRule) -> FirstRule:
    """Return the rule as the settings read it (a channel's link is its id). ValidationError."""
    (table,) = Tables.model_validate(tomllib.loads(toml(rule, additions=True))).rule or ()
    return replace(rule, emoji=table.emoji[0], channels=table.channels)


def _toml_string(value: str) -> str:
    # A basic string of TOML; `_line` left nothing that JSON would write in its own way.
    return json.dumps(_printable(value), ensure_ascii=False)


def _printable(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value)


LONGEST_LINK = 8000
"""Characters; longer addresses may be cut or refused on the way."""

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


def manifest_path() -> Path:
    """Return the manifest's path: inside the package in a wheel, next to it in a checkout."""
    package = Path(str(files("bot")))
    inside = package / "manifest.yml"
    return inside if inside.is_file() else package.parent / "manifest.yml"


def app_link(public_url: str | None = None) -> str:
    """Return the link that opens Slack's page with the manifest filled in.

    `public_url`: where Slack reaches the bridge over HTTP. The app still starts in Socket Mode:
    Slack checks its addresses when that is turned off, and by then the bridge can be running.
    https://docs.slack.dev/app-manifests/configuring-apps-with-app-manifests
    """
    return _NEW_APP + quote(manifest_text(public_url), safe="")


def app_page(public_url: str | None = None) -> str:
    """Return an HTML page that holds nothing but the link."""
    return _PAGE.format(link=escape(app_link(public_url)))


def manifest_text(public_url: str | None = None) -> str:
    """Return the manifest without its comments."""
    lines = manifest_path().read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    whole = "\n".join(kept) + "\n"
    return whole if public_url is None else whole.replace(_EXAMPLE, f"{public_url}/")


def public_url(given: str) -> str | None:
    """Return the address up to its host; None unless Slack could call it (https and a host)."""
    parts = urlsplit(given.strip())
    if parts.scheme != "https" or not _HOST.fullmatch(parts.netloc):
        return None
    return f"https://{parts.netloc}"
