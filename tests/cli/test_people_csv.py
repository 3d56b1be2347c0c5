"""The lookup table as CSV, there and back."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli import people
from bot.store.customer_links import CustomerLink


def read(text: str) -> list[tuple[str | None, str, str, str | None, str | None]]:
    found = people.read_sheet(text.encode())
    assert found.mistakes == []
    return [(team, p.slack_user, p.customer, p.email, p.name) for team, p in found.people]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("minimal", "user,customer\nU1,external:acme\n"),
        ("columns in any order and case", "Customer , USER\nexternal:acme , U1\n"),
        ("semicolons", "user;customer\nU1;external:acme\n"),
        ("tabs", "user\tcustomer\nU1\texternal:acme"),
        ("byte order mark and CRLF", "\ufeffuser,customer\r\nU1,external:acme\r\n"),
        ("blank lines", "user,customer\n\n , \nU1,external:acme\n\n"),
        ("a mention", "user,customer\n<@U1|ann>,external:acme\n"),
        ("a short row", "user,customer,email,name\nU1,external:acme\n"),
        ("empty cells", "user,customer,email,name,team\nU1,external:acme,,,\n"),
    ],
)
def test_reads(name: str, text: str) -> None:
    assert read(text) == [(None, "U1", "external:acme", None, None)]


def test_reads_all_columns_and_imports_them_as_import() -> None:
    (found,) = people.read_sheet(
        b"team,user,customer,email,name,source\nT1,U1,a@b.example,c@d.example,Ann,email\n"
    ).people
    assert found == ("T1", CustomerLink("T1", "U1", "a@b.example", "c@d.example", "Ann", "import"))


KNOWN = "columns are team, user, customer, email, name, source"
FORMS = "is not a customer (c_…, an e-mail address or external:ID)"
MANY_BAD_LINES = """user,customer,team,email
ann,acme,X1,nobody
U2,external:acme,T1,a@b.example
,,,
,external:acme
U3,
"""


@pytest.mark.parametrize(
    ("name", "text", "mistakes"),
    [
        (
            "no header",
            "U1,external:acme\n",
            [
                f"line 1: the header has no `user` and `customer`; {KNOWN}",
                f"line 1: unknown column `u1`; {KNOWN}",
                f"line 1: unknown column `external:acme`; {KNOWN}",
            ],
        ),
        ("nothing", "", [f"line 1: the header has no `user` and `customer`; {KNOWN}"]),
        (
            "a column twice",
            "user,customer,user\nU1,external:a,U2\n",
            ["line 1: the column `user` appears 2 times"],
        ),
        (
            "an unknown column beside other mistakes",
            "user,customer,emial\nU1,external:a\nU2,acme\nU1,external:b\n",
            [
                f"line 1: unknown column `emial`; {KNOWN}",
                f'line 3: `customer` "acme" {FORMS}',
                "line 4: U1 is already in line 2",
            ],
        ),
        (
            "a missing column beside other mistakes",
            "user,mail\nU1,a\nann,b\n",
            [
                f"line 1: the header has no `customer`; {KNOWN}",
                f"line 1: unknown column `mail`; {KNOWN}",
                'line 3: `user` "ann" is not a Slack user id (U…)',
            ],
        ),
        (
            "every bad line",
            MANY_BAD_LINES,
            [
                'line 2: `user` "ann" is not a Slack user id (U…)',
                f'line 2: `customer` "acme" {FORMS}',
                'line 2: `team` "X1" is not a Slack team id (T…)',
                'line 2: `email` "nobody" is not an e-mail address',
                "line 5: `user` is empty",
                "line 6: `customer` is empty",
            ],
        ),
        (
            "numbers count the lines of the file",
            'user,customer,name\nU1,external:a,"two\nlines"\nU2,nobody,x\n',
            [f'line 4: `customer` "nobody" {FORMS}'],
        ),
        (
            "the same person twice",
            "user,customer\nU1,external:a\nU2,external:a\nU1,external:b\n",
            ["line 4: U1 is already in line 2"],
        ),
        ("too many cells", "user,customer\nU1,external:a,b\n", ["line 2: 3 cells for 2 columns"]),
        (
            "what PostgreSQL cannot hold",
            "user,customer,name\nU1,external:a,A\0nn\n",
            ["line 2: contains a NUL character, which cannot be stored"],
        ),
    ],
)
def test_tells_every_mistake(name: str, text: str, mistakes: list[str]) -> None:
    assert people.read_sheet(text.encode()).mistakes == mistakes


def test_tells_where_it_stops_being_csv() -> None:
    (mistake,) = people.read_sheet(b'user,customer\nU1,external:a\nU2,"external:b"x\n').mistakes
    assert mistake.startswith("line 3: not valid CSV from here on")


def test_tells_another_encoding() -> None:
    assert people.read_sheet("user,customer\nU1,external:Müller\n".encode("latin-1")).mistakes == [
        "the file is not UTF-8: save it as CSV UTF-8"
    ]


def test_the_same_user_of_two_teams_is_two_people() -> None:
    assert len(read("team,user,customer\nT1,U1,external:a\nT2,U1,external:b\n")) == 2


def test_a_name_is_no_formula() -> None:
    written = io.StringIO()
    people.write_sheet(
        [CustomerLink("T1", "U1", "external:a", name='=HYPERLINK("https://x.example")')], written
    )
    assert ',"\'=HYPERLINK(""https://x.example"")",' in written.getvalue()


IDS = st.from_regex(r"U[A-Z0-9]{1,8}", fullmatch=True)
CELL = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\r", exclude_categories=["Cs"]),
    min_size=1,
).map(str.strip)
PEOPLE = st.lists(
    st.builds(
        CustomerLink,
        team=st.sampled_from(["T1", "T2"]),
        slack_user=IDS,
        customer=st.sampled_from(["external:a,b", "+x@y.example", "=a@b.example", 'external:"q"']),
        email=st.sampled_from([None, "a@b.example", "-a@b.example"]),
        name=CELL.map(lambda text: text or None),
        source=st.just("import"),
    ),
    max_size=5,
    unique_by=lambda one: (one.team, one.slack_user),
)


@given(PEOPLE)
def test_what_is_written_is_read_again(links: list[CustomerLink]) -> None:
    written = io.StringIO(newline="")
    people.write_sheet(links, written)
    found = people.read_sheet(written.getvalue().encode())
    assert found.mistakes == []
    assert [replace(one, team=team or "") for team, one in found.people] == links
