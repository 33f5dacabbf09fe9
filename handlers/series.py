"""A recorded series made into what a picture shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil, exp
from typing import Protocol

from msgspec.structs import replace

from bot.domain.charts import MarketChart, Span, WaveEnds
from bot.domain.market import LiquidationSum, Point
from bot.domain.waves import Wave
from handlers.cards import kind_title, shown_ends
from handlers.numbers import duration, moment, percent, share
from handlers.phrases import stopped
from handlers.speech import _

STEPS = tuple(timedelta(minutes=m) for m in (2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, 2880, 10080))
MOST_STEPS = 180
NO_GAP = timedelta(minutes=10)
SEEN = 0.9
"""Where less of the usual open interest is fresh and believed, a picture says so."""


def step_for(span: timedelta) -> timedelta:
    """The finest step that gives at most ``MOST_STEPS`` of them."""
    return next((step for step in STEPS if span / step <= MOST_STEPS), STEPS[-1])


class Told(Protocol):
    """Anything recorded at a time."""

    @property
    def at(self) -> datetime: ...


def step_of(points: Sequence[Told], step: timedelta) -> timedelta:
    """A step that fits what is kept: old snapshots lie further apart than a picture could show."""
    gaps = sorted(later.at - earlier.at for earlier, later in pairwise(points))
    usual = gaps[len(gaps) // 2] if gaps else step
    return next((known for known in STEPS if known >= max(step, usual)), STEPS[-1])


def aligned(at: datetime, step: timedelta) -> datetime:
    """The beginning of the step that ``at`` lies in, counted from the Unix epoch."""
    step_s = step.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // step_s * step_s, UTC)


def chart_of(
    asset: str,
    title: str,
    points: Sequence[Point],
    liquidations: Sequence[LiquidationSum],
    step: timedelta,
    *,
    now: datetime,
    banner: str = "",
    shade: Span | None = None,
    low_at: datetime | None = None,
) -> MarketChart | None:
    """``None`` where fewer than two points are known.

    Coins are like with like: today's sum carried back along the index, so that a venue which came or went
    makes no step in the line. An absence of less than ``NO_GAP`` (or two steps) is no gap: readings come a
    little early or late, and what venues remember comes every five minutes.
    """
    by_step = {aligned(point.at, step): point for point in points}
    if len(by_step) < 2:
        return None
    first, last = min(by_step), max(by_step)
    times = filled(first, last, step)
    found = [by_step.get(at) for at in times]
    sums = {aligned(told.at, step): told for told in liquidations}
    newest = by_step[last]
    return MarketChart(
        title=title,
        asset=asset,
        times=tuple(times),
        coins=bridged([like_with_like(point, newest) if point else None for point in found], step),
        price_usd=bridged([point.price_usd if point else None for point in found], step),
        long_usd=tuple(sums[at].long_usd if at in sums else 0.0 for at in times) if sums else (),
        short_usd=tuple(sums[at].short_usd if at in sums else 0.0 for at in times) if sums else (),
        shade=shade,
        low_at=low_at,
        unseen=unseen(times, found, step),
        note=stopped(as_of_note(newest.at, newest.coverage, now), banner),
    )


def unseen(times: Sequence[datetime], found: Sequence[Point | None], step: timedelta) -> tuple[Span, ...]:
    """Spans in which too little of the market was seen; where nothing was recorded is a gap already."""
    return joined(
        (at, at + step)
        for at, point in zip(times, found, strict=True)
        if point is not None and point.coverage < SEEN
    )


def as_of_note(at: datetime, coverage: float, now: datetime) -> str:
    """What stands under every picture that is made of snapshots."""
    text = _("As of {time}, seen {share} of usual open interest.")
    return text.format(time=moment(at, now), share=share(coverage))


def like_with_like(point: Point, newest: Point) -> float:
    """Coins as they would have been summed with the venues seen at ``newest``."""
    return newest.coins * exp(point.index - newest.index)


def filled(first: datetime, last: datetime, step: timedelta) -> list[datetime]:
    """Every step from the first to the last."""
    return [first + n * step for n in range(round((last - first) / step) + 1)]


def bridged(values: Sequence[float | None], step: timedelta) -> tuple[float | None, ...]:
    """Values closer than ``NO_GAP`` (or two steps) are joined by a straight line; the rest stays unknown."""
    reach = max(2, ceil(NO_GAP / step))
    found = list(values)
    known = [place for place, value in enumerate(values) if value is not None]
    for before, after in pairwise(known):
        low, high = values[before], values[after]
        if 1 < after - before <= reach and low is not None and high is not None:
            for place in range(before + 1, after):
                found[place] = low + (high - low) * (place - before) / (after - before)
    return tuple(found)


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order of time; those that touch are one."""
    found: list[Span] = []
    for since, until in spans:
        if found and found[-1][1] >= since:
            found[-1] = found[-1][0], until
        else:
            found.append((since, until))
    return tuple(found)


def wave_window(wave: Wave, now: datetime) -> tuple[datetime, datetime]:
    """What a wave's picture shows: some of the calm before and of what came next."""
    room = max(timedelta(minutes=40), wave.duration)
    return wave.onset - room, min(now, (wave.over_at or wave.at) + room)


def of_wave(chart: MarketChart, wave: Wave) -> MarketChart:
    """With the wave's own figures, so that picture and card say the same."""
    liquidated = (wave.liquidated_long_usd or 0.0, wave.liquidated_short_usd or 0.0)
    return replace(
        chart,
        ends=WaveEnds((wave.coins_before, wave.coins_now), (wave.price_before_usd, wave.price_now_usd)),
        liquidated_usd=liquidated if any(liquidated) else None,
    )


def wave_finding(wave: Wave) -> str:
    """A picture's title: the finding, not the axis."""
    scale, before, now = shown_ends(wave)
    text = _("{kind}: {amount} {coin} closed ({move}) in {span}")
    return text.format(
        kind=kind_title(wave),
        coin=wave.asset,
        amount=scale.show(before - now),
        move=percent(-wave.fall),
        span=duration(wave.low_at - wave.onset),
    )


def unbroken(text: str) -> str:
    """For a name and its number, which belong into one line."""
    return text.replace(" ", "\u00a0")


def span_words(seen: timedelta, period: timedelta) -> str:
    """The period that was asked for; what was seen where that is less."""
    return duration(period if seen > 0.9 * period else seen)


def period_finding(asset: str, points: Sequence[Point], period: timedelta) -> str:
    """Both moves over the points, in words."""
    first, last = points[0], points[-1]
    change = exp(last.index - first.index) - 1
    span = span_words(last.at - first.at, period)
    if not first.price_usd or not last.price_usd:
        return _("{coin} open interest {move} in {span}").format(coin=asset, move=percent(change), span=span)
    text = _("{coin} open interest {move} in {span}, price {price_move}")
    moved = percent(last.price_usd / first.price_usd - 1)
    return text.format(coin=asset, move=percent(change), span=span, price_move=moved)
