"""How mistakes of the settings read; no secret shows in one."""

from __future__ import annotations

import errno
import os
import re
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.settings import SettingsError, environment, load
from tests.loading import loaded


def mistakes(folder: Path, toml: str = "", **environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        loaded(folder, toml, **environ)
    return raised.value.problems


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
            "unknown key `qux` in [privacy]; known keys: keep_text_days",
        ),
        (
            '[rules]\nemoji = "a"',
            "line 1, `[rules]`",
            "unknown key `rules`; did you mean `rule`?",
        ),
        (
            '[[rule]]\nemoji = "a"\n[[rule]]\nemoji="b"\npriority = "hihg"',
            'line 5, `priority = "hihg"`',
            '`priority` is "hihg", but it must be "urgent", "high", "normal" or "low"',
        ),
        (
            '[[rules]]\nemoji = "a"',
            "line 1, `[[rules]]`",
            "unknown key `rules`; did you mean `rule`?",
        ),
        (
            '[rule]\nemoji = "a"',
            "line 1, `[rule]`",
            "write [[rule]], with double brackets: there can be several",
        ),
        ("[[rule]]\n", "line 1, `[[rule]]`", "`emoji` is missing in [[rule]]"),
        ("[[rule]]\nemoji = []", "line 2", "`emoji`: [] is empty: name at least one"),
        (
            '[[rule]]\nemoji = "🎫"',
            "line 2",
            '`emoji`: "🎫" is no emoji\'s name: write its name, `:ticket:`',
        ),
        ('[[rule]]\nemoji = "👍🏽"', "line 2", "write its name, `:+1:`"),
        ('[[rule]]\nemoji = "🪿"', "line 2", "Slack shows it where the mouse rests on the emoji"),
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
            '`who` is "bot", but it must be "member", "guest" or "external"',
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
            '`undo_by_reaction` is "yes", but it must be true or false',
        ),
        (
            '[escalation]\nconfirm = "dm"',
            "line 2",
            '`confirm` is "dm", but it must be "ephemeral", "thread" or "reaction"',
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
            '[identity]\ntrusted_domains = ["bigcorp.example"]',
            "line 2",
            (
                '`trusted_domains`: ["bigcorp.example"] names no team: any company can put any '
                "address into its own profiles. Say whose word you take, like { T024BE7LD = "
                '["bigcorp.example"] }; for guests of your own workspace, that is its id'
            ),
        ),
        (
            '[identity.trusted_domains]\nAcme = ["a.example"]\nT1 = ["x"]\nT2 = 5\nT3 = []',
            "line 1",
            (
                "is wrong: a key is no team's id, like T024BE7LD; a domain of T1 is no "
                'domain: write it like "example.com"; T2 takes a list of domains; a domain of T3 '
                "is empty: name at least one"
            ),
        ),
        (
            '[identity]\ntrusted_teams = ["T1"]\ntrusted_domains = { T1 = ["a.example"] }',
            "line 3",
            (
                "the domains of T1 in `trusted_domains` do nothing: `trusted_teams` trusts every "
                "address that this team states"
            ),
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
        ("[identity]\nlinkers = 3", "line 2", "`linkers` is 3, but it must be a list"),
        ("[plain]\nshare = 0", "line 2", "`share` is 0, but it must be a number greater than 0"),
        ("[plain]\nshare = 1.5", "line 2", "`share` is 1.5, but it must be a number of 1 or less"),
        ('[plain]\nshare = "all"', "line 2", '`share` is "all", but it must be a number'),
        ("[privacy]\nkeep_text_days = -1", "line 2", "it must be a number of 0 or more"),
        ("[privacy]\nkeep_text_days = 1.5", "line 2", "it must be a whole number"),
        ("slack = 3", "line 1, `slack = 3`", "`slack` is 3, but it must be a table: write [slack]"),
        (
            '[[rule]]\nemoji = "a"\npriority = high',
            "line 3, `priority = high`",
            "is not TOML: after = there is no value that TOML knows: put a text in straight",
        ),
        (
            '[[rule]]\nemoji = ["a", "b"]\n[[rule]]\nemoji = "a"\nchannels = "#x"',
            "line 3, `[[rule]]`",
            "rule 2 can never apply: rule 1 (line 1) takes all that it would",
        ),
        (
            '[[rule]]\nemoji = "thumbsup"\n[[rule]]\nemoji = "+1"',
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
        ({"PORT": "many"}, '`PORT` is "many", but it must be a whole number'),
        ({"PORT": "70000"}, '`PORT` is "70000", but it must be a number of 65535 or less'),
        ({"LOG_LEVEL": "loud"}, '`LOG_LEVEL` is "LOUD", but it must be "DEBUG", "INFO"'),
        ({"LOG_FORMAT": "xml"}, '`LOG_FORMAT` is "xml", but it must be "console" or "json"'),
        ({"SLACK_BOT_TOKEN": "xapp-1"}, "`SLACK_BOT_TOKEN` does not begin with xoxb-"),
        ({"SLACK_APP_TOKEN": "xoxb-1"}, "`SLACK_APP_TOKEN` does not begin with xapp-"),
        ({"PLAIN_API_KEY": "a b"}, "`PLAIN_API_KEY` holds a blank or a line break"),
        ({"PLAIN_API_KEY": "a\nb"}, "`PLAIN_API_KEY` holds a blank or a line break"),
        ({"PLAIN_API_KEY": "a\u200bb"}, "`PLAIN_API_KEY` holds a character that no token has"),
        (
            {"PLAIN_API_KEY": "Bearer plainApiKey_test"},
            "`PLAIN_API_KEY` begins with the word Bearer: leave it out",
        ),
        (
            {"SLACK_SIGNING_SECRET": '"secret-test'},
            "`SLACK_SIGNING_SECRET` begins or ends with a quotation mark: leave it out",
        ),
        (
            {"SLACK_SIGNING_SECRET": "“secret-test”"},
            "`SLACK_SIGNING_SECRET` begins or ends with a quotation mark: leave it out",
        ),
        (
            {"SLACK_BOT_TOKEN": "SLACK_BOT_TOKEN=xoxb-test"},
            "`SLACK_BOT_TOKEN` begins with the name of a variable",
        ),
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


@pytest.mark.parametrize(
    ("toml", "line", "words"),
    [
        ('[[rule]]\nemoji = "ticket\n', 2, "a quote is missing"),
        ('[[rule]]\nemoji = "ticket', 2, "a quote is missing"),
        ("[[rule]]\nemoji = 'ticket", 2, "a quote is missing"),
        ('[[rule]]\nemoji = ticket"', 2, "put a text in straight quotes"),
        ("[[rule]]\nemoji = “ticket”", 2, "put a text in straight quotes"),
        ('[[rule]]\nemoji = ["a, "b"]', 2, "a ], a comma or a quote is missing in a list"),
        ('[[rule]]\nemoji = "a", "b"', 2, 'the brackets of a list: write it like ["a", "b"]'),
        ("[[rule]]\nemoji", 2, "a key is followed by = and its value"),
        ('[rule]\nemoji = "a"\n[rule]\nemoji = "b"', 3, "write [[rule]], with double brackets"),
        ("[plain]\n[plain]", 2, "this table is there twice"),
        ("[[rule]\n", 1, "a header that begins with [[ ends with ]]"),
        ("[plain\n", 1, "a header that begins with [ ends with ]"),
        ('[[rule]]\ntenant = "\\d"', 2, "a backslash in double quotes begins an escape"),
    ],
)
def test_what_is_not_toml_is_said_in_words(
    tmp_path: Path, toml: str, line: int, words: str
) -> None:
    (problem,) = mistakes(tmp_path, toml)
    assert problem.startswith(f"plain-bridge.toml, line {line}, ")
    assert words in problem


DEAD = '[[rule]]\nemoji = "a"\n[[rule]]\nemoji = "a"\n'


@pytest.mark.parametrize(
    ("toml", "lines"),
    [
        pytest.param(f'{DEAD}priority = "hihg"', [3, 5], id="an unknown value in the dead rule"),
        pytest.param(f'{DEAD}prioriti = "low"', [3, 5], id="an unknown key in the dead rule"),
        pytest.param(
            '[[rule]]\nemoji = "a"\nassignee = "Bob"\n[[rule]]\nemoji = "a"',
            [3, 4],
            id="an unknown value in the rule above",
        ),
        pytest.param(
            '[[rules]]\nemoji = "a"\n[[rule]]\nemoji = "a"',
            [1, 3],
            id="below a rule whose header is wrong",
        ),
        pytest.param(
            '[[rule]]\nemoji = "a"\n[[rules]]\nemoji = "a"\nlabels = 1',
            [3, 3, 5],
            id="a rule whose header is wrong",
        ),
        pytest.param(
            '[rule]\nemoji = "🎫"\npriority = "x"\nqux = 1', [1, 2, 3, 4], id="[rule] and in it"
        ),
        pytest.param("[privcy]\nkeep_text_days = -1\nqux = 1", [1, 2, 3], id="a table's name"),
        pytest.param(
            '[identity]\nwithout_email = "falback"\nfallback_customer = "a@b.example"',
            [2],
            id="a value that is wrong contradicts nothing",
        ),
        pytest.param(
            '[identity]\nwithout_email = ["refuse"]\nfallback_customer = "a@b.example"',
            [2],
            id="nor does one of another kind",
        ),
    ],
)
def test_mistakes_of_every_kind_are_told_beside_each_other(
    tmp_path: Path, toml: str, lines: list[int]
) -> None:
    problems = mistakes(tmp_path, toml)
    assert [int(re.findall(r"toml, line (\d+)", one)[0]) for one in problems] == lines


@pytest.mark.parametrize("key", ["channel", "chanels", "where"])
def test_a_rule_whose_channels_may_stand_under_another_name_kills_no_other(
    tmp_path: Path, key: str
) -> None:
    toml = f'[[rule]]\nemoji = "a"\n{key} = "#support"\n[[rule]]\nemoji = "a"'
    (problem,) = mistakes(tmp_path, toml)
    assert f"unknown key `{key}`" in problem


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


@pytest.mark.parametrize("toml", ["a=" + "[" * 5000, "a=" + "9" * 6000], ids=["deep", "long"])
def test_toml_beyond_what_python_reads_is_a_mistake_told(tmp_path: Path, toml: str) -> None:
    (problem,) = mistakes(tmp_path, toml)
    assert problem.startswith("plain-bridge.toml is not TOML that Python reads")


def test_a_folder_in_place_of_the_env_file_is_called_that(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    (problem,) = mistakes(tmp_path)
    assert problem == ".env: cannot be read: it is a folder, and should be a file"


def test_a_virtual_environment_may_be_called_as_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    (tmp_path / ".env/pyvenv.cfg").touch()
    assert load({}, tmp_path).port == 3000


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (".env", ".env: cannot be read: it is a link to a file that is not there"),
        ("plain-bridge.toml", "plain-bridge.toml cannot be read: No such file or directory"),
    ],
)
def test_a_link_that_leads_nowhere_is_no_file_that_is_left_out(
    tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(SettingsError) as raised:
        load({}, tmp_path)
    assert raised.value.problems == (words,)


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


def test_an_env_file_that_may_not_be_read_is_called_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`setup` as root writes it 0600, and the unit's own user cannot read it."""

    def refused(*_arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", ".env")

    monkeypatch.setattr(environment, "read", refused)
    (problem,) = mistakes(tmp_path)
    assert problem.startswith(".env: Permission denied: the user that the bridge runs as")
    assert "EnvironmentFile" in problem


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_an_env_file_of_mode_0_is_called_unreadable(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=3000")
    (tmp_path / ".env").chmod(0)
    (problem,) = mistakes(tmp_path)
    assert problem.startswith(".env: Permission denied")
