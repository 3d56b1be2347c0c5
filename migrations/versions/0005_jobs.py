"""Requests, tickets and jobs, in place of one table for all three.

The release before cannot work beside it. The old table is renamed in the transaction that copies
it, so that nothing can be acknowledged into it from then on: what was committed before is copied,
and what comes later fails, which Slack is told.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from bot.store.suitable import Unsuitable

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FORMER = "escalation_until_0005"
MIGRATED = "migrated.0005"

EDITABLE_SECONDS = 87000.0
"""An answer is edited after ten minutes, or for a day from then on."""

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.Float(53)


def upgrade() -> None:
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        # The strongest lock at once: renaming needs it, and a weaker one would have to be raised.
        op.execute("LOCK TABLE escalation IN ACCESS EXCLUSIVE MODE")
    _check_no_others_tables(bind)
    _create_tables()
    _copy(bind)
    if bind.scalar(sa.text("SELECT EXISTS (SELECT 1 FROM escalation)")):
        op.rename_table("escalation", FORMER)
        _note_moment(bind)
        if bind.dialect.name == "postgresql":
            op.execute("ANALYZE request, ticket, ticket_message, job")
    else:
        op.drop_table("escalation")


def downgrade() -> None:
    raise Unsuitable(
        "there is no way back from 0005: the tables before it cannot hold what it keeps",
        "restore the backup that was made before the upgrade",
    )


def _check_no_others_tables(bind: sa.Connection) -> None:
    """Raise Unsuitable if a table that is to be made is there: the schema may be shared."""
    ours = {"request", "ticket", "ticket_message", "undo", "job", FORMER}
    if theirs := ours & set(sa.inspect(bind).get_table_names()):
        raise Unsuitable(
            "the database has tables of another program with the names that the bridge needs: "
            f"{', '.join(sorted(theirs))}",
            "rename them, or move the bridge's tables to a schema of their own",
        )


def _text(name: str, *, required: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=not required)


def _time(name: str, *, required: bool = False) -> sa.Column[float]:
    return sa.Column(name, _TIME, nullable=not required)


def _id(name: str = "id", *, required: bool = True) -> sa.Column[int]:
    return sa.Column(name, _ID, nullable=not required)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _create_tables() -> None:
    op.create_table(
        "request",
        _id(),
        *(_text(name, required=True) for name in ("team", "key", "slack_id")),
        _text("act"),
        _count("act_generation"),
        _text("via", required=True),
        _text("channel"),
        _text("submitter", required=True),
        _text("requester"),
        _text("trigger", required=True),
        *(_text(name) for name in ("message", "form", "reply_to")),
        *(_text(name, required=True) for name in ("state", "answer")),
        *(_text(name) for name in ("reason", "reason_data")),
        _id("ticket_id", required=False),
        _time("sent_at"),
        *(_text(name) for name in ("external_id", "rest", "files", "posted")),
        _time("created_at", required=True),
        *(_time(name) for name in ("delay_told_at", "settled_at")),
        sa.PrimaryKeyConstraint("id", name="pk_request"),
    )
    op.create_table(
        "ticket",
        _id(),
        *(_text(name, required=True) for name in ("team", "key")),
        _count("generation"),
        _text("conversation_key"),
        _id("request_id"),
        *(_text(name) for name in ("requester", "customer", "evidence")),
        _text("state", required=True),
        *(_text(name) for name in ("thread_id", "thread_ref", "thread_url")),
        _time("created_at", required=True),
        *(_time(name) for name in ("opened_at", "undone_at")),
        *(_text(name) for name in ("undone_by", "duplicates")),
        sa.PrimaryKeyConstraint("id", name="pk_ticket"),
    )
    op.create_table(
        "ticket_message",
        sa.Column("ticket_id", _ID, nullable=False, autoincrement=False),
        *(_text(name, required=True) for name in ("key", "how")),
        sa.PrimaryKeyConstraint("ticket_id", "key", name="pk_ticket_message"),
    )
    op.create_table(
        "undo",
        _id(),
        _text("team", required=True),
        _id("request_id"),
        _text("by", required=True),
        _text("click"),
        _time("created_at", required=True),
        sa.PrimaryKeyConstraint("id", name="pk_undo"),
    )
    op.create_table(
        "job",
        _id(),
        _text("kind", required=True),
        _id("key"),
        _text("team", required=True),
        *(_text(name) for name in ("order_key", "channel")),
        _time("due", required=True),
        _time("lease_until"),
        _text("token"),
        *(_count(name) for name in ("attempts", "failures")),
        _time("failed_at"),
        _count("strikes"),
        _time("struck_since"),
        _text("cause"),
        _count("half_way"),
        _time("created_at", required=True),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
    )


_INDEXES: tuple[tuple[str, str, list[str], bool, str | None], ...] = (
    ("uq_request_slack_id", "request", ["slack_id", "team"], True, None),
    ("uq_request_act", "request", ["act", "act_generation"], True, None),
    ("ix_request_key", "request", ["key"], False, None),
    ("ix_request_submitter", "request", ["submitter", "id"], False, None),
    ("ix_request_settled_at", "request", ["settled_at"], False, None),
    ("ix_request_ticket_id", "request", ["ticket_id"], False, "ticket_id IS NOT NULL"),
    ("ix_request_on_hold", "request", ["requester"], False, "state = 'on_hold'"),
    ("ix_request_parked", "request", ["id"], False, "state = 'parked'"),
    (
        "ix_request_texts",
        "request",
        ["settled_at"],
        False,
        "coalesce(message, form, rest, files) IS NOT NULL AND settled_at IS NOT NULL",
    ),
    (
        "ix_request_addresses",
        "request",
        ["settled_at"],
        False,
        "reply_to IS NOT NULL AND settled_at IS NOT NULL",
    ),
    ("uq_ticket_key_generation", "ticket", ["key", "generation"], True, None),
    ("uq_ticket_conversation_key", "ticket", ["conversation_key"], True, None),
    ("ix_ticket_thread_id", "ticket", ["thread_id"], False, None),
    ("ix_ticket_thread_ref", "ticket", ["thread_ref"], False, None),
    ("ix_ticket_message_key", "ticket_message", ["key"], False, None),
    ("uq_job_kind_key", "job", ["kind", "key"], True, None),
    ("uq_job_leased", "job", ["order_key"], True, "token IS NOT NULL"),
    ("ix_job_channel", "job", ["channel"], False, "token IS NOT NULL"),
    ("ix_job_order_key", "job", ["order_key"], False, None),
    ("ix_job_due", "job", ["due"], False, None),
    ("ix_job_others_due", "job", ["due"], False, "kind <> 'decide'"),
)

# What a row of the old table is.

_IS_OUTSTANDING = "e.state IN ('waiting', 'refused', 'parked')"
"""Something may have been sent, and its outcome is unknown; or nothing was."""
_OPENS = f"""(
  e.state IN ('created', 'undone') AND e.thread_id IS NOT NULL
  OR {_IS_OUTSTANDING} AND e.sent_at IS NOT NULL AND e.customer IS NOT NULL AND e.thread_id IS NULL
)"""
"""It opened a thread, or a create was about to be sent."""
_ADDS = f"((e.state = 'added' OR {_IS_OUTSTANDING}) AND e.thread_id IS NOT NULL)"
"""It was added to a thread, or was about to be."""
_IS_UNDOING = "(e.state = 'created' AND e.undone_by IS NOT NULL)"
_IS_ON_HOLD = """(
  e.state = 'refused' AND e.reason IN ('no_customer', 'broken_link')
  AND e.reason_data LIKE '%"requester":%' AND e.requester IS NOT NULL AND e.settled_at > :erased
)"""
_EXTERNAL_ID = "CASE e.generation WHEN 1 THEN e.key ELSE e.key || ':' || e.generation END"
_DUE = "CASE WHEN e.lease_until > e.due THEN e.lease_until ELSE e.due END"
"""A process of the release before may be at it until its lease ends."""
_FAILURES = "CASE WHEN e.token IS NOT NULL AND {count} > 0 THEN {count} - 1 ELSE {count} END"
"""It counted the attempts that failed, and the one that is under way."""

_TICKETS = """
INSERT INTO ticket (
  id, team, key, generation, conversation_key, request_id, requester, customer, evidence, state,
  thread_id, thread_ref, thread_url, created_at, opened_at, undone_at, undone_by, duplicates
)
SELECT
  e.id, e.team, e.key, e.generation, e.conversation_key, e.id, e.requester, e.customer, e.evidence,
  CASE
    WHEN e.state = 'undone' THEN 'undone'
    WHEN {is_undoing} THEN 'undoing'
    WHEN coalesce(e.thread_id, {rest_id}) IS NULL THEN 'opening'
    ELSE 'open'
  END,
  coalesce(e.thread_id, {rest_id}),
  coalesce(e.thread_ref, {rest_ref}),
  coalesce(e.thread_url, {rest_url}),
  e.created_at,
  CASE WHEN e.thread_id IS NOT NULL THEN e.settled_at WHEN {rest_id} IS NOT NULL THEN e.sent_at END,
  e.undone_at, e.undone_by, e.doubles
FROM escalation e WHERE {opens}
"""

# A thread to which something was added, and whose own row is missing: a restored backup may be so.
_TICKETS_OF_ADDITIONS = """
INSERT INTO ticket (
  id, team, key, generation, conversation_key, request_id, requester, state,
  thread_id, thread_ref, thread_url, created_at, opened_at
)
SELECT
  e.id, e.team, e.key, e.generation, e.conversation_key, e.id, e.requester, 'open',
  e.thread_id, e.thread_ref, e.thread_url, e.created_at, e.settled_at
FROM escalation e WHERE e.id IN (
  SELECT min(e.id) FROM escalation e
  WHERE {adds} AND NOT EXISTS (SELECT 1 FROM ticket t WHERE t.thread_id = e.thread_id)
  GROUP BY e.thread_id
)
"""

_REQUESTS = """
INSERT INTO request (
  id, team, key, slack_id, act, act_generation, via, channel, submitter, requester,
  "trigger", message, form, reply_to, state, answer, reason, reason_data, ticket_id,
  sent_at, external_id, rest, files, posted, created_at, delay_told_at, settled_at
)
SELECT
  e.id, e.team, e.key, e.request,
  CASE WHEN e.via = 'reaction' THEN 'reaction:' || e.key || ':' || e.asker || ':' || {emoji} END,
  CASE WHEN e.via = 'reaction' THEN e.generation ELSE 1 END,
  e.via, e.channel, e.asker, e.requester, e."trigger", e.message, e.form, e.reply_to,
  CASE
    WHEN {is_on_hold} THEN 'on_hold'
    WHEN e.state = 'refused' THEN 'rejected'
    WHEN e.state = 'unwanted' THEN 'ignored'
    WHEN e.state = 'undone' AND e.thread_id IS NULL THEN 'withdrawn'
    WHEN e.state = 'undone' THEN 'created'
    ELSE e.state
  END,
  CASE WHEN e.answer = 'due' AND NOT {is_answer_due} THEN 'unsayable' ELSE e.answer END,
  e.reason, e.reason_data,
  CASE
    WHEN {opens} THEN e.id
    WHEN {adds} THEN t.id
  END,
  CASE WHEN {is_outstanding} THEN e.sent_at END,
  CASE WHEN {is_outstanding} AND e.sent_at IS NOT NULL THEN {external_id} END,
  e.sequels, e.files,
  CASE WHEN e.state IN ('created', 'undone') AND e.settled_at > :editable THEN e.said_in END,
  e.asked_at, e.queued_told_at, e.settled_at
FROM escalation e LEFT JOIN (
  SELECT thread_id, max(id) AS id FROM ticket WHERE thread_id IS NOT NULL GROUP BY thread_id
) AS t ON t.thread_id = e.thread_id
"""

_NEXT_ID = """
SELECT setval(
  pg_get_serial_sequence('{table}', 'id'), coalesce((SELECT max(id) FROM {table}), 0) + 1, false
)
"""

_IS_ANSWER_DUE = "(e.answer = 'due' AND e.due IS NOT NULL AND e.state NOT IN ('waiting', 'undone'))"

# Slack's ids differ. If two rows have one all the same, the index must not fail.
_SAME_SLACK_IDS = """
UPDATE request SET slack_id = slack_id || ':' || id WHERE id IN (
  SELECT id FROM (
    SELECT id, row_number() OVER (PARTITION BY team, slack_id ORDER BY id) AS nth FROM request
  ) AS numbered
  WHERE nth > 1
)
"""

_JOB = """
INSERT INTO job (
  kind, key, team, order_key, channel, due, attempts, failures, failed_at, strikes, struck_since,
  cause, half_way, created_at
)
"""

_AFTER_REQUESTS = (
    """
    INSERT INTO ticket_message (ticket_id, key, how)
    SELECT id, key, 'opened' FROM ticket WHERE thread_id IS NOT NULL
    """,
    # A message whose undo was given up after it had been requested again is in its ticket twice.
    """
    INSERT INTO ticket_message (ticket_id, key, how)
    SELECT ticket_id, key, 'added' FROM request
    WHERE state = 'added' AND ticket_id IS NOT NULL ORDER BY ticket_id
    ON CONFLICT DO NOTHING
    """,
    """
    {job}
    SELECT 'decide', e.id, e.team, coalesce(e.conversation_key, e.key), e.channel,
      coalesce({due}, e.asked_at),
      e.attempts, {failures}, e.failed_at, e.strikes, e.struck_since, e.cause,
      CASE WHEN e.sent_at IS NULL THEN 0 ELSE 1 END, e.asked_at
    FROM escalation e WHERE e.state = 'waiting' ORDER BY e.id
    """,
    """
    {job}
    SELECT 'answer', e.id, e.team, NULL, NULL, {due},
      e.answer_attempts, {answer_failures}, NULL, 0, NULL, e.cause, 0, e.settled_at
    FROM escalation e WHERE {is_answer_due} ORDER BY e.id
    """,
    """
    {job}
    SELECT 'duplicate', t.id, t.team, NULL, NULL, e.verify_at,
      0, 0, NULL, 0, NULL, NULL, 0, e.settled_at
    FROM escalation e JOIN ticket t ON t.id = e.id
    WHERE e.verify_at IS NOT NULL AND t.customer IS NOT NULL AND t.thread_id IS NOT NULL
    ORDER BY t.id
    """,
    """
    {job}
    SELECT 'edit', e.id, e.team, NULL, NULL,
      CASE WHEN e.state = 'undone' THEN e.undone_at ELSE e.settled_at + 600 END,
      0, 0, NULL, 0, NULL, NULL, 0, e.settled_at
    FROM escalation e JOIN request r ON r.id = e.id WHERE r.posted IS NOT NULL ORDER BY e.id
    """,
    """
    INSERT INTO undo (team, request_id, "by", created_at)
    SELECT e.team, e.id, e.undone_by, e.undone_at FROM escalation e
    WHERE {is_undoing} ORDER BY e.id
    """,
    # A process of the release before may be at it for 30 s.
    """
    {job}
    SELECT 'undo', u.id, u.team, NULL, NULL, u.created_at + 30,
      0, 0, NULL, 0, NULL, NULL, 0, u.created_at
    FROM undo u ORDER BY u.id
    """,
    # How far the release before had come with erasing.
    "DELETE FROM memory WHERE name IN ('retention.texts', 'retention.addresses')",
)


def _copy(bind: sa.Connection) -> None:
    """Copy every row of the old table, whatever its state; then build the indexes."""
    is_postgres = bind.dialect.name == "postgresql"
    names = _expressions(is_postgres)

    def run(statement: str, **given: object) -> None:
        bind.execute(sa.text(statement.format(**names)), given)

    run(_TICKETS)
    _create_indexes("ticket")
    run(_TICKETS_OF_ADDITIONS)
    run(_REQUESTS, erased=_erased(bind), editable=_now(bind) - EDITABLE_SECONDS)
    run(_SAME_SLACK_IDS)
    for statement in _AFTER_REQUESTS:
        run(statement)
    for table in ("request", "ticket_message", "job"):
        _create_indexes(table)
    if is_postgres:
        for table in ("request", "ticket"):
            run(_NEXT_ID.format(table=table))


def _expressions(is_postgres: bool) -> dict[str, str]:
    """Return the expressions by the names that the statements have for them."""

    def field(column: str, *path: str) -> str:
        if not is_postgres:
            return f"json_extract({column}, '$.{'.'.join(path)}')"
        # PostgreSQL refuses to read a field of what has a NUL in any of its texts.
        return f"(replace({column}, '\\u0000', '\\u0020')::json #>> '{{{','.join(path)}}}')"

    return {
        "job": _JOB,
        "opens": _OPENS,
        "adds": _ADDS,
        "is_outstanding": _IS_OUTSTANDING,
        "is_undoing": _IS_UNDOING,
        "is_on_hold": _IS_ON_HOLD,
        "is_answer_due": _IS_ANSWER_DUE,
        "external_id": _EXTERNAL_ID,
        "due": _DUE,
        "failures": _FAILURES.format(count="e.attempts"),
        "answer_failures": _FAILURES.format(count="e.answer_attempts"),
        "emoji": field('e."trigger"', "trigger", "emoji"),
        "rest_id": field("e.sequels", "ticket", "id"),
        "rest_ref": field("e.sequels", "ticket", "ref"),
        "rest_url": field("e.sequels", "ticket", "url"),
    }


def _create_indexes(of: str) -> None:
    for name, table, columns, is_unique, where in _INDEXES:
        if table == of:
            condition = None if where is None else sa.text(where)
            op.create_index(
                name,
                table,
                columns,
                unique=is_unique,
                sqlite_where=condition,
                postgresql_where=condition,
            )


def _now(bind: sa.Connection) -> float:
    """Return the present moment by the database's clock."""
    now = sa.select(context.config.attributes["database"].now())
    return float(bind.scalars(now).one())


def _erased(bind: sa.Connection) -> float:
    """Return up to which `settled_at` the texts of rows were erased."""
    reached = bind.scalar(sa.text("SELECT value FROM memory WHERE name = 'retention.texts'"))
    return 0.0 if reached is None else float(reached)


def _note_moment(bind: sa.Connection) -> None:
    """Note since when the old table is a former one: it is dropped after a day."""
    now = _now(bind)
    bind.execute(
        sa.text("INSERT INTO memory (name, value, updated_at) VALUES (:name, :value, :now)"),
        {"name": MIGRATED, "value": repr(now), "now": now},
    )
