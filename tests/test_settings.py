"""The settings: where they come from, what they default to, and which are needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.core.directory import UserKind
from bot.core.model import Priority, Rule
from bot.settings import DEFAULT_RULES, SettingsError, load
from tests.loading import loaded

ROOT = Path(__file__).resolve().parent.parent


# Where they come from


def test_defaults(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    assert settings.rules == DEFAULT_RULES == (Rule(emoji=("ticket",)),)
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.plain_api_url == "https://core-api.uk.plain.com/graphql/v1"
    assert settings.database_url.get_secret_value() == "sqlite:///plain-bridge.db"
    assert (settings.host, settings.port) == ("127.0.0.1", 3000)
    assert (settings.log_level, settings.log_format) == ("INFO", "console")
    assert settings.escalation.one_thread_per == "slack_thread"
    assert settings.escalation.who == (UserKind.MEMBER,)
    assert settings.escalation.confirm == "ephemeral"
    assert settings.escalation.receipt == "incoming_envelope"
    assert settings.escalation.undo_by_reaction is False
    assert settings.identity.without_email == "refuse"
    assert settings.identity.synthetic_domain == "slack.invalid"
    assert settings.identity.linkers is None
    assert settings.plain.share == 0.8
    assert settings.slack.shared_channels == "quiet"
    assert settings.privacy.keep_text_days == 30
    assert settings.slack_bot_token is None


def test_the_examples_are_right(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes((ROOT / ".env.example").read_bytes())
    (tmp_path / "plain-bridge.toml").write_bytes((ROOT / "plain-bridge.example.toml").read_bytes())
    settings = load({}, tmp_path)
    bare = load({}, tmp_path / "elsewhere")
    assert len(settings.rules) == 2
    assert [sorted(lines) for lines in settings.rule_lines][1] == ["emoji"]
    assert settings.model_copy(update={"rules": bare.rules, "rule_lines": ()}) == bare


def test_environment_wins_over_dotenv_and_empty_is_unset(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\nHOST=0.0.0.0\nMETRICS_TOKEN=\nUNRELATED=x\n")
    settings = load({"PORT": "2", "HOST": "", "LOG_LEVEL": "debug"}, tmp_path)
    assert (settings.port, settings.host, settings.log_level) == (2, "0.0.0.0", "DEBUG")  # noqa: S104
    assert settings.metrics_token is None


def test_another_file_by_name(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[plain]\nshare = 0.5\n")
    (tmp_path / ".env").write_text("PLAIN_BRIDGE_CONFIG=other.toml\n")
    assert load({}, tmp_path).plain.share == 0.5
    with pytest.raises(SettingsError, match=r"gone\.toml cannot be read: No such file"):
        load({"PLAIN_BRIDGE_CONFIG": "gone.toml"}, tmp_path)


def test_a_whole_rule(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        """
        [[rule]]
        emoji = [":Fire:", "bug::skin-tone-2"]
        channels = ["#Support", "C024BE91L"]
        labels = ["Bug", "lt_01ARZ3NDEKTSV4RRFFQ69G5FAV"]
        priority = "urgent"
        tenant = "acme"
        assignee = "agent@example.com"
        customer = "external:acme"
        """,
    )
    assert settings.rules == (
        Rule(
            emoji=("fire", "bug"),
            channels=("#support", "C024BE91L"),
            labels=("Bug", "lt_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
            priority=Priority.URGENT,
            tenant="acme",
            assignee="agent@example.com",
            customer="external:acme",
        ),
    )


@pytest.mark.parametrize(
    "written",
    [
        "https://acme.slack.com/archives/C024BE91L",
        "https://acme.slack.com/archives/C024BE91L/p1700000000000100?thread_ts=1.2",
        "https://app.slack.com/client/T024BE7LD/C024BE91L",
        "<#C024BE91L|support>",
        "<#C024BE91L>",
    ],
)
def test_a_pasted_link_to_a_channel_is_its_id(tmp_path: Path, written: str) -> None:
    settings = loaded(tmp_path, f'[[rule]]\nemoji = "a"\nchannels = "{written}"')
    assert settings.rules[0].channels == ("C024BE91L",)


@pytest.mark.parametrize(
    ("toml", "expected"),
    [("[plain]\nshare = 1", DEFAULT_RULES), ("rule = []", ())],
    ids=["no rules in the file", "none on purpose"],
)
def test_a_file_without_rules(tmp_path: Path, toml: str, expected: tuple[Rule, ...]) -> None:
    assert loaded(tmp_path, toml).rules == expected


def test_two_names_of_one_emoji_are_one(tmp_path: Path) -> None:
    (rule,) = loaded(tmp_path, '[[rule]]\nemoji = ["thumbsup", "+1", "eyes"]').rules
    assert rule.emoji == ("+1", "eyes")


def test_identity_becomes_a_policy(tmp_path: Path) -> None:
    policy = loaded(
        tmp_path,
        '[identity]\nwithout_email = "fallback"\nfallback_customer = "help@example.com"\n'
        'trusted_teams = ["T1"]\n'
        'trusted_domains = { T2 = ["@Example.com", "b.example"], E3 = "c.example" }\n',
    ).identity.policy()
    assert policy.without_email == "fallback"
    assert policy.fallback_customer == "help@example.com"
    assert policy.trusted_teams == {"T1"}
    assert policy.trusted_domains == {
        "T2": {"example.com", "b.example"},
        "E3": {"c.example"},
    }


def test_addresses_and_tokens_are_made_usable(tmp_path: Path) -> None:
    settings = load(
        {"SLACK_API_URL": "http://127.0.0.1:9/api", "SLACK_BOT_TOKEN": " xoxb-test\n"}, tmp_path
    )
    assert settings.slack_api_url == "http://127.0.0.1:9/api/"
    assert settings.slack_bot_token is not None
    assert settings.slack_bot_token.get_secret_value() == "xoxb-test"


# What is needed


def test_needed_variables_are_named_all_at_once(tmp_path: Path) -> None:
    settings = load({"SLACK_BOT_TOKEN": "xoxb-test"}, tmp_path)
    with pytest.raises(SettingsError) as raised:
        settings.need("slack_bot_token", "plain_api_key", "slack_signing_secret")
    key, door = raised.value.problems
    assert key.startswith("PLAIN_API_KEY is not set: an API key")
    assert door.startswith("SLACK_APP_TOKEN is not set: an App-Level Token (xapp-…)")
    assert "or set SLACK_SIGNING_SECRET, if Slack shall call the bridge over HTTP" in door
    assert str(raised.value).splitlines()[-1].startswith("`plain-bridge setup` asks for what is")
    settings.need("slack_bot_token")


def test_what_is_missing_is_told_beside_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "plain-bridge.toml").write_text("[what]\n")
    with pytest.raises(SettingsError) as raised:
        load({}, tmp_path, needs=("slack_bot_token", "plain_api_key"))
    assert [problem.split()[0] for problem in raised.value.problems] == [
        "plain-bridge.toml,",
        "SLACK_BOT_TOKEN",
        "PLAIN_API_KEY",
    ]
    assert "plain-bridge setup" in str(raised.value)


def test_socket_mode_needs_no_signing_secret(tmp_path: Path) -> None:
    load({"SLACK_APP_TOKEN": "xapp-test"}, tmp_path).need("slack_signing_secret")


@pytest.mark.parametrize("around", ['"{}"', "'{}'", " {}\n", '"{} "\r\n'])
def test_what_container_env_files_leave_around_a_value_is_taken_off(
    tmp_path: Path, around: str
) -> None:
    """Docker hands quotation marks over as they stand; with them no secret fits."""
    values = {
        "SLACK_BOT_TOKEN": "xoxb-test",
        "SLACK_SIGNING_SECRET": "signing-secret-test",
        "PLAIN_API_KEY": "plainApiKey_test",
        "PLAIN_API_URL": "https://plain.test/graphql/v1",
        "DATABASE_URL": "sqlite:///other.db",
        "HOST": "::1",
        "PORT": "3001",
        "LOG_FORMAT": "json",
        "PLAIN_BRIDGE_CONFIG": "other.toml",
    }
    (tmp_path / "other.toml").write_text("[privacy]\nkeep_text_days = 3\n")
    settings = load({name: around.format(value) for name, value in values.items()}, tmp_path)
    for name, value in values.items():
        found = getattr(settings, name.lower(), None)
        shown = found.get_secret_value() if isinstance(found, SecretStr) else found
        assert name == "PLAIN_BRIDGE_CONFIG" or str(shown) == value
    assert settings.privacy.keep_text_days == 3


@pytest.mark.parametrize("empty", ["", '""', "''", " "])
def test_quotation_marks_around_nothing_are_nothing(tmp_path: Path, empty: str) -> None:
    (tmp_path / ".env").write_text("METRICS_TOKEN=metrics-test\n")
    settings = load({"PORT": empty, "METRICS_TOKEN": empty}, tmp_path)
    assert settings.port == 3000
    assert settings.metrics_token == SecretStr("metrics-test")


@pytest.mark.parametrize("host", ["[::]", " :: "])
def test_a_host_is_taken_with_the_brackets_of_urls(tmp_path: Path, host: str) -> None:
    assert load({"HOST": host}, tmp_path).host == "::"
