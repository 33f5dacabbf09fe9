"""What a process is made of, built the same whether it does everything or shares the work with others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

from bot.config import Settings
from bot.domain.cards import Card
from bot.domain.charts import Chart
from bot.domain.figures import Sample
from bot.domain.posts import Subscription
from bot.exchanges import EXCHANGES
from bot.pipeline.judge import Judge
from bot.pipeline.memory import Pace
from bot.ports import HealthView, Messenger, Store
from bot.stage import Stage, wall
from handlers.commands import COMMANDS, Ask, answer
from handlers.desk import About, Desk
from handlers.play_cards import begin_card
from handlers.speech import spoken
from handlers.warm import warm
from handlers.web import LOCAL, Door, LocalChat, Site

if TYPE_CHECKING:  # the platforms' libraries are heavy, and imported where a token was found
    from handlers.discord_face.messenger import DiscordFace
    from handlers.discord_face.shards import Gate
    from handlers.telegram import Face

STEP = timedelta(minutes=1)
GROUPS = {venue: exchange.group for venue, exchange in EXCHANGES.items()}
TITLES = {venue: exchange.title for venue, exchange in EXCHANGES.items()}
FEEDS = {venue: exchange.liquidations for venue, exchange in EXCHANGES.items()}
FRESH_POLLS = 3
"""A figure counts until three polls were missed."""
MET = "local.met"
LOOK_EVERY_S = 5.0
TIDY_EVERY_S = 3600.0
LATER_EVERY_S = 20.0
WARM_AFTER_S = 10.0


def judge_of(settings: Settings, share: tuple[int, int] = (0, 1)) -> Judge:
    fresh = FRESH_POLLS * max(settings.poll_every, STEP)
    return Judge(GROUPS, Pace(STEP, fresh, settings.coverage_floor), FEEDS, share)


def _again(stage: Stage) -> str:
    """The line that computes a recorded wave again (``{wave}``)."""
    played = f" --scenario {stage.scenario}" if stage.scenario else ""
    return f"python -m bot replay{played} --wave {{wave}}"


def desk_of(settings: Settings, store: Store, health: HealthView, stage: Stage) -> Desk:
    about = About(
        version=version("washout"),
        started=wall(),
        banner=stage.banner,
        recompute=_again(stage),
        threshold=settings.alert_threshold,
        speed=stage.speed,
        titles=TITLES,
    )
    return Desk(store, health, stage.clock, about, wall=wall)


def site_of(settings: Settings, desk: Desk, stage: Stage, figures: Callable[[], Iterable[Sample]]) -> Site:
    """The page, with the local chat in it."""

    async def reply(text: str) -> Card:
        return await answer(desk, Ask(LOCAL, person="you", language=spoken()), text)

    chat = LocalChat(
        log=desk.store.chat,
        answer=reply,
        draw=_draw,
        clock=stage.clock,
        commands={command.name: command.about for command in COMMANDS.values()},
    )
    page = settings.page
    return Site(
        chat=chat,
        desk=desk,
        door=Door(
            wall=wall, host=page.host, public_url=page.public_url, token=page.token.read(), public=page.public
        ),
        figures=figures,
        speed=stage.speed if stage.until else None,
    )


async def warmed(desk: Desk) -> None:
    """Once the start is over, so that it takes no longer."""
    await asyncio.sleep(WARM_AFTER_S)
    await warm(desk)


def _draw(chart: Chart) -> str:
    """A picture for the page. Most runs of a quiet day never draw one, so what it takes is imported then."""
    from handlers.charts import drawn_once

    return drawn_once(chart)


async def meet(settings: Settings, stage: Stage, chat: LocalChat, desk: Desk) -> None:
    """The local chat is subscribed once; whoever unsubscribes stays so."""
    store = desk.store
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


@dataclass(frozen=True, slots=True)
class Faces:
    """The chat platforms a token was found for."""

    telegram: Face | None = None
    discord: DiscordFace | None = None

    @property
    def all(self) -> Sequence[Messenger]:
        return [face for face in (self.telegram, self.discord) if face is not None]


@asynccontextmanager
async def faces_of(
    settings: Settings,
    desk: Desk,
    *,
    listens: Callable[[], Gate | None] | None = None,
    shards: tuple[int, int, int] | None = None,
) -> AsyncIterator[Faces]:
    """Open lines to them; their libraries are heavy and imported only then.

    ``listens`` gives what lets this process hear people on Discord (always, without it; never, where that is
    ``None``), ``shards`` which of them. In Telegram they are heard while somebody runs its ``listen``.
    """
    tokens = settings.telegram.token.read(), settings.discord.token.read()
    async with AsyncExitStack() as rings:
        telegram = discord = None
        if any(tokens):
            from handlers.studio import open_studio

            draw = await rings.enter_async_context(open_studio())
        if tokens[0]:
            from handlers.telegram import open_telegram

            secret = settings.telegram.webhook_secret.read() or ""
            opening = open_telegram(
                settings.telegram, tokens[0], desk, desk.store, draw, wall=wall, webhook_secret=secret
            )
            telegram = await rings.enter_async_context(opening)
        if tokens[1]:
            from handlers.discord_face import API, GATEWAY, open_discord
            from handlers.discord_face.shards import Alone, Shards

            base, gateway = settings.discord.api_base or API, settings.discord.gateway or GATEWAY
            discord = await rings.enter_async_context(
                open_discord(
                    tokens[1],
                    desk,
                    draw,
                    api_base=base,
                    gateway=gateway,
                    gate=listens() if listens else Alone(),
                    shards=Shards(*shards) if shards else None,
                )
            )
        yield Faces(telegram, discord)
