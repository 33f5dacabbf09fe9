"""The composition root: settings become objects, objects become roles, roles run until they are stopped.

The nesting of the blocks is the order in which things stop: first nobody asks venues any more, then what
was heard is judged, then what was decided is delivered, then the page and the store close.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib.metadata import version

from bot.config import Settings
from bot.deliver import deliver
from bot.domain.cards import Card
from bot.domain.charts import Chart
from bot.domain.figures import Delivered, Sample
from bot.domain.market import Venue
from bot.domain.posts import Destination, Subscription
from bot.exchanges import EXCHANGES
from bot.feeds.contact import Setting
from bot.feeds.http import VenueHttp
from bot.feeds.sources import Sources, open_lines
from bot.health import Health
from bot.judging import judge
from bot.later import Later, say_later
from bot.opening import open_store, remove_play
from bot.past import Past
from bot.pipeline.judge import Judge
from bot.pipeline.memory import Pace
from bot.ports import Messenger, Store
from bot.roles import Bench, tidy, watch_over
from bot.running import running
from bot.stage import PLAY, Stage, live, played, told_to_the_end, wall
from handlers.commands import COMMANDS, Ask, answer
from handlers.desk import About, Desk
from handlers.play_cards import begin_card, end_card
from handlers.speech import ENGLISH, speaking, spoken
from handlers.web import LOCAL, Door, LocalChat, Site
from storage.streams import LocalStream

log = logging.getLogger(__name__)

STEP = timedelta(minutes=1)
GROUPS = {venue: exchange.group for venue, exchange in EXCHANGES.items()}
FEEDS = {venue: exchange.liquidations for venue, exchange in EXCHANGES.items()}
FRESH_POLLS = 3
"""A figure counts until three polls were missed."""
MET = "local.met"
LOOK_EVERY_S = 5.0
PLAYED_LOOK_BACK = timedelta(days=14)
TIDY_EVERY_S = 3600.0
LATER_EVERY_S = 20.0
SETTLED_S = 100.0
"""Every venue was asked at least once, and the judge has made its first steps."""


async def run(settings: Settings, scenario: str | None, speed: float, port: int | None) -> int:
    """Watch until stopped by a signal; returns 0 then.

    Raises ``ConfigError`` (port taken), ``StorageError`` and whatever ends a role.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if scenario is not None:
        await _clear_the_stage(settings, scenario)
    async with (
        open_store(settings, scenario) as store,
        _stage(settings, scenario, speed, store) as stage,
    ):
        await work(settings, store, stage, settings.page.port if port is None else port, stop)
    return 0


def _again(stage: Stage) -> str:
    """The line that computes a recorded wave again (``{wave}``)."""
    played = f" --scenario {stage.scenario}" if stage.scenario else ""
    return f"python -m bot replay{played} --wave {{wave}}"


def _draw(chart: Chart) -> str:
    """A picture for the page. Most runs of a quiet day never draw one, so what it takes is imported then."""
    from handlers.charts import drawn_once

    return drawn_once(chart)


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


async def work(settings: Settings, store: Store, stage: Stage, port: int, stop: asyncio.Event) -> None:
    """Watch what is on the stage, over an open store, until ``stop`` is set. Raises as ``run`` does."""
    health = Health(stage.clock)
    about = About(
        version=version("washout"),
        started=wall(),
        banner=stage.banner,
        recompute=_again(stage),
        threshold=settings.alert_threshold,
    )
    desk = Desk(store, health, stage.clock, about, wall=wall)
    seen, delivered = LocalStream(), Delivered()
    bench = Bench(_judge(settings), store, health, stage.clock, wall)

    async def reply(text: str) -> Card:
        return await answer(desk, Ask(LOCAL, person="you", language=spoken()), text)

    def figures() -> Iterable[Sample]:
        yield Sample("observations_waiting", seen.waiting)
        yield from delivered.samples()

    chat = LocalChat(
        log=store.chat,
        answer=reply,
        draw=_draw,
        clock=stage.clock,
        commands={command.name: command.about for command in COMMANDS.values()},
    )
    site = Site(
        chat=chat,
        desk=desk,
        door=_door(settings),
        figures=figures,
        speed=stage.speed if stage.until else None,
    )
    bench.news.append(site.news)
    async with AsyncExitStack() as rings:
        address = await rings.enter_async_context(site.listen(port))
        await rings.enter_async_context(running(site.watch()))
        sys.stdout.write(f"Washout is at {address} (Ctrl-C stops it)\n")
        sys.stdout.flush()
        await _meet(settings, store, stage, chat, desk)
        hurry: list[Callable[[], None]] = []
        faces = await rings.enter_async_context(_faces(settings, store, desk, site, hurry))
        for face in (chat, *faces):
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
        for each in hurry:
            rings.callback(each)  # before the lanes are waited for
        setting = Setting(seen, store.journal, health, stage.clock, speed=stage.speed)
        await rings.enter_async_context(running(_watch(settings, stage, bench, seen, setting, chat, desk)))
        await stop.wait()
        log.info("stopping", extra={"event": "process.stopping"})


@asynccontextmanager
async def _faces(
    settings: Settings, store: Store, desk: Desk, site: Site, hurry: list[Callable[[], None]]
) -> AsyncIterator[Sequence[Messenger]]:
    """The chat platforms a token was found for. Their libraries are heavy and imported only then.

    ``hurry`` is given what ends their waiting for a turn: a stop takes no longer than what is under way.
    """
    telegram, discord = settings.telegram.token.read(), settings.discord.token.read()
    faces: list[Messenger] = []
    async with AsyncExitStack() as rings:
        if telegram or discord:
            from handlers.studio import open_studio

            draw = await rings.enter_async_context(open_studio())
        if telegram:
            from handlers.telegram import open_telegram

            secret = settings.telegram.webhook_secret.read() or ""
            told = await rings.enter_async_context(
                open_telegram(
                    settings.telegram, telegram, desk, store, draw, wall=wall, webhook_secret=secret
                )
            )
            if settings.telegram.mode == "webhook":
                site.hooks[told.inbox.webhook_path] = told.inbox.webhook
            await rings.enter_async_context(running(told.listen()))
            hurry.append(told.stop_waiting)
            faces.append(told)
        if discord:
            from handlers.discord_face import API, GATEWAY, open_discord

            base, gateway = settings.discord.api_base or API, settings.discord.gateway or GATEWAY
            faces.append(
                await rings.enter_async_context(
                    open_discord(discord, desk, draw, api_base=base, gateway=gateway)
                )
            )
        yield faces


def _door(settings: Settings) -> Door:
    page = settings.page
    return Door(
        wall=wall, host=page.host, public_url=page.public_url, token=page.token.read(), public=page.public
    )


def _judge(settings: Settings) -> Judge:
    fresh = FRESH_POLLS * max(settings.poll_every, STEP)
    return Judge(GROUPS, Pace(STEP, fresh, settings.coverage_floor), FEEDS)


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


async def _meet(settings: Settings, store: Store, stage: Stage, chat: LocalChat, desk: Desk) -> None:
    """The local chat is subscribed once; whoever unsubscribes stays so."""
    if await store.journal.kept(MET) is not None:
        return
    await store.subscriptions.add(
        Subscription(destination=LOCAL, threshold=settings.alert_threshold, created=stage.clock())
    )
    if (script := stage.script) is not None:
        quotes = [(quote.text, quote.source) for quote in script.published]
        welcome = begin_card(script.title, script.plays_from, script.plays_until, stage.speed, quotes)
    else:
        welcome = await answer(desk, Ask(LOCAL, person="you"), "/start")
    await chat.send(LOCAL, desk.sign(welcome))
    await store.journal.keep(MET, b"yes")


async def _curtain(stage: Stage, chat: LocalChat, desk: Desk) -> None:
    """Say so when a scenario has told its story; its market then stands still."""
    if stage.until is None or stage.clock() >= stage.until:
        return
    await asyncio.sleep((stage.until - stage.clock()).total_seconds() / stage.speed)
    here = await desk.settings(LOCAL)
    with speaking(here.language or ENGLISH):
        await chat.send(LOCAL, desk.sign(end_card()))
