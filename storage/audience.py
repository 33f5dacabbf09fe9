"""Who has which wish, at hand in memory: the same beside every database."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.posts import Destination, Subscription, Wish

Chat = tuple[str, str]
"""Platform and chat."""

RELOAD = 1_000
"""When so many chats changed, reading all of them anew is quicker than one after the other."""


class Audience:
    """Who has which wish, kept current chat by chat.

    Tuples of what holds no cycle, so that the collector never has 100,000 chats to look through.
    """

    def __init__(self, subscriptions: Iterable[Subscription]) -> None:
        self.having: dict[Wish, set[Destination]] = {}
        self._same: dict[Wish, Wish] = {}
        self._of: dict[Chat, tuple[tuple[Wish, Destination], ...]] = {}
        for each in subscriptions:
            self._add(each)

    def _add(self, each: Subscription) -> None:
        to, chat = each.destination, (each.destination.platform, each.destination.chat)
        wish = self._same.setdefault(each.wish, each.wish)
        self.having.setdefault(wish, set()).add(to)
        self._of[chat] = (*self._of.get(chat, ()), (wish, to))

    def put(self, chat: Chat, subscriptions: Iterable[Subscription]) -> None:
        """Replace what is known of a chat."""
        for wish, to in self._of.pop(chat, ()):
            self.having[wish].discard(to)
            if not self.having[wish]:
                del self.having[wish], self._same[wish]
        for each in subscriptions:
            self._add(each)
