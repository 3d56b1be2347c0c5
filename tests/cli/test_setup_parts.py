"""What `setup` is made of: kinds of secrets, the manifest's link, public addresses."""

from __future__ import annotations

from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from bot.cli.setup import files, variables


@pytest.mark.parametrize(
    ("variable", "text", "mistake"),
    [
        ("SLACK_BOT_TOKEN", "xoxb-1-a", None),
        ("SLACK_BOT_TOKEN", "xoxe.xoxb-1-a", None),
        ("SLACK_BOT_TOKEN", "xoxe-1-a", "This is a refresh token"),
        ("SLACK_BOT_TOKEN", "xoxc-1", "This is another kind of Slack token"),
        ("SLACK_BOT_TOKEN", "hello", "This is something else"),
        ("SLACK_BOT_TOKEN", "xoxb-1 a", "This contains a space"),
        ("SLACK_BOT_TOKEN", "", "Nothing was given"),
        ("SLACK_APP_TOKEN", "xapp-1-A1-2-f", None),
        ("SLACK_APP_TOKEN", "0123456789abcdef0123456789abcdef", "This is a Signing Secret or"),
        ("SLACK_SIGNING_SECRET", "0123456789abcdef0123456789abcdef", None),
        ("SLACK_SIGNING_SECRET", "xoxb-1-a", "This is a bot token"),
        ("SLACK_SIGNING_SECRET", "1234567890.1234567890", "This is the app's Client ID"),
        ("SLACK_SIGNING_SECRET", "A012345678", "This is the app's App ID"),
        ("PLAIN_API_KEY", "plainApiKey_x", None),
        ("PLAIN_API_KEY", "https://app.plain.com/", "This is a web address"),
    ],
)
def test_what_was_pasted(variable: str, text: str, mistake: str | None) -> None:
    found = variables.mistake(variable, text)
    assert (found is None) == (mistake is None)
    if mistake is not None:
        assert found is not None
        assert found.startswith(mistake)
        assert not text or text not in found


def test_a_doubtful_signing_secret() -> None:
    assert variables.suspicion("signing-secret-test") is not None
    assert variables.suspicion("0" * 32) is None


def test_the_link_holds_the_manifest() -> None:
    link = files.app_link("https://bridge.acme.com")
    assert len(link) < files.LONGEST_LINK
    ((sent,), new) = (parse_qs(urlsplit(link).query)[name] for name in ("manifest_yaml", "new_app"))
    assert new == ["1"]
    whole = yaml.safe_load(files.manifest_path().read_text(encoding="utf-8"))
    expected = yaml.safe_load(
        yaml.safe_dump(whole).replace("bridge.example.com", "bridge.acme.com")
    )
    assert yaml.safe_load(sent) == expected
    assert "#" not in sent.replace('"#1b3a2f"', "")


def test_the_page_leads_to_the_same_place() -> None:
    page = files.app_page("https://bridge.acme.com")
    assert unescape(page.partition('href="')[2].partition('"')[0]) == files.app_link(
        "https://bridge.acme.com"
    )


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://bridge.acme.com", "https://bridge.acme.com"),
        (" https://bridge.acme.com:8443/slack/events ", "https://bridge.acme.com:8443"),
        ("http://bridge.acme.com", None),
        ("https://localhost", None),
        ("https://u:p@bridge.acme.com", None),
        ("bridge.acme.com", None),
        ("", None),
    ],
)
def test_public_addresses(given: str, url: str | None) -> None:
    assert files.public_url(given) == url
