"""Settings of the machinery between the processes of a fleet, and where its secrets are found."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from bot.domain.fleet import ALL_ROLES, Role
from bot.errors import ConfigError
from bot.platforms import VARIABLE, Token
from bot.settings import Setting, file_path, variable

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9_]{1,32}")


def nats_servers(value: object) -> tuple[str, ...]:
    """One address of a NATS server or several, as a list or with commas; without who may come in."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list) or not given:
        raise ValueError(value)
    return tuple(_server(one) for one in given)


def _server(value: object) -> str:
    parts = urlsplit(value.strip() if isinstance(value, str) else "")
    if (
        parts.scheme not in ("nats", "tls")
        or not parts.hostname
        or parts.port == 0
        or "@" in parts.netloc
        or parts.path
        or parts.query
        or parts.fragment
    ):
        raise ValueError(value)
    return parts.geturl()


def whole(least: int, most: int, *, odd: bool = False) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(value)
        if odd and value % 2 == 0:
            raise ValueError(value)
        return value

    return read


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(value)
    return value


STREAMS_URL: Setting[tuple[str, ...] | None] = Setting(
    "streams",
    "url",
    None,
    "the address of a NATS server, or a list of those of one cluster; who may come in is told by user and"
    " password_env, or by credentials_file",
    '["nats://nats-1.example:4222", "nats://nats-2.example:4222"]',
    nats_servers,
)
STREAMS_NAME = Setting("streams", "name", "washout", "1-32 of the letters A-Z a-z 0-9 _", '"washout"', _name)
STREAMS_REPLICAS = Setting("streams", "replicas", 3, "1, 3 or 5", "3", whole(1, 5, odd=True))
STREAMS_PARTITIONS = Setting("streams", "partitions", 1, "a whole number from 1 to 64", "4", whole(1, 64))
STREAMS_USER: Setting[str | None] = Setting(
    "streams", "user", None, "1-32 of the letters A-Z a-z 0-9 _", '"washout"', _name
)
STREAMS_PASSWORD_ENV = Setting(
    "streams", "password_env", "WASHOUT_STREAMS_PASSWORD", VARIABLE, '"WASHOUT_STREAMS_PASSWORD"', variable
)
STREAMS_PASSWORD_FILE: Setting[Path | None] = Setting(
    "streams", "password_file", None, "the path of a file", '"secrets/streams_password"', file_path
)
STREAMS_CREDENTIALS: Setting[Path | None] = Setting(
    "streams", "credentials_file", None, "the path of a file", '"secrets/washout.creds"', file_path
)
STREAMS = (
    *(STREAMS_URL, STREAMS_NAME, STREAMS_REPLICAS, STREAMS_PARTITIONS),
    *(STREAMS_USER, STREAMS_PASSWORD_ENV, STREAMS_PASSWORD_FILE, STREAMS_CREDENTIALS),
)


def chosen_roles(
    asked: Sequence[str], streams: StreamsSettings | None, *, database: bool
) -> tuple[Role, ...]:
    """The roles to play: those asked for, or all. Raises ``ConfigError`` where they need what is not set."""
    roles = tuple(role for role in ALL_ROLES if role in asked) or ALL_ROLES
    missing = [f"[streams] {STREAMS_URL.key}, where the processes meet"] if streams is None else []
    if not database:
        missing.append("[storage] url, the database that they share")
    if len(roles) < len(ALL_ROLES) and missing:
        what = f"run {' '.join(roles)} shares the work with other processes"
        raise ConfigError(f"{what}: that needs {' and '.join(missing)} (docs/scaling.md)")
    if streams is not None and not database:
        raise ConfigError(f"[streams] url needs {missing[0]}, beside it (docs/scaling.md)")
    return roles


class StreamsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A NATS cluster with JetStream. ``name`` begins the name of everything that this fleet has there."""

    servers: tuple[str, ...]
    name: str = "washout"
    replicas: int = 3
    partitions: int = 1
    user: str | None = None
    password: Token = Token("WASHOUT_STREAMS_PASSWORD")
    credentials_file: Path | None = None


class Get(Protocol):
    def __call__(self, setting: Setting[T], /) -> T: ...


def streams_of(get: Get) -> StreamsSettings | None:
    """As the table ``[streams]`` says; ``None`` without ``url``."""
    servers = get(STREAMS_URL)
    found = StreamsSettings(
        servers=servers or (),
        name=get(STREAMS_NAME),
        replicas=get(STREAMS_REPLICAS),
        partitions=get(STREAMS_PARTITIONS),
        user=get(STREAMS_USER),
        password=Token(get(STREAMS_PASSWORD_ENV), get(STREAMS_PASSWORD_FILE)),
        credentials_file=get(STREAMS_CREDENTIALS),
    )
    return found if servers else None
