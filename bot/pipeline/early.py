"""A wave before open interest can show it: opened by a burst, then confirmed or taken back.

Every function is pure; ``Life`` holds what they give.
"""

from __future__ import annotations

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Missing
from bot.domain.waves import Burst, Kind, Magnitude, Stage, Wave
from bot.pipeline.attribution import lead
from bot.pipeline.bursts import WINDOW_S
from bot.pipeline.horizons import HORIZONS, moment
from bot.pipeline.tally import Tally

OPEN_W = 1.9
"""A wave begins at a return period of about three and a half days, whoever shows it."""
RARER = 0.15
"""A burst that grows by so much is worth another revision of an early wave,"""
MORE = 0.5
"""and by so much of one that open interest shows already: people are told how it goes anyway."""
CONFIRMED = 0.003
BEYOND_NOISE = 1.5
"""Coins closed since the burst that confirm it: a share of all, and of what five minutes usually close."""
TAKEN_BACK_S = 300.0
HEARD_AFTER_S = 120.0
"""Taken back after five minutes, if most of the market was heard at least two minutes after the burst."""
UNHEARD_S = 6 * 3600.0
"""Without any fresh open interest for so long nobody will ever know."""
AGAIN_S = 3600.0
"""After a burst was taken back the next one must wait so long, or be ten times rarer."""


class Alarm(msgspec.Struct, frozen=True):
    """A burst with what is known around it at that second."""

    burst: Burst
    now_s: float
    price_before: tuple[float, float] | None
    """When, and how much, price was before it moved."""
    price_usd: float | None
    coverage: float
    missing: tuple[Missing, ...]
    coins: float
    """Open interest when last compared."""
    opened_coins: float
    """Running sum of coins opened, when last compared: only differences mean anything."""


class Early(msgspec.Struct):
    """A wave that only a burst tells of."""

    told: Wave
    since_s: float
    """When its price move began."""
    opened_s: float
    coins: float
    opened_coins: float


def rarer(one: Magnitude, other: Magnitude | None) -> Magnitude:
    return one if other is None or one.w >= other.w else other


def opened(name: str, asset: Asset, alarm: Alarm, tally: Tally) -> Early:
    burst, at = alarm.burst, moment(alarm.now_s)
    since_s, before_usd = alarm.now_s - WINDOW_S, None
    if alarm.price_before is not None:
        since_s, before_usd = min(since_s, alarm.price_before[0]), alarm.price_before[1]
    who, provisional = lead((), (), None)
    wave = Wave(
        id=name,
        asset=asset,
        kind=Kind.FLUSH if burst.long_share >= 0.5 else Kind.SQUEEZE,
        stage=Stage.EARLY,
        revision=1,
        loud=1,
        onset=moment(since_s),
        opened=at,
        at=at,
        low_at=at,
        horizon=HORIZONS[0],
        depths=(),
        venues=(),
        price_before_usd=before_usd,
        price_now_usd=alarm.price_usd,
        magnitude=burst.magnitude,
        coverage=alarm.coverage,
        missing=alarm.missing,
        lead=who,
        provisional=provisional,
    )
    told = with_burst(wave, burst, since_s, tally)
    return Early(told, since_s, alarm.now_s, alarm.coins, alarm.opened_coins)


def with_burst(wave: Wave, burst: Burst, since_s: float, tally: Tally) -> Wave:
    """The wave as of a burst, with what was liquidated since it began."""
    wave = liquidated(wave, since_s, burst.at.timestamp(), tally)
    return msgspec.structs.replace(
        wave, at=burst.at, burst=burst, magnitude=rarer(wave.magnitude, burst.magnitude)
    )


def liquidated(wave: Wave, since_s: float, until_s: float, tally: Tally) -> Wave:
    """The wave with what was liquidated from ``since_s`` to ``until_s``."""
    long_usd, short_usd, worst = tally.between(since_s, until_s)
    return msgspec.structs.replace(
        wave,
        liquidated_long_usd=long_usd if worst else None,
        liquidated_short_usd=short_usd if worst else None,
        worst_minute_at=moment(worst.at_s) if worst else None,
        worst_minute_usd=worst.usd if worst else None,
    )


def grown(told: Wave, burst: Burst) -> bool:
    """Does the burst say more than the wave has told? Revisions of one wave lie apart in time."""
    if burst.at <= told.at:
        return False
    more = RARER if told.stage is Stage.EARLY else MORE
    return told.burst is None or burst.magnitude.w >= told.burst.magnitude.w + more


def not_confirmed(early: Early, now_s: float, heard: float, floor: float) -> str:
    """Why it is taken back now; empty while it may still be confirmed.

    ``heard`` is the share of the market that told open interest ``HEARD_AFTER_S`` after the burst or later.
    """
    waited_s = now_s - early.opened_s
    longs = early.told.kind is Kind.FLUSH
    if heard >= floor and waited_s >= TAKEN_BACK_S:
        return (
            f"{'Longs' if longs else 'Shorts'} were liquidated, but no positions were closed: open interest "
            f"stood as before {round(waited_s / 60)} min later, so new ones took the place of the forced"
        )
    if waited_s >= UNHEARD_S:
        return f"No fresh open interest for {round(waited_s / 3600)} h, so nobody can tell"
    return ""
