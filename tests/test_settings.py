"""The settings: where they come from, what they default to, and how their mistakes read."""

from __future__ import annotations

import re
import tomllib
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model import Priority, Rule, Standing
from bot.settings import DEFAULT_RULES, Settings, SettingsError, document, load

ROOT = Path(__file__).resolve().parent.parent


def loaded(folder: Path, toml: str = "", **environ: str) -> Settings:
    (folder / "plain-bridge.toml").write_text(toml, encoding="utf-8")
    return load(environ, folder)


def mistakes(folder: Path, toml: str = "", **environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        loaded(folder, toml, **environ)
    return raised.value.problems


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
    assert settings.escalation.who == (Standing.MEMBER,)
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
    assert settings.model_copy(update={"rules": bare.rules}) == bare


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
    ("toml", "expected"),
    [("[plain]\nshare = 1", DEFAULT_RULES), ("rule = []", ())],
    ids=["no rules in the file", "none on purpose"],
)
def test_a_file_without_rules(tmp_path: Path, toml: str, expected: tuple[Rule, ...]) -> None:
    assert loaded(tmp_path, toml).rules == expected


def test_identity_becomes_a_policy(tmp_path: Path) -> None:
    policy = loaded(
        tmp_path,
        '[identity]\nwithout_email = "fallback"\nfallback_customer = "help@example.com"\n'
        'trusted_teams = ["T1"]\ntrusted_domains = ["@Example.com"]\n',
    ).identity.policy()
    assert policy.without_email == "fallback"
    assert policy.fallback_customer == "help@example.com"
    assert policy.trusted_teams == {"T1"}
    assert policy.trusted_domains == {"example.com"}


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
    key, signing = raised.value.problems
    assert key.startswith("PLAIN_API_KEY is not set: an API key")
    assert signing.startswith("SLACK_SIGNING_SECRET is not set: the Signing Secret")
    assert "SLACK_APP_TOKEN" in signing
    settings.need("slack_bot_token")


def test_socket_mode_needs_no_signing_secret(tmp_path: Path) -> None:
    load({"SLACK_APP_TOKEN": "xapp-test"}, tmp_path).need("slack_signing_secret")


# How mistakes read


@pytest.mark.parametrize(
    ("toml", "line", "words"),
    [
        (
            '[[rule]]\nemoji = "a"\nprioriti = "low"',
            "line 3, `prioriti = …`",
            "unknown key `prioriti` in [[rule]]; did you mean `priority`?",
        ),
        (
            "[privacy]\nqux = 1",
            "line 2, `qux = …`",
            "unknown key `qux` in [privacy]; known are keep_text_days",
        ),
        (
            "[rules]\nemoji = 1",
            "line 1, `[rules]`",
            "unknown key `rules`; did you mean `rule`?",
        ),
        (
            '[[rule]]\nemoji = "a"\n[[rule]]\nemoji="b"\npriority = "hihg"',
            'line 5, `priority = "hihg"`',
            '`priority` is "hihg"; it takes "urgent", "high", "normal" or "low"',
        ),
        ("[[rule]]\n", "line 1, `[[rule]]`", "`emoji` is missing in [[rule]]"),
        ("[[rule]]\nemoji = []", "line 2", "`emoji`: [] is empty: name at least one"),
        ('[[rule]]\nemoji = "🎫"', "line 2", '`emoji`: "🎫" is no emoji\'s name'),
        (
            '[[rule]]\nemoji = "a"\nchannels = ["Support"]',
            "line 3",
            'or its name after a #, like "#support"',
        ),
        (
            '[[rule]]\nemoji = "a"\ncustomer = "acme"',
            "line 3",
            '`customer`: "acme" names no customer: write c_…, an e-mail address or external:ID',
        ),
        (
            '[[rule]]\nemoji = "a"\nassignee = "Bob"',
            "line 3",
            '`assignee`: "Bob" is no Plain user: write an e-mail address or u_…',
        ),
        ('[[rule]]\nemoji = "a"\nlabels = " "', "line 3", '`labels`: " " is empty'),
        (
            '[escalation]\nwho = ["member", "bot"]',
            "line 2",
            '`who` is "bot"; it takes "member", "guest" or "external"',
        ),
        ("[escalation]\nwho = []", "line 2", "`who`: [] is empty: name at least one"),
        (
            '[escalation]\nreceipt = ":white_check_mark:"',
            "line 2",
            'cannot be the receipt: Plain\'s own Slack app reads it as "done"',
        ),
        (
            '[escalation]\nreceipt = "heavy_check_mark"',
            "line 2",
            'cannot be the receipt: Plain\'s own Slack app reads it as "done"',
        ),
        (
            '[escalation]\nreceipt = "eyes"',
            "line 2",
            'cannot be the receipt: Plain\'s own Slack app reads it as "investigating"',
        ),
        (
            '[escalation]\nundo_by_reaction = "yes"',
            "line 2",
            '`undo_by_reaction` is "yes"; it takes true or false',
        ),
        (
            '[escalation]\nconfirm = "dm"',
            "line 2",
            '`confirm` is "dm"; it takes "ephemeral", "thread" or "reaction"',
        ),
        (
            '[identity]\nwithout_email = "fallback"',
            "line 2",
            '`without_email` = "fallback" needs `fallback_customer`',
        ),
        (
            '[identity]\nfallback_customer = "a@example.com"',
            "line 2",
            '`fallback_customer` does nothing without `without_email` = "fallback"',
        ),
        (
            '[identity]\ntrusted_teams = ["Acme"]',
            "line 2",
            '`trusted_teams`: "Acme" is no Slack id of that kind: write it like T024BE7LD',
        ),
        (
            '[identity]\nsynthetic_domain = "nodots"',
            "line 2",
            '`synthetic_domain`: "nodots" is no domain: write it like "example.com"',
        ),
        ("[identity]\nlinkers = 3", "line 2", "`linkers` is 3; it takes a list"),
        ("[plain]\nshare = 0", "line 2", "`share` is 0; it takes a number above 0"),
        ("[plain]\nshare = 1.5", "line 2", "`share` is 1.5; it takes a number of 1 or less"),
        ('[plain]\nshare = "all"', "line 2", '`share` is "all"; it takes a number'),
        ("[privacy]\nkeep_text_days = -1", "line 2", "it takes a number of 0 or more"),
        ("[privacy]\nkeep_text_days = 1.5", "line 2", "it takes a whole number"),
        ("slack = 3", "line 1, `slack = 3`", "`slack` is 3; it takes a table: write [slack]"),
        (
            '[[rule]]\nemoji = "a"\npriority = high',
            "line 3, `priority = high`",
            "is not TOML: Invalid value",
        ),
        (
            '[[rule]]\nemoji = ["a", "b"]\n[[rule]]\nemoji = "a"\nchannels = "#x"',
            "line 3, `[[rule]]`",
            "rule 2 can never apply: rule 1 (line 1) takes all that it would",
        ),
        (
            '[[rule]]\nemoji = "a"\n[[rule]]\nemoji = "b"\n[[rule]]\nemoji = ["a", "b"]',
            "line 5, `[[rule]]`",
            "rule 3 can never apply: rule 1 (line 1) and rule 2 (line 3) take all that it would",
        ),
    ],
)
def test_one_mistake_of_the_file(tmp_path: Path, toml: str, line: str, words: str) -> None:
    (problem,) = mistakes(tmp_path, toml)
    assert problem.startswith(f"plain-bridge.toml, {line}")
    assert words in problem


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PORT": "many"}, '`PORT` is "many"; it takes a whole number'),
        ({"PORT": "70000"}, '`PORT` is "70000"; it takes a number of 65535 or less'),
        ({"LOG_LEVEL": "loud"}, '`LOG_LEVEL` is "LOUD"; it takes "DEBUG", "INFO"'),
        ({"LOG_FORMAT": "xml"}, '`LOG_FORMAT` is "xml"; it takes "console" or "json"'),
        ({"SLACK_BOT_TOKEN": "xapp-1"}, "`SLACK_BOT_TOKEN` does not begin with xoxb-"),
        ({"SLACK_APP_TOKEN": "xoxb-1"}, "`SLACK_APP_TOKEN` does not begin with xapp-"),
        ({"PLAIN_API_KEY": "a b"}, "`PLAIN_API_KEY` is empty or holds a character"),
        ({"PLAIN_API_URL": "core-api"}, "is no web address: it begins with https://"),
        ({"PLAIN_API_URL": "https://["}, "is no web address: it begins with https://"),
        ({"PLAIN_API_URL": "https://a:99999"}, "is no web address: it begins with https://"),
        ({"SLACK_API_URL": "https:///api/"}, "is no web address: it begins with https://"),
        ({"DATABASE_URL": "mysql://x/y"}, "`DATABASE_URL` is no database that the bridge knows"),
        ({"DATABASE_URL": "plain.db"}, "`DATABASE_URL` is no database that the bridge knows"),
        (
            {"DATABASE_URL": "postgresql+asyncpg://x/y"},
            "`DATABASE_URL` is no database that the bridge knows",
        ),
        ({"DATABASE_URL": "sqlite://"}, "`DATABASE_URL` names a database in memory"),
        (
            {"SLACK_CLIENT_ID": "1", "SLACK_CLIENT_SECRET": "2"},
            "SLACK_CLIENT_ID and SLACK_CLIENT_SECRET switch Slack's library to OAuth",
        ),
    ],
)
def test_one_mistake_of_the_environment(
    tmp_path: Path, environ: dict[str, str], words: str
) -> None:
    (problem,) = mistakes(tmp_path, **environ)
    assert problem.startswith("environment: ")
    assert words in problem


def test_all_mistakes_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=x\n")
    toml = (
        '[[rule]]\nemoji = "a"\n'
        '[[rule]]\nemoji = "a"\n'
        '[[rule]]\npriority = "x"\n'
        '[identity]\nwithout_email = "fallback"\ntypo = 1\n'
    )
    problems = mistakes(tmp_path, toml, LOG_LEVEL="x")
    assert [re.split(r"[:,`]", problem)[0] for problem in problems[:2]] == [".env", "environment"]
    lines = [int(found[1]) for p in problems if (found := re.search(r"toml, line (\d+)", p))]
    assert lines == [3, 5, 6, 8, 9]


def test_the_error_lists_them(tmp_path: Path) -> None:
    error = SettingsError(["one", "two"])
    assert str(error) == "the settings have 2 mistakes:\n- one\n- two"
    assert str(SettingsError(["alone"])) == "alone"


def test_a_dead_rule_shows_beside_a_broken_one(tmp_path: Path) -> None:
    toml = '[[rule]]\nemoji = 1\n[[rule]]\nemoji = "a"\n[[rule]]\nemoji = "a"\n'
    broken, dead = mistakes(tmp_path, toml)
    assert "line 2, `emoji = 1`" in broken
    assert "rule 3 can never apply: rule 2 (line 3) takes" in dead


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "plain-bridge.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe\n")
    with pytest.raises(SettingsError) as raised:
        load({}, tmp_path)
    assert ".env: cannot be read as UTF-8 text" in raised.value.problems


# Secrets

SECRETS: Mapping[str, str] = {
    "SLACK_BOT_TOKEN": "xoxb-hush-1",
    "SLACK_SIGNING_SECRET": "hush-2",
    "SLACK_APP_TOKEN": "xapp-hush-3",
    "PLAIN_API_KEY": "plainApiKey_hush4",
    "PLAIN_WEBHOOK_SECRET": "hush-5",
    "METRICS_TOKEN": "hush-6",
    "DATABASE_URL": "postgresql://bridge:hush-7@db.example/bridge",
}


def test_no_secret_shows(tmp_path: Path) -> None:
    settings = load(SECRETS, tmp_path)
    assert "hush" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_no_secret_shows_in_a_mistake(tmp_path: Path) -> None:
    environ = {name: f"hush {value}" for name, value in SECRETS.items()} | {"PORT": "x"}
    toml = (
        'slack_signing_secret = "hush"\n[plain]\nshare = "xoxb-hush-8"\n'
        '[[rule]]\nemoji = "a"\ncustomer = "plainApiKey_hush"\n'
    )
    (tmp_path / "plain-bridge.toml").write_text(toml)
    with pytest.raises(SettingsError) as raised:
        load(environ, tmp_path)
    assert len(raised.value.problems) == len(SECRETS) + 4
    shown = "".join(traceback.format_exception(raised.value))
    assert "hush" not in shown + repr(raised.value)


def test_no_secret_shows_where_the_file_is_broken(tmp_path: Path) -> None:
    (problem,) = mistakes(tmp_path, "signing_secret = hush\n")
    assert "hush" not in problem
    assert "line 1, `signing_secret = …`" in problem


# Lines of a TOML file


def test_lines_of_everything() -> None:
    text = (
        "# a comment\n"
        'a.b = 1\n"quoted key" = """\n[not.a.table]\n"""\n'
        "list = [\n  1, # ]\n  2,\n]\n"
        "[[rule]]\nemoji = 'x'\n"
        "[[rule]]\nemoji = 'y'\n"
        "[rule.deep]\nz = 1\n"
        "[[rule.many]]\nq = 1\n[[rule.many]]\nq = 2\n"
        "[ t . u ]\nv = {w = 1}\n"
    )
    read = document.parse(text, "x.toml")
    expected = {
        ("a", "b"): 2,
        ("quoted key",): 3,
        ("list",): 6,
        ("list", 1): 6,
        ("rule", 0): 10,
        ("rule", 0, "emoji"): 11,
        ("rule", 1, "emoji"): 13,
        ("rule", 1, "missing"): 12,
        ("rule", 1, "deep", "z"): 15,
        ("rule", 1, "many", 0, "q"): 17,
        ("rule", 1, "many", 1, "q"): 19,
        ("t", "u"): 20,
        ("t", "u", "v", "w"): 21,
        ("nowhere",): None,
    }
    assert {place: read.line(place) for place in expected} == expected


KEY = st.from_regex(r"[a-z]{1,5}", fullmatch=True)
VALUE = st.sampled_from(["1", '"x"', "[\n1,\n2\n]", '"""\na = 1\n"""', "{ k = 1 }", "1  # c"])


@given(st.lists(st.tuples(KEY, VALUE, st.sampled_from(["", "\n", "# c\n"])), max_size=8))
def test_every_key_is_found_where_it_was_written(parts: list[tuple[str, str, str]]) -> None:
    text, expected = "", {}
    for key, value, before in parts:
        if (key,) in expected:
            continue
        text += before
        expected[key,] = text.count("\n") + 1
        text += f"{key} = {value}\n"
    tomllib.loads(text)
    read = document.parse(text, "x.toml")
    assert {place: read.line(place) for place in expected} == expected
