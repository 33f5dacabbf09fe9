"""Liquidations beside a synthetic market: chatter, bursts, and a play that hears them by the second."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.market import Completeness, Instrument, Liquidation, Position, Venue
from bot.domain.units import Amount, Unit
from bot.domain.waves import Wave
from bot.pipeline.judge import Judge
from bot.pipeline.memory import JudgeState
from tests.pipeline.market import BTC, GROUPS, OPENING, PACE, PRICE_USD, Scene, told

SECOND = timedelta(seconds=1)
FEEDS = {
    Venue("bybit"): Completeness.COMPLETE,
    Venue("deribit"): Completeness.COMPLETE,
    Venue("okx"): Completeness.THROTTLED,
    Venue("binance_usdm"): Completeness.THROTTLED,
}


def forced(
    second: float,
    usd: float,
    venue: str = "bybit",
    position: Position = Position.LONG,
    *,
    late: float = 0.0,
    number: str = "",
    deleveraged: bool = False,
) -> Liquidation:
    """One liquidation so many seconds after the scene opened, heard ``late`` seconds afterwards."""
    at = OPENING + second * SECOND
    return Liquidation(
        Instrument(Venue(venue), "BTCUSDT", BTC),
        position,
        Amount(Decimal(f"{usd / PRICE_USD:.6f}"), Unit.BASE),
        Decimal(int(PRICE_USD)),
        at,
        at + late * SECOND,
        number or f"{second}",
        deleveraged,
    )


def chatter(
    minutes: int, venues: Iterable[str] = FEEDS, *, since: int = 0, usd: float = 15_000
) -> list[Liquidation]:
    """What every feed tells on any day: small ones each minute, a larger one now and then."""
    chance = random.Random("chatter")  # noqa: S311
    told = []
    for minute in range(since, minutes):
        for venue in venues:
            size = min(usd * chance.paretovariate(1.2), 3e6)
            told.append(forced(60 * (minute + chance.random()), size, venue, number=f"c{minute}"))
    return told


def burst(
    second: int, usd: float, venues: Sequence[str] = tuple(FEEDS), lasts: int = 30
) -> list[Liquidation]:
    """So much in all, on all of those venues alike, a liquidation a second on each."""
    each = usd / lasts / len(venues)
    return [forced(second + s, each, venue, number=f"b{s}") for s in range(lasts) for venue in venues]


def listening(state: JudgeState | None = None) -> Judge:
    judge = Judge(GROUPS, PACE, FEEDS)
    if state is not None:
        judge.restore(state)
    return judge


def live(
    judge: Judge, scene: Scene, minutes: int, heard: Iterable[Liquidation], since: datetime = OPENING
) -> list[Wave]:
    """Every revision told, whether by a burst or by a step."""
    waves: list[Wave] = []
    queue = sorted(heard, key=lambda said: said.received)
    until = since + timedelta(minutes=minutes)
    queue = [said for said in queue if since < said.received <= until]
    place = 0
    for at, said in told(scene, since, until, judge.pace.step):
        while place < len(queue) and queue[place].received <= at:
            judge.take(queue[place])
            waves.extend(judge.early())
            place += 1
        for one in said:
            judge.take(one)
        waves.extend(judge.step(at, snap=False).waves)
    return waves
