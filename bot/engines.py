"""Settings of the engines behind the ports, and where their secrets are found."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

from bot.platforms import VARIABLE, Token
from bot.settings import Setting, file_path, variable

T = TypeVar("T")
_DATABASE = (
    "the address of a PostgreSQL database, without the password (password_env or password_file is for that)"
)
_EXAMPLE = '"postgresql://washout@db.example:5432/washout"'
_QUERY = {"sslmode", "sslrootcert", "sslcert", "sslkey", "host", "target_session_attrs"}
"""What asyncpg understands in an address besides the place; a password is none of it."""


def database_url(value: object) -> str:
    """``postgresql://user@host:port/database?sslmode=verify-full``, also with several hosts."""
    parts = urlsplit(value if isinstance(value, str) else "")
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    user, at, hosts = parts.netloc.rpartition("@")
    if (
        parts.scheme not in ("postgresql", "postgres")
        or (at and not user)
        or ":" in user
        or not (hosts or "host" in asked)
        or len(parts.path) < 2
        or not asked.keys() <= _QUERY
        or parts.fragment
        or not parts.geturl().isprintable()
    ):
        raise ValueError(value)
    return parts.geturl()


STORAGE_URL: Setting[str | None] = Setting("storage", "url", None, _DATABASE, _EXAMPLE, database_url)
STORAGE_DIRECT_URL: Setting[str | None] = Setting(
    "storage", "direct_url", None, _DATABASE, _EXAMPLE, database_url
)
STORAGE_PASSWORD_ENV = Setting(
    "storage",
    "password_env",
    "WASHOUT_DATABASE_PASSWORD",
    VARIABLE,
    '"WASHOUT_DATABASE_PASSWORD"',
    variable,
)
STORAGE_PASSWORD_FILE: Setting[Path | None] = Setting(
    "storage", "password_file", None, "the path of a file", '"secrets/database_password"', file_path
)

STORAGE_SETTINGS: tuple[Setting[Any], ...] = (
    *(STORAGE_URL, STORAGE_DIRECT_URL),
    *(STORAGE_PASSWORD_ENV, STORAGE_PASSWORD_FILE),
)


class DatabaseSettings(msgspec.Struct, frozen=True):
    """A PostgreSQL database; ``direct_url`` leads past a pooler that ``url`` leads to."""

    url: str
    direct_url: str | None = None
    password: Token = Token("WASHOUT_DATABASE_PASSWORD")


class Get(Protocol):
    """Reads one setting of the file, or notes its fault and gives the default."""

    def __call__(self, setting: Setting[T], /) -> T: ...


def database(get: Get, faults: list[str]) -> DatabaseSettings | None:
    """``None`` where the state is kept in a file of its own."""
    url, direct = get(STORAGE_URL), get(STORAGE_DIRECT_URL)
    password = Token(get(STORAGE_PASSWORD_ENV), get(STORAGE_PASSWORD_FILE))
    if direct is not None and url is None and not faults:
        faults.append("[storage] direct_url needs url beside it, which leads to the pooler")
    return DatabaseSettings(url, direct, password) if url is not None else None
