"""A copy of the SQLite file, also while a bot writes into it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import StorageError
from storage.sqlite_connections import explained

PAGES = 4_096
"""At a time, so that the bot writes in between."""


def backup_to(source: Path, target: Path) -> int:
    """Copy through SQLite's own backup, check the copy, and only then give it its name; returns its bytes.

    Raises ``StorageError``, and leaves nothing under ``target`` then.
    """
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    with explained(source):
        here = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)
    with closing(here), explained(partial), closing(sqlite3.connect(partial)) as there:
        here.backup(there, pages=PAGES)
        # A copy in one file, with no log beside it.
        there.execute("pragma journal_mode = delete")
        (found,) = there.execute("pragma integrity_check(1)").fetchone()
    if found != "ok":
        partial.unlink()
        raise StorageError(f"{source} is damaged ({found}); put an older backup in its place.")
    partial.rename(target)
    return target.stat().st_size
