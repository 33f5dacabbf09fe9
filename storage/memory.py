"""All of the state in dicts and lists: for tests, and as the readable specification of a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.cards import Card
from bot.domain.posts import AlertLog, ChatMessage, Destination, Notice, Post, Subscription
from bot.domain.waves import Stage, Wave
from storage.memory_journal import MemoryJournal
from storage.rules import EPOCH, assets_key, urgency


class MemoryStore:
    """See ``bot.ports.Store``. Everything is forgotten with it."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.waves = MemoryWaves()
        self.subscriptions = MemorySubscriptions()
        self.posts = MemoryPosts()
        self.notices = MemoryNotices()
        self.chat = MemoryChatLog()

    async def facts(self) -> Mapping[str, str]:
        return {"store": "memory", "where": "memory", "size": "not kept", "schema": "none"}


class MemoryWaves:
    """See ``bot.ports.Waves``."""

    def __init__(self) -> None:
        self._revisions: dict[str, dict[int, Wave]] = {}

    async def save(self, wave: Wave) -> None:
        known = self._revisions.setdefault(wave.id, {})
        if not known or wave.revision > max(known):
            known[wave.revision] = wave

    async def get(self, wave_id: str, revision: int | None = None) -> Wave | None:
        known = self._revisions.get(wave_id, {})
        if revision is not None:
            return known.get(revision)
        return known[max(known)] if known else None

    async def recent(self, asset: Asset | None = None, limit: int = 10) -> Sequence[Wave]:
        found = [w for w in self._newest() if w.stage is not Stage.RETRACTED and asset in (None, w.asset)]
        return sorted(found, key=lambda wave: (wave.onset, wave.id), reverse=True)[:limit]

    async def running(self) -> Sequence[Wave]:
        """Oldest onset first."""
        return sorted((w for w in self._newest() if not w.done), key=lambda wave: (wave.onset, wave.id))

    def _newest(self) -> list[Wave]:
        return [known[max(known)] for known in self._revisions.values()]


class MemorySubscriptions:
    """See ``bot.ports.Subscriptions``."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Destination, str], Subscription] = {}
        self._last_id = 0

    async def add(self, subscription: Subscription) -> Subscription:
        """One that replaces another keeps its id."""
        name = (subscription.destination, assets_key(subscription))
        if (old := self._kept.get(name)) is None:
            self._last_id += 1
        self._kept[name] = replace(subscription, id=old.id if old else self._last_id)
        return self._kept[name]

    async def remove(self, destination: Destination, subscription_id: int | None = None) -> int:
        gone = [
            name
            for name, kept in self._kept.items()
            if kept.destination == destination and subscription_id in (None, kept.id)
        ]
        for name in gone:
            del self._kept[name]
        return len(gone)

    async def of(self, destination: Destination) -> Sequence[Subscription]:
        """In order of id."""
        return [kept for kept in await self.all() if kept.destination == destination]

    async def all(self) -> Sequence[Subscription]:
        """In order of id."""
        return sorted(self._kept.values(), key=lambda kept: kept.id)

    async def rename(self, old: Destination, new_chat: str) -> None:
        """Every topic of the chat moves; what the new chat has already chosen for itself stays."""
        if new_chat == old.chat:
            return
        for (place, assets), kept in sorted(self._kept.items(), key=lambda item: item[1].id):
            if (place.platform, place.chat) == (old.platform, old.chat):
                to = replace(place, chat=new_chat)
                del self._kept[place, assets]
                self._kept.setdefault((to, assets), replace(kept, destination=to))


class MemoryPosts:
    """See ``bot.ports.Posts``.

    ``not_before`` is counted by the clock of whoever claims; the judge's may be that of a played scenario.
    So a post that waits for nothing has the epoch there, which is past on every clock.
    """

    def __init__(self) -> None:
        self._posts: dict[tuple[str, Destination], Post] = {}
        self._log: list[AlertLog] = []

    async def want(
        self,
        subject: str,
        destinations: Iterable[Destination],
        *,
        revision: int,
        loud: int,
        size: float,
    ) -> None:
        for to in destinations:
            new = Post(
                subject=subject, destination=to, wanted=revision, loud=loud, not_before=EPOCH, size=size
            )
            old = self._posts.get((subject, to), new)
            self._posts[subject, to] = replace(
                old,
                wanted=max(old.wanted, revision),
                loud=max(old.loud, loud),
                size=max(old.size, size),
            )

    async def raise_to(self, subject: str, *, revision: int, loud: int) -> None:
        for post in await self.of(subject):
            self._put(replace(post, wanted=max(post.wanted, revision), loud=max(post.loud, loud)))

    async def claim(self, platform: str, now: datetime, hold: timedelta, limit: int) -> Sequence[Post]:
        due = [
            post
            for post in self._posts.values()
            if post.destination.platform == platform and post.wanted > post.shown and post.not_before <= now
        ]
        claimed = [replace(post, not_before=now + hold) for post in sorted(due, key=urgency)[:limit]]
        for post in claimed:
            self._put(post)
        return claimed

    async def shown(self, post: Post, *, revision: int, message: str, loud: bool, now: datetime) -> None:
        if row := self._posts.get((post.subject, post.destination)):
            self._put(
                replace(
                    row,
                    shown=max(row.shown, revision),
                    message=message if revision >= row.shown else row.message,
                    first_shown_at=row.first_shown_at or now,
                    tries=0,
                    not_before=EPOCH if row.not_before == post.not_before else row.not_before,
                )
            )
        self._log.append(
            AlertLog(
                subject=post.subject,
                destination=post.destination,
                revision=revision,
                message=message,
                sent=now,
                loud=loud,
            )
        )

    async def later(self, post: Post, not_before: datetime) -> None:
        if row := self._posts.get((post.subject, post.destination)):
            # A claim that lapsed may be somebody else's by now: theirs is not cut short.
            mine = row.not_before == post.not_before
            until = not_before if mine else max(row.not_before, not_before)
            self._put(replace(row, not_before=until, tries=row.tries + 1))

    async def drop(self, post: Post) -> None:
        self._posts.pop((post.subject, post.destination), None)

    async def forget(self, destination: Destination) -> None:
        for subject, to in list(self._posts):
            if to == destination:
                del self._posts[subject, to]

    async def of(self, subject: str) -> Sequence[Post]:
        """By destination."""
        return [post for (of, _), post in sorted(self._posts.items()) if of == subject]

    async def log(self, since: datetime, limit: int = 100) -> Sequence[AlertLog]:
        lines = [line for line in reversed(self._log) if line.sent >= since]
        return sorted(lines, key=lambda line: line.sent, reverse=True)[:limit]

    def _put(self, post: Post) -> None:
        self._posts[post.subject, post.destination] = post


class MemoryNotices:
    """See ``bot.ports.Notices``."""

    def __init__(self) -> None:
        self._notices: dict[str, Notice] = {}

    async def tell(self, notice: Notice) -> None:
        """Keep the newest revision; an older one changes nothing."""
        known = self._notices.get(notice.id)
        if known is None or notice.revision > known.revision:
            self._notices[notice.id] = notice

    async def notice(self, notice_id: str) -> Notice | None:
        return self._notices.get(notice_id)


class MemoryChatLog:
    """See ``bot.ports.ChatLog``."""

    def __init__(self) -> None:
        self._said: list[ChatMessage] = []

    async def say(
        self,
        who: str,
        at: datetime,
        *,
        text: str = "",
        card: Card | None = None,
        reply_to: int | None = None,
    ) -> ChatMessage:
        number = len(self._said) + 1
        self._said.append(ChatMessage(number=number, who=who, at=at, text=text, card=card, reply_to=reply_to))
        return self._said[-1]

    async def amend(self, number: int, at: datetime, card: Card) -> ChatMessage | None:
        if not 1 <= number <= len(self._said):
            return None
        old = self._said[number - 1]
        self._said[number - 1] = replace(old, at=at, card=card, revision=old.revision + 1)
        return self._said[number - 1]

    async def said(self, *, after: int = 0, limit: int = 200) -> Sequence[ChatMessage]:
        found = [message for message in self._said if message.number > after]
        return found[max(0, len(found) - limit) :]
