"""Who is told what: destinations, subscriptions, thresholds and posts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from bot.domain.assets import Asset
from bot.domain.cards import Card
from bot.domain.waves import Kind


class Destination(msgspec.Struct, frozen=True, order=True, gc=False):
    """A place to speak: a chat of a platform, or one topic or thread of it.

    There are very many (``gc``: what holds no cycle need not be looked through for one).
    """

    platform: str
    chat: str
    topic: str = ""

    @property
    def key(self) -> str:
        return f"{self.platform}/{self.chat}/{self.topic}"


class Measure(StrEnum):
    """What a threshold is counted in."""

    W = "w"
    """Magnitude; "about three a week" is kept as one."""
    FALL = "fall"
    """Share of coin OI closed within ``horizon``, a fraction."""
    USD = "usd"
    """Dollars of positions closed (position part)."""
    COINS = "coins"
    """Coins closed."""


class Threshold(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A wave is told when it reaches ``value``. ``horizon`` only for ``FALL``; ``None`` is the whole wave."""

    measure: Measure
    value: float
    horizon: timedelta | None = None


WEEKLY_W = 2.2
MONTHLY_W = 2.9
YEARLY_W = 3.9


class Wish(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True, gc=False):
    """What a subscription asks for, apart from who asks: many chats share a few wishes."""

    assets: frozenset[Asset] | None
    threshold: Threshold
    kinds: frozenset[Kind]
    native_only: bool


class Subscription(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one destination wants to hear. ``assets`` is ``None`` for every coin.

    ``id`` is given by the store (0 before). ``native_only`` leaves out waves that institutions led.
    """

    id: int = 0
    destination: Destination
    assets: frozenset[Asset] | None = None
    threshold: Threshold = Threshold(Measure.W, WEEKLY_W)
    kinds: frozenset[Kind] = frozenset({Kind.FLUSH, Kind.SQUEEZE})
    native_only: bool = False
    created: datetime
    created_by: str = ""

    @property
    def wish(self) -> Wish:
        return Wish(
            assets=self.assets, threshold=self.threshold, kinds=self.kinds, native_only=self.native_only
        )


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """One subject (a wave or a notice) in one destination, on its way to the newest revision.

    ``wanted`` is the newest revision, ``loud`` the newest worth a sound, ``shown`` the one the chat shows
    (0: none), ``message`` the platform's name for what it shows. Larger ``size`` goes first. ``rung_w`` is
    the magnitude when it last made a sound (0: none had).

    Times are real time: nothing is due before ``not_before`` (a claim, or the platform's wish) and before
    ``silent_until`` (the chat's). ``due_since`` is when it was first to be shown, moved on by silence.
    """

    subject: str
    destination: Destination
    wanted: int
    loud: int
    shown: int = 0
    message: str | None = None
    not_before: datetime
    size: float = 0.0
    tries: int = 0
    first_shown_at: datetime | None = None
    silent_until: datetime | None = None
    due_since: datetime | None = None
    rung_w: float = 0.0

    @property
    def must_ring(self) -> bool:
        """An edit is silent; an unseen loud revision deserves a new message."""
        return self.message is None or self.loud > self.shown


def urgency(post: Post) -> tuple[bool, float, datetime, str, Destination]:
    """Sorts posts that are due: what must ring before edits, larger before smaller, longest due first."""
    return (not post.must_ring, -post.size, post.not_before, post.subject, post.destination)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something the bot must say of itself: that it is blind, that it sees again. Revised like a wave."""

    id: str
    revision: int
    loud: int
    at: datetime
    title: str
    text: str
    over: bool = False


class AlertLog(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the log of alerts: what was shown where, when."""

    subject: str
    destination: Destination
    revision: int
    message: str
    sent: datetime
    loud: bool


class ChatMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the local chat. ``number`` orders, ``revision`` counts edits, ``who`` is "you" or "bot".

    ``at`` is when it was said, or last amended; ``reply_to`` is the number of the message it answers.
    """

    number: int
    who: str
    at: datetime
    revision: int = 0
    text: str = ""
    card: Card | None = None
    reply_to: int | None = None


class Told(msgspec.Struct, frozen=True):
    """When chats were first told of one subject, by the log of alerts: how many in each tenth of a second.

    Times are the market's, oldest first.
    """

    subject: str
    firsts: tuple[tuple[datetime, int], ...]

    @property
    def first(self) -> datetime:
        return self.firsts[0][0]

    @property
    def chats(self) -> int:
        return sum(count for _, count in self.firsts)


class Latency(msgspec.Struct, frozen=True):
    """How soon chats were first told of one subject, in real time since each was to be told."""

    first: timedelta
    last: timedelta
    chats: int


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A subject's newest revision made into a card.

    ``w`` is a wave's magnitude. Whatever has none (a notice, a drill, a summary) pings no role, breaks
    through no silence and is not summed up later.
    """

    revision: int
    loud: int
    over: bool
    card: Card
    w: float | None = None
    quiet: bool = False
    """Sent without a sound."""
    reply_to: str | None = None
    """The platform's name of the message that a first showing answers."""


_SUMMARY = "summary-"
_DIGEST = "digest-"


def summary_subject(waves: Sequence[str]) -> str:
    """The subject of a post that sums up waves (by id) which a chat was spared."""
    return _SUMMARY + "+".join(waves)


def summed_waves(subject: str) -> Sequence[str]:
    """The ids of the waves that a summary is of; none where the subject is something else."""
    return subject.removeprefix(_SUMMARY).split("+") if subject.startswith(_SUMMARY) else ()


def digest_subject(due: datetime) -> str:
    """The subject of the digest that was due then (real time)."""
    return f"{_DIGEST}{due:%Y%m%dT%H%M}"


def digest_due(subject: str) -> datetime | None:
    """When the digest was due; ``None`` where the subject is something else."""
    if not subject.startswith(_DIGEST):
        return None
    return datetime.strptime(subject.removeprefix(_DIGEST), "%Y%m%dT%H%M").replace(tzinfo=UTC)
