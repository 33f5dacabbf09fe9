"""What the process watches: the live venues, or a scenario that local servers play.

Both give the same thing, so nothing after this knows which one it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.config import Settings, VenueSettings
from bot.domain.fleet import Role
from bot.domain.market import Venue
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import MINUTE, Exchange
from bot.feeds.sources import VenueSource
from bot.ports import Clock, Journal, Store

if TYPE_CHECKING:  # the simulator is imported only where a scenario is played
    from bot.simulator.playing import Play
    from bot.simulator.scenario import Script

log = logging.getLogger(__name__)

PLAY_LOOK_S = 0.2
CURTAIN = timedelta(seconds=15)
"""A play of several processes waits so long for everybody to be there."""

PLAY = "play"
"""Under this name the journal keeps where a playing scenario stands."""


def wall() -> datetime:
    """Real time, as aware UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Stage:
    """``clock`` is the market's time, running ``speed`` times as fast as the wall.

    ``begin`` starts the market's clock (a scenario waits at its beginning until then) and gives what to keep
    of it; ``until`` is when a scenario has told its story.
    """

    venues: Sequence[VenueSource]
    clock: Clock
    begin: Callable[[], Play | None]
    speed: float = 1.0
    banner: str = ""
    script: Script | None = None
    until: datetime | None = None
    scenario: str = ""
    """The name of what is played; empty for the live markets."""


def live(settings: Settings) -> Stage:
    venues = [
        VenueSource(keyed(paced(EXCHANGES[v.venue], settings.poll_every), v), v.base_url, v.ws_url)
        for v in settings.venues
    ]
    return Stage(venues, wall, begin=lambda: None)


def paced(exchange: Exchange, every: timedelta) -> Exchange:
    """The venue with what it is usually asked each minute asked ``every`` so often; slower polls stay."""
    polls = tuple(replace(poll, every=every) if poll.every == MINUTE else poll for poll in exchange.polls)
    return replace(exchange, polls=polls)


def keyed(exchange: Exchange, settings: VenueSettings) -> Exchange:
    """The venue with the operator's key, where it takes one. Raises as ``Token.read``."""
    secret = settings.key.read() if settings.key is not None else None
    headers = {**exchange.headers, exchange.key_header: secret} if secret else exchange.headers
    return replace(exchange, headers=headers)


async def told_to_the_end(name: str, journal: Journal) -> bool:
    """Has the play that this journal keeps reached its end meanwhile?"""
    from bot.simulator.playing import Play, ScenarioClock
    from bot.simulator.scenario import named

    kept = Play.read(await journal.kept(PLAY) or b"")
    return kept is not None and ScenarioClock(kept, wall).now() >= named(name).script.plays_until


@asynccontextmanager
async def played(name: str, speed: float, journal: Journal) -> AsyncIterator[Stage]:
    """A scenario on its local servers, where it stood if its process was killed."""
    from bot.simulator.playing import Play, ScenarioClock
    from bot.simulator.scenario import named
    from bot.simulator.servers import serve

    scenario = named(name)
    kept = Play.read(await journal.kept(PLAY) or b"")
    shown = ScenarioClock(kept, wall) if kept else None
    if shown is not None and kept is not None and kept.speed != speed:
        shown = ScenarioClock(Play(name, shown.now(), speed, wall()), wall)

    def clock() -> datetime:
        return shown.now() if shown else scenario.script.plays_from

    async with serve(scenario, clock) as addresses:

        def begin() -> Play:
            nonlocal shown
            shown = shown or ScenarioClock(Play(name, scenario.script.plays_from, speed, wall()), wall)
            return shown.play

        stage = Stage(
            [VenueSource(EXCHANGES[Venue(v)], at.base_url, at.ws_url) for v, at in addresses.items()],
            clock,
            begin,
            speed,
            banner=f"{scenario.script.banner} · played {speed:g} × as fast",
            script=scenario.script,
            until=scenario.script.plays_until,
            scenario=name,
        )
        yield stage


@asynccontextmanager
async def shared_stage(
    settings: Settings, scenario: str | None, speed: float, store: Store, roles: Collection[Role]
) -> AsyncIterator[Stage]:
    """A play is begun by the first judge; everybody else comes in where it stands."""
    if scenario is None:
        yield live(settings)
        return
    from bot.simulator.playing import Play
    from bot.simulator.scenario import named

    async with store.locks.hold("play") if Role.JUDGE in roles else AsyncExitStack():
        while await store.journal.kept(PLAY) is None:
            if Role.JUDGE in roles:
                begins = wall() + CURTAIN
                play = Play(scenario, named(scenario).script.plays_from, speed, begins)
                await store.journal.keep(PLAY, play.dump())
            else:
                await asyncio.sleep(PLAY_LOOK_S)
    async with played(scenario, speed, store.journal) as stage:
        stage.begin()
        yield stage
