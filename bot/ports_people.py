"""What the core asks of the outside about people: who wants to hear what, and what was said to them.

A part of ``bot.ports``. One contract suite runs over every implementation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.cards import Card
from bot.domain.chats import ChatSettings, SettingsChange
from bot.domain.claims import Claim
from bot.domain.posts import (
    AlertLog,
    ChatMessage,
    Destination,
    Latency,
    Notice,
    Post,
    Subscription,
    Told,
    Wish,
)


class Subscriptions(Protocol):
    async def add(self, subscription: Subscription) -> Subscription:
        """Returned with its id. One destination keeps one subscription per set of assets: adding replaces."""

    async def remove(self, destination: Destination, subscription_id: int | None = None) -> int:
        """One, or all of a destination; returns how many went."""

    async def of(self, destination: Destination) -> Sequence[Subscription]: ...

    async def all(self) -> Sequence[Subscription]: ...

    async def wishes(self) -> Mapping[Wish, Collection[Destination]]:
        """Every distinct wish and who has it: quick, also with very many chats. Not to be changed."""


class Chats(Protocol):
    """What chats chose, who changed it, and what they were spared. Every key is the whole chat."""

    async def settings(self, destination: Destination) -> ChatSettings:
        """The chat's choices, or the defaults."""

    async def choose(self, settings: ChatSettings, change: SettingsChange) -> None:
        """Keep settings together with who changed what; posts put off for silence are looked at again."""

    async def note(self, change: SettingsChange) -> None:
        """Keep who changed something that is stored elsewhere (a subscription)."""

    async def changes(self, destination: Destination, limit: int = 10) -> Sequence[SettingsChange]:
        """Newest first."""

    async def leave(self, destination: Destination, now: datetime) -> None:
        """The bot is no longer there: subscriptions of every topic are put aside, posts removed.

        Settings and who changed them stay for when it is back.
        """

    async def back(self, destination: Destination, now: datetime) -> int:
        """The bot is there again: what was put aside is restored; returns how many subscriptions."""

    async def rename(self, old: Destination, new_chat: str) -> None:
        """The chat has another id: all that is its own moves with it, in every topic.

        What the new chat has already stays. Messages have no name there, so running waves are sent anew.
        """

    async def hold(self, destination: Destination, subject: str, now: datetime) -> None:
        """A wave this destination (with its topic) was spared; twice is once."""

    async def held(self, platform: str) -> Mapping[Destination, Sequence[str]]:
        """Subjects spared and not yet summed up, per destination, oldest first."""

    async def summed_up(self, destination: Destination, subjects: Sequence[str]) -> None: ...

    async def digests(self, now: datetime) -> Sequence[ChatSettings]:
        """Chats whose digest is due at ``now`` (real time), longest due first.

        None for a chat that the bot was removed from. When it is back, its digest has been due for ever.
        """

    async def digested(self, settings: ChatSettings, due: datetime | None) -> None:
        """The next is ``due``, unless the chat chose anew since ``settings`` were read."""


class Posts(Protocol):
    async def want(
        self,
        subject: str,
        destinations: Iterable[Destination],
        *,
        revision: int,
        loud: int,
        size: float,
        now: datetime,
        unless: Collection[str] = (),
    ) -> None:
        """From now on each destination should show ``revision``; where a post exists it is only raised.

        Destinations with a post of one of the subjects ``unless`` are left out. ``now`` is real time. A
        crash may leave some without: wanting it again gives them theirs.
        """

    async def raise_to(self, subject: str, *, revision: int, loud: int) -> None:
        """Raise every post of the subject (whoever was told once is told how it went on)."""

    async def claim(self, platform: str, now: datetime, hold: timedelta, limit: int) -> Sequence[Post]:
        """Posts due now, unseen loud ones first and larger ones before smaller; held until ``now + hold``."""

    async def take_back(self, platform: str) -> None:
        """Whatever somebody who is gone had in hand is due at once; what was put off is not.

        Only for who alone sends there, before the first claim: a holder of the lane's lock.
        """

    async def shown(
        self,
        post: Post,
        *,
        revision: int,
        message: str,
        loud: bool,
        now: datetime,
        wall: datetime | None = None,
        rung_w: float = 0.0,
    ) -> None:
        """The chat shows ``revision`` as ``message``; written to the log of alerts.

        ``rung_w`` is the wave's magnitude where it made a sound.

        Whatever more was wanted meanwhile is due at once. ``now`` is the market's time and is logged,
        ``wall`` real time (``now`` where there is but one clock) and counts for ``latency``.
        """

    async def later(self, post: Post, not_before: datetime) -> None:
        """Not before then; one more of its ``tries``."""

    async def hush(self, post: Post, until: datetime) -> None:
        """Not before ``until``, because the chat wants silence; its delivery is counted from then on.

        Due at once when the chat chooses anew, or when the wave grows to one that may break through.
        """

    async def drop(self, post: Post) -> None: ...

    async def forget(self, destination: Destination) -> None:
        """Remove every post of a destination that is gone."""

    async def of(self, subject: str) -> Sequence[Post]: ...

    async def get(self, subject: str, destination: Destination) -> Post | None: ...

    async def told(self, since: datetime) -> Sequence[Told]:
        """Of each subject, when chats were first told of it from ``since`` on (the market's time)."""

    async def latency(self, subject: str) -> Latency | None:
        """How soon chats were first told of it; ``None`` while none was."""

    async def log(
        self, since: datetime, limit: int = 100, destination: Destination | None = None
    ) -> Sequence[AlertLog]:
        """Newest first; of one destination or of all."""


class Notices(Protocol):
    async def tell(self, notice: Notice) -> None: ...

    async def notice(self, notice_id: str) -> Notice | None: ...


class ChatLog(Protocol):
    """What was said in the local chat, so that it survives a restart and shows in every tab."""

    async def say(
        self,
        who: str,
        at: datetime,
        *,
        text: str = "",
        card: Card | None = None,
        reply_to: int | None = None,
    ) -> ChatMessage: ...

    async def amend(self, number: int, at: datetime, card: Card) -> ChatMessage | None:
        """Replace the card of a message and its ``at``; ``None`` where there is no such message."""

    async def said(self, *, after: int = 0, limit: int = 200) -> Sequence[ChatMessage]:
        """The newest ``limit`` messages with a number above ``after``, oldest first."""


class Claims(Protocol):
    """Who answers what a person said, where several processes may hear it. Times are real time."""

    async def claim(self, name: str, holder: str, now: datetime, hold: timedelta) -> Claim:
        """Ours alone until ``now + hold``, unless another has it now or it was answered.

        Who has it may claim it again, to hold it for longer. What nobody touched for days is forgotten.
        """

    async def settle(self, name: str, now: datetime) -> None:
        """It was answered: nobody may claim it any more."""
