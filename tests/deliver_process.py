"""``python -m tests.deliver_process DATABASE ADDRESS``: a bot with a few waves to tell, over HTTP.

It revises each wave to ``LAST`` and ends when every chat shows that. It may be killed at any time and
started again.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from aiohttp import ClientSession

from bot.deliver import deliver
from bot.domain.cards import Card
from bot.domain.posts import Destination, Notice, Shown
from bot.ports import Store
from bot.running import running
from storage.sqlite import open_sqlite

PLATFORM = "acme"
CHATS = [Destination(PLATFORM, str(number)) for number in range(12)]
SUBJECTS = ("1a", "1b")
LAST, LOUD = 6, (1, 4)
"""The last revision of each wave, and those worth a sound."""


class HttpChat:
    """A platform whose server records what it accepts."""

    platform = PLATFORM

    def __init__(self, session: ClientSession, address: str) -> None:
        self.session, self.address = session, address

    async def _call(self, what: str, destination: Destination, card: Card, message: str) -> str:
        said = {
            "what": what,
            "chat": destination.chat,
            "subject": card.title,
            "revision": int(card.footer),
            "message": message,
        }
        async with self.session.post(self.address, json=said) as response:
            return str((await response.json())["message"])

    async def send(self, destination: Destination, card: Card, *, reply_to: str | None = None) -> str:
        return await self._call("send", destination, card, "")

    async def edit(self, destination: Destination, message: str, card: Card) -> None:
        await self._call("edit", destination, card, message)


async def revise(store: Store, wall: datetime, news: asyncio.Event) -> None:
    """Tell each wave on from where it was, then see every chat to the last revision."""
    for revision in range(1, LAST + 1):
        loud = max(each for each in LOUD if each <= revision)
        for subject in SUBJECTS:
            known = await store.notices.notice(subject)
            if known is None or known.revision < revision:
                await store.notices.tell(
                    Notice(id=subject, revision=revision, loud=loud, at=wall, title=subject, text="")
                )
            await store.posts.want(subject, CHATS, revision=revision, loud=loud, size=1.0, now=wall)
        news.set()
        await shown(store, 1)
    await shown(store, LAST)


async def shown(store: Store, revision: int) -> None:
    """Wait until every chat shows at least that revision of every wave."""
    while [s for s in SUBJECTS if min([post.shown for post in await store.posts.of(s)]) < revision]:  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def wall() -> datetime:
    return datetime.now(UTC)


async def main(database: str, address: str) -> None:
    news = asyncio.Event()
    async with open_sqlite(database) as store, ClientSession() as session:

        async def present(subject: str, destination: Destination) -> Shown | None:
            notice = await store.notices.notice(subject)
            if notice is None:
                return None
            card = Card(title=subject, footer=str(notice.revision))
            return Shown(revision=notice.revision, loud=notice.loud, over=False, card=card)

        chat = HttpChat(session, address)
        async with running(
            deliver(chat, store, present, news=news, clock=wall, wall=wall, sleep=asyncio.sleep)
        ):
            await revise(store, wall(), news)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
