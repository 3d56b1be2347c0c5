"""Which hosts are this machine, and which are not public."""

from __future__ import annotations

import pytest

from bot.hosts import is_internal, is_loopback, is_this_machine


@pytest.mark.parametrize(
    ("host", "loopback", "this_machine", "internal"),
    [
        ("127.0.0.1", True, True, True),
        ("127.8.9.10", True, True, True),
        ("::1", True, True, True),
        ("::ffff:127.0.0.1", True, True, True),
        ("localhost", True, True, True),
        ("plain.localhost", False, True, True),
        ("::", False, False, True),
        ("0.0.0.0", False, False, True),  # noqa: S104
        ("::ffff:10.0.0.1", False, False, True),
        ("10.0.0.1", False, False, True),
        ("bridge.internal", False, False, False),
        ("8.8.8.8", False, False, False),
        ("", False, False, False),
    ],
)
def test_where_a_host_is(host: str, loopback: bool, this_machine: bool, internal: bool) -> None:
    found = (is_loopback(host), is_this_machine(host), is_internal(host))
    assert found == (loopback, this_machine, internal)
