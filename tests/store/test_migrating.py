"""What a start needs of the migrations, without Alembic."""

from __future__ import annotations

import subprocess
import sys

from alembic.script import ScriptDirectory

from bot.store import migrating
from bot.store.database import Database


def test_the_head_is_the_one_that_alembic_finds() -> None:
    head = ScriptDirectory.from_config(migrating.config()).get_current_head()
    assert migrating.head() == head


def test_a_database_without_tables_has_no_revision(tmp_path: object) -> None:
    empty = Database(f"sqlite:///{tmp_path}/empty.db")
    assert migrating.revision(empty) is None
    empty.close()


def test_a_start_at_head_imports_neither_alembic_nor_the_other_engines_driver(
    sqlite_url: str,
) -> None:
    program = (
        "import sys; from bot import build; from bot.store.database import Database; "
        f"build.prepare(Database({sqlite_url!r})); "
        "assert not {'alembic', 'mako', 'psycopg'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
