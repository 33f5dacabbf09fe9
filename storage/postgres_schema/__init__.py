"""The tables on PostgreSQL, as migrations: forward only, named, and never edited once released.

Each file is one migration. Its line ``-- works from: N`` says that a program which knows the migrations up to
N goes on working when this one is applied beside it: so the processes of one release and of the next run side
by side. What a release no longer uses is dropped one release later.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_WORKS_FROM = re.compile(r"^-- works from: (\d+)$", re.MULTILINE)


class Migration(NamedTuple):
    """``works_from`` is the newest migration that a program must know to go on working after this one."""

    number: int
    name: str
    works_from: int
    sql: str
    checksum: str


@cache
def known() -> tuple[Migration, ...]:
    """Every migration of this release, in order."""
    found = [
        _read(one.name.removesuffix(".sql"), one.read_text("utf-8"))
        for one in files(__name__).iterdir()
        if one.name.endswith(".sql")
    ]
    return tuple(sorted(found))


def _read(name: str, sql: str) -> Migration:
    works_from = _WORKS_FROM.search(sql)
    if works_from is None:
        raise ValueError(f"{name}.sql does not say from which migration on a program works with it")
    checksum = hashlib.sha256(sql.encode()).hexdigest()
    return Migration(int(name[:4]), name, int(works_from[1]), sql, checksum)
