"""A fleet: processes that share the roles of one bot, and what each tells the others of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b

import msgspec

from bot.domain.health import SourceHealth
from bot.domain.market import Venue


class Role(StrEnum):
    """What a process does of the bot's work."""

    COLLECT = "collect"
    """Ask and hear venues."""
    JUDGE = "judge"
    DELIVER = "deliver"
    """Keep the posts in chats true."""
    TALK = "talk"
    """Answer people."""
    PAGE = "page"
    """Serve the local chat, /healthz and /metrics."""


ALL_ROLES = tuple(Role)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One process as it describes itself, every second or two. Fields of newer releases are passed over.

    ``venues`` are those it asks now, ``waiting`` how much waits in each of its queues, ``sent`` how many
    calls each of its lanes made in the last minute, ``open_interest`` when a venue last told it some,
    and ``began`` when it first expected one to (both market time).
    """

    name: str
    roles: tuple[Role, ...]
    version: str
    started: datetime
    at: datetime
    venues: tuple[Venue, ...] = ()
    sources: tuple[SourceHealth, ...] = ()
    rejected: Mapping[Venue, int] = {}
    waiting: Mapping[str, int] = {}
    sent: Mapping[str, int] = {}
    open_interest: datetime | None = None
    began: datetime | None = None


def played(members: Iterable[Member]) -> Mapping[Role, int]:
    """How many play each role; 0 where its work is not done."""
    roles = [role for member in members for role in member.roles]
    return {role: roles.count(role) for role in Role}


def owner(thing: str, members: Iterable[str]) -> str | None:
    """Whose it is, by rendezvous: whoever comes or goes moves only what it gets or had.

    (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998.)
    """
    return max(members, key=lambda member: (_weight(thing, member), member), default=None)


def share(things: Iterable[Venue], me: str, members: Sequence[str]) -> frozenset[Venue]:
    """Those of ``things`` that are ours."""
    return frozenset(thing for thing in things if owner(thing, members) == me)


def _weight(thing: str, member: str) -> bytes:
    return blake2b(f"{thing}\0{member}".encode(), digest_size=8).digest()
