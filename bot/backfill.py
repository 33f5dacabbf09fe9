"""``washout backfill``: fetch what venues remember and learn it, before the first ``run`` or between two."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec

from bot.bench import Bench
from bot.config import Settings
from bot.domain.assets import Asset, parse_asset
from bot.domain.health import REMEMBERED, Remembered
from bot.errors import SourceUnreachable, UsageError
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Exchange
from bot.feeds.contact import Setting
from bot.feeds.sources import VenueSource, open_lines
from bot.health import Health
from bot.opening import open_store
from bot.past import Past
from bot.pipeline.judge import Judge
from bot.pipeline.memory import Pace
from bot.ports import Store
from bot.record import Nowhere, chosen_sources, now
from bot.running import running
from handlers.past_words import how_far

TOLD_EVERY_S = 5.0
MINUTE = timedelta(minutes=1)
GROUPS = {venue: exchange.group for venue, exchange in EXCHANGES.items()}


async def backfill(
    settings: Settings, venues: Sequence[str] | None, coins: Sequence[str] | None, since: str | None
) -> int:
    """Until all is fetched and learnt, or a signal; then 0. What was fetched is kept either way.

    Raises ``UsageError``, ``StorageError`` (also while a bot runs on the same file) and
    ``SourceUnreachable`` where no venue told anything.
    """
    sources = [one for one in chosen_sources(settings, venues) if _remembers(one.exchange)]
    if not sources:
        remember = ", ".join(one.venue for one in EXCHANGES.values() if one.history is not None)
        raise UsageError(f"none of these venues remembers its past; those that do: {remember}")
    watched = settings.assets if coins is None else frozenset(_coin(name) for name in coins)
    begin = None if since is None else _time(since)
    async with open_store(settings) as store:
        work = asyncio.ensure_future(_fetch(store, settings, sources, watched, begin))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, work.cancel)
        try:
            async with running(_tell(store)):
                ended = await work
        except asyncio.CancelledError:
            sys.stdout.write("Stopped; what was fetched is kept, and the next time goes on from there.\n")
            return 0
    sys.stdout.writelines(f"{how_far(one)}\n" for one in ended)
    if ended and not any(one.contracts for one in ended):
        raise SourceUnreachable("no venue told its past; washout doctor says what each of them answers")
    return 0


async def _fetch(
    store: Store,
    settings: Settings,
    sources: Sequence[VenueSource],
    watched: frozenset[Asset] | None,
    since: datetime | None,
) -> Sequence[Remembered]:
    judge = Judge(GROUPS, Pace(MINUTE, 3 * MINUTE, settings.coverage_floor))
    health = Health(now)
    if (state := await Bench(judge, store, health, now, now).kept_state()) is not None:
        judge.restore(state)
    setting = Setting(Nowhere(), store.journal, health, now)
    async with open_lines(sources, setting) as lines:
        past = Past(judge, store, GROUPS, setting, rest=0.0)
        return await past.run(sources, lines, watched, since=since, patient=False)


async def _tell(store: Store) -> None:
    while True:
        await asyncio.sleep(TOLD_EVERY_S)
        with suppress(msgspec.DecodeError):
            told = msgspec.msgpack.decode(await store.journal.kept(REMEMBERED) or b"", type=list[Remembered])
            sys.stdout.writelines(f"{how_far(one)}\n" for one in told if not one.over)
            sys.stdout.flush()


def _remembers(exchange: Exchange) -> bool:
    return exchange.history is not None or (exchange.retold is not None and exchange.has_key)


def _coin(name: str) -> Asset:
    try:
        return parse_asset(name)[0]
    except ValueError:
        raise UsageError("--coins: a coin needs a name, such as BTC,ETH") from None


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since: {text} is not a time such as 2025-10-01") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at >= now():
        raise UsageError(f"--since: {text} has not come yet")
    return at
