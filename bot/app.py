"""The composition root: settings become objects, objects become roles, roles run until they are stopped.

The nesting of the blocks is the order in which things stop: first nobody asks venues any more, then what
was heard is judged, then what was decided is delivered, then the page and the store close.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from bot.app_parts import (
    GROUPS,
    LATER_EVERY_S,
    LOOK_EVERY_S,
    TIDY_EVERY_S,
    desk_of,
    faces_of,
    judge_of,
    meet,
    site_of,
    warmed,
)
from bot.bench import Bench, tidy
from bot.blindness import watch_over
from bot.config import Settings
from bot.deliver import deliver
from bot.domain.figures import Delivered, Sample
from bot.domain.market import Venue
from bot.domain.posts import Destination
from bot.feeds.contact import Setting
from bot.feeds.http import VenueHttp
from bot.feeds.sources import Sources, open_lines
from bot.health import Health
from bot.judging import judge
from bot.later import Later, say_later
from bot.opening import open_store, remove_play
from bot.past import Past
from bot.ports import Store
from bot.running import running, stopped_by_signals
from bot.stage import PLAY, Stage, live, played, told_to_the_end, wall
from handlers.desk import Desk
from handlers.play_cards import end_card
from handlers.speech import ENGLISH, speaking
from handlers.web import LOCAL, LocalChat
from storage.streams import LocalStream

log = logging.getLogger(__name__)

PLAYED_LOOK_BACK = timedelta(days=14)
SETTLED_S = 100.0
"""Every venue was asked at least once, and the judge has made its first steps."""


async def run(
    settings: Settings,
    scenario: str | None,
    speed: float,
    port: int | None,
    shards: tuple[int, int, int] | None = None,
) -> int:
    """Watch until stopped by a signal; returns 0 then.

    Raises ``ConfigError`` (port taken), ``StorageError`` and whatever ends a role.
    """
    async with stopped_by_signals() as stop:
        if scenario is not None:
            await _clear_the_stage(settings, scenario)
        async with (
            open_store(settings, scenario) as store,
            _stage(settings, scenario, speed, store) as stage,
        ):
            await work(settings, store, stage, settings.page.port if port is None else port, stop, shards)
    return 0


async def _clear_the_stage(settings: Settings, scenario: str) -> None:
    """A play that has ended begins anew, with an empty store; one that was cut off goes on."""
    async with open_store(settings, scenario) as store:
        ended = await told_to_the_end(scenario, store.journal)
    if ended:
        await remove_play(settings, scenario)


@asynccontextmanager
async def _stage(
    settings: Settings, scenario: str | None, speed: float, store: Store
) -> AsyncIterator[Stage]:
    if scenario is None:
        yield live(settings)
        return
    async with played(scenario, speed, store.journal) as stage:
        yield stage


async def work(
    settings: Settings,
    store: Store,
    stage: Stage,
    port: int,
    stop: asyncio.Event,
    shards: tuple[int, int, int] | None = None,
) -> None:
    """Watch what is on the stage, over an open store, until ``stop`` is set. Raises as ``run`` does."""
    health = Health(stage.clock)
    desk = desk_of(settings, store, health, stage)
    seen, delivered = LocalStream(), Delivered()
    bench = Bench(judge_of(settings), store, health, stage.clock, wall)

    def figures() -> Iterable[Sample]:
        yield Sample("observations_waiting", seen.waiting)
        yield from delivered.samples()

    site = site_of(settings, desk, stage, figures)
    chat = site.chat
    bench.news.append(site.news)
    async with AsyncExitStack() as rings:
        address = await rings.enter_async_context(site.listen(port))
        await rings.enter_async_context(running(site.watch()))
        sys.stdout.write(f"Washout is at {address} (Ctrl-C stops it)\n")
        sys.stdout.flush()
        await meet(settings, stage, chat, desk)
        faces = await rings.enter_async_context(faces_of(settings, desk, shards=shards))
        if faces.telegram is not None:
            if settings.telegram.mode == "webhook":
                site.hooks[faces.telegram.inbox.webhook_path] = faces.telegram.inbox.webhook
            await rings.enter_async_context(running(faces.telegram.listen()))
        for face in (chat, *faces.all):
            news = asyncio.Event()
            bench.news.append(news)
            lane = deliver(
                face,
                store,
                desk.present,
                news=news,
                clock=stage.clock,
                wall=wall,
                sleep=asyncio.sleep,
                delivered=delivered,
            )
            await rings.enter_async_context(running(lane))
        if faces.telegram is not None:  # a stop takes no longer than what is under way
            rings.callback(faces.telegram.stop_waiting)
        setting = Setting(seen, store.journal, health, stage.clock, speed=stage.speed)
        await rings.enter_async_context(running(_watch(settings, stage, bench, seen, setting, chat, desk)))
        await stop.wait()
        log.info("stopping", extra={"event": "process.stopping"})


async def _watch(
    settings: Settings,
    stage: Stage,
    bench: Bench,
    seen: LocalStream,
    setting: Setting,
    chat: LocalChat,
    desk: Desk,
) -> None:
    """Recover, then collect, judge, watch over and look back until cancelled."""
    first = await bench.recover() is None
    past = Past(bench.judge, bench.store, GROUPS, setting)
    await past.load()

    async def destinations() -> Sequence[Destination]:
        subscribed = {s.destination for s in await bench.store.subscriptions.all()}
        return sorted(subscribed | {LOCAL})

    later = Later(bench.store, stage.clock, wall, desk.outcome, bench.wake)
    async with open_lines(stage.venues, setting) as lines:
        await _before_the_curtain(first, stage, past, lines, settings)
        await _begin(stage, bench.store)
        sources = Sources(stage.venues, setting, watched=settings.assets, lines=lines)
        async with running(
            judge(bench, seen, speed=stage.speed),
            watch_over(bench, destinations, sleep_s=LOOK_EVERY_S / min(stage.speed, 5)),
            tidy(bench.store, stage.clock, sleep_s=TIDY_EVERY_S),
            say_later(later, sleep_s=LATER_EVERY_S / stage.speed),
            _look_back(stage, past, lines, settings),
            _settle(),
            warmed(desk),
            _curtain(stage, chat, desk),
        ):
            await sources.run(asyncio.Event())


async def _settle() -> None:
    """What is known by now stays; looking through it for garbage holds the loop too long each time."""
    await asyncio.sleep(SETTLED_S)
    gc.freeze()


async def _before_the_curtain(
    first: bool, stage: Stage, past: Past, lines: Mapping[Venue, VenueHttp], settings: Settings
) -> None:
    """A play begins when the time before it is known: its market stands still until then."""
    if stage.until is not None and first:
        past.rest = 0.0
        await past.run(stage.venues, lines, settings.assets, look_back=PLAYED_LOOK_BACK, patient=False)


async def _look_back(stage: Stage, past: Past, lines: Mapping[Venue, VenueHttp], settings: Settings) -> None:
    """Beside live figures: what is not known yet of the time before them, as long as it takes."""
    if stage.until is None:
        await past.run(stage.venues, lines, settings.assets)


async def _begin(stage: Stage, store: Store) -> None:
    play = stage.begin()
    if play is not None:
        await store.journal.keep(PLAY, play.dump())


async def _curtain(stage: Stage, chat: LocalChat, desk: Desk) -> None:
    """Say so when a scenario has told its story; its market then stands still."""
    if stage.until is None or stage.clock() >= stage.until:
        return
    await asyncio.sleep((stage.until - stage.clock()).total_seconds() / stage.speed)
    here = await desk.settings(LOCAL)
    with speaking(here.language or ENGLISH):
        await chat.send(LOCAL, desk.sign(end_card()))
