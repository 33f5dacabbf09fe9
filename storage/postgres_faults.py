"""Every fault of PostgreSQL as one sentence, and whether trying again may help."""

from __future__ import annotations

import zlib
from enum import StrEnum

import asyncpg
import msgspec

from bot.errors import StorageError

KNOWN = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""What asyncpg raises on purpose, and what the network does under it."""

# https://www.postgresql.org/docs/current/errcodes-appendix.html: states, or classes of them, and what a
# person can do about each.
_MEANS = {
    "25006": "takes no writes; let url under [storage] lead to the primary (with several hosts:"
    " target_session_attrs=read-write), and see that it is not read-only",
    "28": "refuses this user or its password; check url under [storage] and the password, which is read from"
    " password_env or password_file",
    "3D000": "has no such database; create it, or correct url under [storage]",
    "3F000": "has no schema that this user may create tables in; see docs/storage.md",
    "42501": "does not let this user do what is needed; make it the owner of the database",
    "53100": "cannot grow because its disk is full; free some space (what was stored is safe)",
    "53": "is short of memory, connections or another resource; see its log (what was stored is safe)",
    "58": "could not read or write its disk; see its log",
    "XX001": "is damaged; see its log, and restore a backup",
    "XX002": "is damaged; see its log, and restore a backup",
    "42P01": "lacks a table that this release has made; restore a backup",
    "42703": "lacks a column that this release has made; restore a backup",
}

DAMAGED = (msgspec.MsgspecError, zlib.error)
"""A record that cannot be read."""


class Again(StrEnum):
    """What a fault says about trying again."""

    NEVER = "never"
    SOON = "soon"
    """Somebody else was writing the same; at once it may be through."""
    WHEN_BACK = "when it is back"
    """The server is away, starting, stopping or changing places."""


_SOON = ("40", "55P03", "23505")
_AWAY = ("08", "57P", "53300", "25006", "25P03", "25P04")
# 57P04: the database was dropped. 57014 (cancelled from outside) is no such state either.
_GONE = ("57P04",)
_POOLED = "unsupported startup parameter"
"""So PgBouncer refuses a session with settings of its own. All else it says has the same SQLSTATE, 08P01."""


def again(fault: BaseException) -> Again:
    """``fault`` is one of ``KNOWN``."""
    state = getattr(fault, "sqlstate", None) or ""
    if isinstance(fault, asyncpg.InvalidCachedStatementError):
        return Again.SOON  # the table was changed by a newer release beside us
    if isinstance(fault, asyncpg.PostgresError):
        if _POOLED in str(fault):
            return Again.NEVER
        if state.startswith(_SOON):
            return Again.SOON
        return Again.WHEN_BACK if state.startswith(_AWAY) and state not in _GONE else Again.NEVER
    if isinstance(fault, asyncpg.ClientConfigurationError):
        return Again.NEVER
    if isinstance(fault, asyncpg.InterfaceError) and "connection" not in str(fault):
        return Again.NEVER  # asyncpg says of itself that it was used wrongly
    return Again.WHEN_BACK


def explain(where: str, fault: BaseException) -> StorageError:
    """The fault as one sentence that names the database and what to do. No password is in either."""
    if isinstance(fault, DAMAGED):
        return StorageError(f"{where} holds a damaged record ({fault}); restore a backup.")
    state = getattr(fault, "sqlstate", None) or ""
    why = " ".join(str(fault).split()) or type(fault).__name__
    means = _MEANS.get(state) or _MEANS.get(state[:2])
    if _POOLED in why:
        means = f"is reached through a pooler ({why}); let direct_url under [storage] lead past it"
    if means is None and again(fault) is Again.WHEN_BACK:
        means = f"cannot be reached ({why}); check that PostgreSQL runs there"
    if means is None:
        means = f"refused what was asked of it ({why}); please report this"
    return StorageError(f"{where} {means}.")
