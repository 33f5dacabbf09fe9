"""How one setting is written, and the readers that turn its TOML value into ours.

A reader raises ``ValueError`` where the value is not what the setting expects.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from bot.domain.assets import Asset, parse_asset

T = TypeVar("T")

_SECONDS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
_DURATION = re.compile(r"(?:\s*\d{1,6}(?:\.\d{1,3})?\s*[a-z]+)+\s*")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_COIN = re.compile(r"[A-Za-z0-9]{1,20}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One key of one table, with what it ``expected`` to be and an ``example``, both for a person."""

    table: str
    key: str
    default: T
    expected: str
    example: str
    read: Callable[[object], T]


def duration(value: object) -> timedelta:
    """A length of time as people write it: ``60s``, ``1m30s``, ``2 min``, ``1 hour``."""
    words = value.lower() if isinstance(value, str) else ""
    if not _DURATION.fullmatch(words):
        raise ValueError(value)
    seconds = 0.0
    for number, unit in _DURATION_PART.findall(words):
        each = _SECONDS.get(unit) or _SECONDS.get(unit.removesuffix("s"))
        if each is None:
            raise ValueError(value)
        seconds += float(number) * each
    return timedelta(seconds=seconds)


def duration_within(least: timedelta, most: timedelta) -> Callable[[object], timedelta]:
    def read(value: object) -> timedelta:
        found = duration(value)
        if not least <= found <= most:
            raise ValueError(value)
        return found

    return read


def texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(value)
    return tuple(value)


def coins(value: object) -> frozenset[Asset] | None:
    """Coins by any name a venue gives them (XBT is BTC); ``None`` for ``"all"``."""
    if value == "all":
        return None
    names = texts(value)
    if not names or not all(_COIN.fullmatch(name) for name in names):
        raise ValueError(value)
    return frozenset(parse_asset(name)[0] for name in names)


def file_path(value: object) -> Path:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(value)
    try:
        return Path(value).expanduser()
    except RuntimeError as fault:  # a ~somebody whom this machine does not know
        raise ValueError(value) from fault


def variable(value: object) -> str:
    """The name of an environment variable."""
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise ValueError(value)
    return value


def port(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65535:
        raise ValueError(value)
    return value


def share(value: object) -> float:
    """A fraction above zero and at most one."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 1:
        raise ValueError(value)
    return float(value)


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


def one_of(*words: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(value)
        return value

    return read


def address(*schemes: str, whole: bool = False) -> Callable[[object], str | None]:
    """A URL of one of ``schemes``, without the slash at its end unless it is wanted ``whole``."""

    def read(value: object) -> str | None:
        if not isinstance(value, str):
            raise ValueError(value)
        parts = urlsplit(value)
        if (
            parts.scheme not in schemes
            or not parts.hostname
            or parts.port == 0
            or parts.query
            or parts.fragment
        ):
            raise ValueError(value)
        return value if whole else value.rstrip("/")

    return read
