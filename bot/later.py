"""What is said later: of each wave some time after its end, and the digests that chats asked for.

What is due is stored, so a restart neither forgets nor repeats: a post is wanted first, and wanting it again
changes nothing; then it is written down as done. What comes much too late is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.chats import next_digest
from bot.domain.posts import Destination, digest_subject
from bot.domain.waves import SAID_WITHIN, FollowUp, Outcome, Stage, Wave, follow_ups
from bot.ports import Clock, Store

See = Callable[[Wave, timedelta], Awaitable[Outcome]]
"""What price and open interest have done so long after a wave's end."""
DIGEST_WITHIN = timedelta(hours=6)
"""A digest that comes later is left out: the next one tells the same."""
REVISED_WITHIN = timedelta(days=17)
"""So long a wave may still be revised (``lifecycle.SETTLE_S``), or wait for its last follow-up."""


@dataclass(frozen=True, slots=True)
class Later:
    """``clock`` is the market's time, by which follow-ups are due; ``wall`` is real time, for digests.

    ``wake`` tells the deliverers to look.
    """

    store: Store
    clock: Clock
    wall: Clock
    see: See
    wake: Callable[[], None]

    async def plan(self) -> None:
        """At a start: what a process that died between two records left unplanned."""
        now = self.clock()
        for wave in await self.store.waves.between(now - REVISED_WITHIN, now):
            if later := follow_ups(wave):
                await self.store.waves.plan(later)

    async def look(self) -> int:
        """Want what is due now; returns how many follow-ups and digests were."""
        due = await self.store.waves.due(self.clock())
        for one in due:
            await self._follow_up(one)
        told = await self._digests()
        if due or told:
            self.wake()
        return len(due) + told

    async def _follow_up(self, one: FollowUp) -> None:
        wave = await self.store.waves.get(one.wave)
        seen = None
        if wave is not None and wave.stage is Stage.OVER:
            seen = await self.see(wave, one.after)
            if self.clock() - one.due <= SAID_WITHIN[one.after]:
                await self._want(one.subject, await self._shown(wave))
        known = seen is not None and (seen.price_move is not None or seen.rebuilt is not None)
        await self.store.waves.followed_up(one, seen if known else None)

    async def _shown(self, wave: Wave) -> Sequence[Destination]:
        """The chats that show the wave."""
        return [post.destination for post in await self.store.posts.of(wave.id) if post.message is not None]

    async def _digests(self) -> int:
        now = self.wall()
        chats = await self.store.chats.digests(now)
        for chosen in chats:
            digest, due = chosen.digest, chosen.digest_due
            if digest is not None and due is not None and now - due <= DIGEST_WITHIN:
                to = Destination(chosen.destination.platform, chosen.destination.chat, digest.topic)
                await self._want(digest_subject(due), [to])
            await self.store.chats.digested(chosen, next_digest(chosen, now))
        return len(chats)

    async def _want(self, subject: str, to: Sequence[Destination]) -> None:
        await self.store.posts.want(subject, to, revision=1, loud=1, size=0.0, now=self.wall())


async def say_later(later: Later, *, sleep_s: float) -> None:
    """Look again and again, until cancelled. Raises ``StorageError``."""
    await later.plan()
    while True:
        await later.look()
        await asyncio.sleep(sleep_s)
