"""Who wants to hear what, and what chats chose: the readable specification of both ports."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from bot.domain.chats import ChatSettings, SettingsChange, whole
from bot.domain.posts import Destination, Subscription, Wish
from storage.memory_posts import MemoryPosts
from storage.rules import EPOCH, assets_key


class MemorySubscriptions:
    """See ``bot.ports.Subscriptions``."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Destination, str], Subscription] = {}
        self._last_id = 0

    async def add(self, subscription: Subscription) -> Subscription:
        """One that replaces another keeps its id."""
        name = (subscription.destination, assets_key(subscription))
        if (old := self.kept.get(name)) is None:
            self._last_id += 1
        self.kept[name] = replace(subscription, id=old.id if old else self._last_id)
        return self.kept[name]

    async def remove(self, destination: Destination, subscription_id: int | None = None) -> int:
        gone = [
            name
            for name, kept in self.kept.items()
            if kept.destination == destination and subscription_id in (None, kept.id)
        ]
        for name in gone:
            del self.kept[name]
        return len(gone)

    async def of(self, destination: Destination) -> Sequence[Subscription]:
        """In order of id."""
        return [kept for kept in await self.all() if kept.destination == destination]

    async def all(self) -> Sequence[Subscription]:
        """In order of id."""
        return sorted(self.kept.values(), key=lambda kept: kept.id)

    async def wishes(self) -> Mapping[Wish, Collection[Destination]]:
        having: dict[Wish, set[Destination]] = {}
        for kept in self.kept.values():
            having.setdefault(kept.wish, set()).add(kept.destination)
        return having


class MemoryChats:
    """See ``bot.ports.Chats``."""

    def __init__(self, subscriptions: MemorySubscriptions, posts: MemoryPosts) -> None:
        self._subscriptions = subscriptions.kept
        self._posts = posts
        self._settings: dict[Destination, ChatSettings] = {}
        self._changes: list[SettingsChange] = []
        self._aside: dict[tuple[Destination, str], Subscription] = {}
        self._held: dict[tuple[Destination, str], datetime] = {}

    async def settings(self, destination: Destination) -> ChatSettings:
        chat = whole(destination)
        return self._settings.get(chat, ChatSettings(destination=chat))

    async def choose(self, settings: ChatSettings, change: SettingsChange) -> None:
        chat = whole(settings.destination)
        self._settings[chat] = replace(settings, destination=chat)
        self._changes.append(change)
        self._posts.speak_up(chat)

    async def note(self, change: SettingsChange) -> None:
        self._changes.append(change)

    async def changes(self, destination: Destination, limit: int = 10) -> Sequence[SettingsChange]:
        chat = whole(destination)
        found = [change for change in reversed(self._changes) if whole(change.destination) == chat]
        return sorted(found, key=lambda change: change.at, reverse=True)[:limit]

    async def leave(self, destination: Destination, now: datetime) -> None:
        chat = whole(destination)
        for name in [name for name in self._subscriptions if whole(name[0]) == chat]:
            self._aside[name] = self._subscriptions.pop(name)
        for held in [held for held in self._held if whole(held[0]) == chat]:
            del self._held[held]
        if chat in self._settings:
            self._settings[chat] = replace(self._settings[chat], digest_due=None)
        self._posts.remove(chat)

    async def back(self, destination: Destination, now: datetime) -> int:
        """What was chosen meanwhile stays."""
        chat, restored = whole(destination), 0
        chosen = self._settings.get(chat)
        if chosen is not None and chosen.digest is not None and chosen.digest_due is None:
            self._settings[chat] = replace(chosen, digest_due=EPOCH)
        for name in [name for name in self._aside if whole(name[0]) == chat]:
            kept = self._aside.pop(name)
            restored += self._subscriptions.setdefault(name, kept) is kept
        return restored

    async def rename(self, old: Destination, new_chat: str) -> None:
        chat, new = whole(old), replace(whole(old), chat=new_chat)
        if chat == new:
            return
        for kept in (self._subscriptions, self._aside):
            for name, one in [(name, one) for name, one in kept.items() if whole(name[0]) == chat]:
                to = replace(name[0], chat=new_chat)
                del kept[name]
                kept.setdefault((to, name[1]), replace(one, destination=to))
        if chat in self._settings:
            self._settings.setdefault(new, replace(self._settings.pop(chat), destination=new))
        self._changes = [
            replace(change, destination=replace(change.destination, chat=new_chat))
            if whole(change.destination) == chat
            else change
            for change in self._changes
        ]
        for place, subject in [held for held in self._held if whole(held[0]) == chat]:
            at = self._held.pop((place, subject))
            self._held.setdefault((replace(place, chat=new_chat), subject), at)
        self._posts.rename(chat, new_chat)

    async def hold(self, destination: Destination, subject: str, now: datetime) -> None:
        self._held.setdefault((destination, subject), now)

    async def held(self, platform: str) -> Mapping[Destination, Sequence[str]]:
        found: dict[Destination, list[str]] = {}
        for (place, subject), _ in sorted(self._held.items(), key=lambda held: (held[1], held[0])):
            if place.platform == platform:
                found.setdefault(place, []).append(subject)
        return found

    async def digests(self, now: datetime) -> Sequence[ChatSettings]:
        due = [
            (chosen.digest_due, chat)
            for chat, chosen in self._settings.items()
            if chosen.digest_due is not None and chosen.digest_due <= now
        ]
        return [self._settings[chat] for _, chat in sorted(due)]

    async def digested(self, settings: ChatSettings, due: datetime | None) -> None:
        chat = whole(settings.destination)
        if self._settings.get(chat) == settings:
            self._settings[chat] = replace(settings, digest_due=due)

    async def summed_up(self, destination: Destination, subjects: Sequence[str]) -> None:
        for subject in subjects:
            self._held.pop((destination, subject), None)
