"""Posts on their way to the newest revision, in dicts: the readable specification of ``bot.ports.Posts``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.domain.chats import whole
from bot.domain.posts import AlertLog, Destination, Latency, Post, Told, urgency
from storage.rules import EPOCH, TENTH, floor, may_break_through


class MemoryPosts:
    """See ``bot.ports.Posts``.

    ``not_before`` is counted by the clock of whoever claims; the judge's may be that of a played scenario.
    So a post that waits for nothing has the epoch there, which is past on every clock.
    """

    def __init__(self) -> None:
        self._posts: dict[tuple[str, Destination], Post] = {}
        self._log: list[AlertLog] = []
        self._latencies: dict[str, Latency] = {}

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
        for to in destinations:
            if any((other, to) in self._posts for other in unless):
                continue
            new = Post(
                subject=subject,
                destination=to,
                wanted=revision,
                loud=loud,
                not_before=EPOCH,
                size=size,
                due_since=now,
            )
            old = self._posts.get((subject, to), new)
            self._posts[subject, to] = replace(
                old,
                wanted=max(old.wanted, revision),
                loud=max(old.loud, loud),
                size=max(old.size, size),
                silent_until=None if may_break_through(old.size, size) else old.silent_until,
            )

    async def raise_to(self, subject: str, *, revision: int, loud: int) -> None:
        for post in await self.of(subject):
            self._put(replace(post, wanted=max(post.wanted, revision), loud=max(post.loud, loud)))

    async def claim(self, platform: str, now: datetime, hold: timedelta, limit: int) -> Sequence[Post]:
        due = [
            post
            for post in self._posts.values()
            if post.destination.platform == platform
            and post.wanted > post.shown
            and max(post.not_before, post.silent_until or EPOCH) <= now
        ]
        claimed = [replace(post, not_before=now + hold) for post in sorted(due, key=urgency)[:limit]]
        for post in claimed:
            self._put(post)
        return sorted(claimed, key=urgency)

    async def take_back(self, platform: str) -> None:
        """A claim is told from ``later`` by its ``tries``."""
        for post in list(self._posts.values()):
            if post.destination.platform == platform and not post.tries:
                self._put(replace(post, not_before=EPOCH))

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
        wall = wall or now
        if row := self._posts.get((post.subject, post.destination)):
            if row.first_shown_at is None and row.due_since is not None:
                self._time(row.subject, max(timedelta(0), wall - row.due_since))
            self._put(
                replace(
                    row,
                    shown=max(row.shown, revision),
                    message=message if revision >= row.shown else row.message,
                    first_shown_at=row.first_shown_at or wall,
                    tries=0,
                    not_before=EPOCH if row.not_before == post.not_before else row.not_before,
                    rung_w=max(row.rung_w, rung_w),
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

    async def hush(self, post: Post, until: datetime) -> None:
        if row := self._posts.get((post.subject, post.destination)):
            released = EPOCH if row.not_before == post.not_before else row.not_before
            self._put(replace(row, not_before=released, silent_until=until, due_since=until))

    async def drop(self, post: Post) -> None:
        self._posts.pop((post.subject, post.destination), None)

    async def forget(self, destination: Destination) -> None:
        for subject, to in list(self._posts):
            if to == destination:
                del self._posts[subject, to]

    async def of(self, subject: str) -> Sequence[Post]:
        """By destination."""
        return [post for (of, _), post in sorted(self._posts.items()) if of == subject]

    async def get(self, subject: str, destination: Destination) -> Post | None:
        return self._posts.get((subject, destination))

    async def told(self, since: datetime) -> Sequence[Told]:
        """By subject."""
        firsts: dict[tuple[str, Destination], datetime] = {}
        for line in self._log:
            if line.sent >= since:
                name = (line.subject, line.destination)
                firsts[name] = min(line.sent, firsts.get(name, line.sent))
        counts: dict[str, Counter[datetime]] = defaultdict(Counter)
        for (subject, _), at in firsts.items():
            counts[subject][floor(at, TENTH)] += 1
        return [Told(subject, tuple(sorted(told.items()))) for subject, told in sorted(counts.items())]

    async def latency(self, subject: str) -> Latency | None:
        return self._latencies.get(subject)

    async def log(
        self, since: datetime, limit: int = 100, destination: Destination | None = None
    ) -> Sequence[AlertLog]:
        lines = [
            line
            for line in reversed(self._log)
            if line.sent >= since and destination in (None, line.destination)
        ]
        return sorted(lines, key=lambda line: line.sent, reverse=True)[:limit]

    # --- what a chat does with all its posts at once: see MemoryChats

    def remove(self, chat: Destination) -> None:
        for name in [name for name in self._posts if whole(name[1]) == chat]:
            del self._posts[name]

    def speak_up(self, chat: Destination) -> None:
        for post in [post for post in self._posts.values() if whole(post.destination) == chat]:
            self._put(replace(post, silent_until=None))

    def rename(self, chat: Destination, new_chat: str) -> None:
        for post in [post for post in self._posts.values() if whole(post.destination) == chat]:
            del self._posts[post.subject, post.destination]
            to = replace(post.destination, chat=new_chat)
            moved = replace(post, destination=to, message=None, not_before=EPOCH)
            self._posts.setdefault((post.subject, to), moved)

    def _time(self, subject: str, took: timedelta) -> None:
        told = self._latencies.get(subject, Latency(took, took, 0))
        self._latencies[subject] = Latency(min(told.first, took), max(told.last, took), told.chats + 1)

    def _put(self, post: Post) -> None:
        self._posts[post.subject, post.destination] = post
