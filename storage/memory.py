"""All of the state in dicts and lists: for tests, and as the readable specification of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.cards import Card
from bot.domain.claims import Claim
from bot.domain.posts import ChatMessage, Notice
from bot.domain.waves import FollowUp, Outcome, Stage, Wave
from bot.ports import Held
from storage.locks import LocalLocks
from storage.memory_archive import MemoryArchive
from storage.memory_chats import MemoryChats, MemorySubscriptions
from storage.memory_journal import MemoryJournal
from storage.memory_posts import MemoryPosts
from storage.memory_statistics import MemoryStatistics
from storage.rules import CLAIMS_KEPT


class MemoryStore:
    """See ``bot.ports.Store``. Everything is forgotten with it."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.waves = MemoryWaves()
        self.archive = MemoryArchive(self.journal, self.waves)
        self.statistics = MemoryStatistics()
        self.subscriptions = MemorySubscriptions()
        self.posts = MemoryPosts()
        self.chats = MemoryChats(self.subscriptions, self.posts)
        self.notices = MemoryNotices()
        self.chat = MemoryChatLog()
        self.claims = MemoryClaims()
        self.locks = LocalLocks()

    def under(self, held: Held) -> MemoryStore:
        return self

    async def facts(self) -> Mapping[str, str]:
        return {"store": "memory", "where": "memory", "size": "not kept", "schema": "none"}


class MemoryWaves:
    """See ``bot.ports.Waves``."""

    def __init__(self) -> None:
        self._revisions: dict[str, dict[int, Wave]] = {}
        self._later: dict[str, FollowUp] = {}
        self._done: set[str] = set()
        self._outcomes: dict[str, dict[timedelta, Outcome]] = {}

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

    async def between(self, since: datetime, until: datetime) -> Sequence[Wave]:
        found = [wave for wave in self._newest() if since <= wave.onset < until]
        return sorted(found, key=lambda wave: (wave.onset, wave.id))

    async def plan(self, later: Sequence[FollowUp]) -> None:
        for one in later:
            if one.subject not in self._done:
                self._later[one.subject] = one

    async def due(self, now: datetime) -> Sequence[FollowUp]:
        return sorted(one for one in self._later.values() if one.due <= now)

    async def followed_up(self, done: FollowUp, outcome: Outcome | None = None) -> None:
        self._later.pop(done.subject, None)
        self._done.add(done.subject)
        if outcome is not None:
            self._outcomes.setdefault(done.wave, {})[done.after] = outcome

    async def outcomes(self, wave_id: str) -> Sequence[Outcome]:
        return [outcome for _, outcome in sorted(self._outcomes.get(wave_id, {}).items())]

    def replace_history(self, asset: Asset, waves: Sequence[Wave]) -> None:
        """Those of an asset found in history, by others."""
        for known in [w for w in self._newest() if w.asset == asset and w.from_history]:
            del self._revisions[known.id]
        for wave in waves:
            self._revisions[wave.id] = {wave.revision: wave}

    def _newest(self) -> list[Wave]:
        return [known[max(known)] for known in self._revisions.values()]


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


class MemoryClaims:
    """See ``bot.ports.Claims``."""

    def __init__(self) -> None:
        self._claims: dict[str, tuple[str, datetime, bool]] = {}
        """By name: the holder, until when, and whether it is settled."""

    async def claim(self, name: str, holder: str, now: datetime, hold: timedelta) -> Claim:
        for old in [old for old, (_, until, _) in self._claims.items() if until < now - CLAIMS_KEPT]:
            del self._claims[old]
        other, until, settled = self._claims.get(name, (holder, now, False))
        if settled:
            return Claim.SETTLED
        if other != holder and until > now:
            return Claim.THEIRS
        self._claims[name] = holder, now + hold, False
        return Claim.OURS

    async def settle(self, name: str, now: datetime) -> None:
        if name in self._claims:
            self._claims[name] = self._claims[name][0], now, True
