"""Telling every subscribed chat when no venue can be seen at all: silence is not calm then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from bot.bench import Bench
from bot.domain.posts import Destination, Notice

log = logging.getLogger(__name__)

BLIND = "notice.blind"
BLIND_AFTER = timedelta(minutes=5)


async def watch_over(
    bench: Bench, destinations: Callable[[], Awaitable[Sequence[Destination]]], *, sleep_s: float
) -> None:
    """Tell every subscribed chat when no venue can be seen at all, and when one can again.

    What was told is remembered over a restart: a chat that was told of blindness is told of its end.
    """
    journal = bench.store.journal
    notice = await bench.store.notices.notice((await journal.kept(BLIND) or b"").decode())
    while True:
        now = bench.clock()
        since = bench.health.blind(now, BLIND_AFTER)
        if since is not None and notice is None:
            notice = blind_notice(since, now)
            await journal.keep(BLIND, notice.id.encode())
            await _tell(bench, notice, await destinations())
        elif since is None and notice is not None and bench.health.sees():
            await _tell(bench, sees_again(notice, now), ())
            await journal.keep(BLIND, b"")
            notice = None
        await asyncio.sleep(sleep_s)


def blind_notice(since: datetime, now: datetime) -> Notice:
    minutes = round((now - since).total_seconds() / 60)
    return Notice(
        id=f"blind-{since:%Y%m%d%H%M%S}",
        revision=1,
        loud=1,
        at=now,
        title="I cannot see the market",
        text=(
            f"No venue has answered for {minutes} min. You will be told when I see again. "
            "Silence now is not calm."
        ),
    )


def sees_again(blind: Notice, now: datetime) -> Notice:
    minutes = max(1, round((now - blind.at + BLIND_AFTER).total_seconds() / 60))
    return msgspec.structs.replace(
        blind,
        revision=2,
        loud=2,
        at=now,
        over=True,
        title="I see the market again",
        text=f"I was blind for about {minutes} min. A fall in that time shows when the venues are back.",
    )


async def _tell(bench: Bench, notice: Notice, destinations: Sequence[Destination]) -> None:
    await bench.store.notices.tell(notice)
    log.warning("%s", notice.title, extra={"event": "notice", "notice": notice.id})
    posts, revision, loud = bench.store.posts, notice.revision, notice.loud
    if destinations:
        await posts.want(notice.id, destinations, revision=revision, loud=loud, size=9.0, now=bench.wall())
    await posts.raise_to(notice.id, revision=revision, loud=loud)
    bench.wake()
