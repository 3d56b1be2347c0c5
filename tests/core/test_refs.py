"""Keys and links: what is made can be read back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core import refs
from bot.core.refs import MessageRef

REF = MessageRef("C0123", "1599529504.000400")
ROOT = "1599529000.000100"

TS = st.builds(
    lambda seconds, micros: f"{seconds}.{micros:06}",
    st.integers(10**9, 2 * 10**9),
    st.integers(0, 999_999),
)
CHANNELS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=2, max_size=12)


@pytest.mark.parametrize(
    ("key", "root"),
    [
        ("T1:C1:1599529504.000400", "1599529504.000400"),
        ("T1:C1:1599529504.000400:2", None),
        ("T1:command:1.2.x", None),
        ("T1:view:V1", None),
    ],
)
def test_the_root_that_a_conversations_key_names(key: str, root: str | None) -> None:
    assert refs.root_of(key) == root


def test_keys_are_told_apart_by_their_door() -> None:
    assert refs.message_key("T1", REF) == "T1:C0123:1599529504.000400"
    assert refs.command_key("T1", "1.2.abc") == "T1:command:1.2.abc"
    assert refs.view_key("T1", "V1") == "T1:view:V1"


def test_a_conversation_is_its_root() -> None:
    assert refs.conversation_key("T1", REF, None) == refs.message_key("T1", REF)
    assert refs.conversation_key("T1", REF, ROOT) == f"T1:C0123:{ROOT}"


def test_only_later_generations_carry_their_number() -> None:
    assert [refs.generation_key("k", n) for n in (1, 2, 3)] == ["k", "k:2", "k:3"]


@pytest.mark.parametrize(
    ("root", "link"),
    [
        (None, "https://acme.slack.com/archives/C0123/p1599529504000400"),
        (REF.ts, "https://acme.slack.com/archives/C0123/p1599529504000400"),
        (
            ROOT,
            "https://acme.slack.com/archives/C0123/p1599529504000400?thread_ts=1599529000.000100&cid=C0123",
        ),
    ],
    ids=["message", "root of a thread", "reply"],
)
def test_a_built_permalink_is_the_one_that_slack_would_give(root: str | None, link: str) -> None:
    assert refs.permalink("https://acme.slack.com/", REF, root) == link


@given(channel=CHANNELS, ts=TS, root=st.none() | TS)
def test_a_permalink_reads_back(channel: str, ts: str, root: str | None) -> None:
    ref = MessageRef(channel, ts)
    wanted = None if root == ts else root
    assert refs.from_permalink(refs.permalink("https://a.slack.com/", ref, root)) == (ref, wanted)


@pytest.mark.parametrize("before", ["", "/x-p1234567890-12345-678901", "/messages"])
@pytest.mark.parametrize("root", [None, ROOT])
def test_a_permalink_may_have_a_segment_before_archives(before: str, root: str | None) -> None:
    query = f"?thread_ts={root}&cid=C0123" if root else ""
    link = f"https://acme.slack.com{before}/archives/C0123/p1599529504000400{query}"
    assert refs.from_permalink(link) == (REF, root)


@pytest.mark.parametrize(
    "link",
    [
        "https://acme.slack.com/a/b/archives/C0123/p1599529504000400",
        "",
        "https://acme.slack.com/",
        "https://acme.slack.com/archives/C1",
        "C0123",
        "p1",
    ],
)
def test_other_links_name_no_message(link: str) -> None:
    assert refs.from_permalink(link) is None


def test_a_ts_is_a_moment() -> None:
    assert refs.time_of(REF.ts) == datetime(2020, 9, 8, 1, 45, 4, 400, tzinfo=UTC)
    assert refs.is_ts(REF.ts)
    assert not refs.is_ts("1599529504")


def test_plain_threads_have_an_address() -> None:
    assert (
        refs.plain_thread_url("w_1", "th_1") == "https://app.plain.com/workspace/w_1/thread/th_1/"
    )


@pytest.mark.parametrize(
    ("text", "row_id"),
    [
        ("PB-7", 7),
        ("pb-7", 7),
        ("7", 7),
        ("PB-" + "9" * 18, 10**18 - 1),
        ("PB-", None),
        ("", None),
        ("PB-x", None),
        ("PB-²", None),
        ("PB-١", None),
        (f"PB-{10**18}", None),
        ("T-7", None),
        ("PB-7\n", None),
    ],
)
def test_which_row_a_reference_names(text: str, row_id: int | None) -> None:
    assert refs.row_id(text) == row_id


def test_a_reference_names_its_row() -> None:
    assert refs.row_id(refs.reference(12)) == 12


def test_each_person_whose_reaction_is_found_has_a_request_of_their_own() -> None:
    ada, ben = (refs.found_request(REF, "ticket", user) for user in ("U0ADA", "U0BEN"))
    assert ada != ben
    assert refs.is_found(ada)
    assert refs.is_found(ben)
    assert refs.is_found("reconcile:C0123:1599529504.000400:ticket")  # of earlier releases
    assert not refs.is_found("Ev0001")
