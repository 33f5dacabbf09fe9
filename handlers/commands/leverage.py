"""How leveraged the market is: /leverage, /compare and /top."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.assets import Asset
from bot.domain.cards import Button, Card, Line, Table
from bot.domain.market import Point
from bot.domain.statistics import Statistics
from bot.errors import AskError
from bot.pipeline.leverage import Change, change_between, near
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.history import TOLD_LATELY
from handlers.leverage import Seen, point_of, seen
from handlers.leverage_cards import compare_card, leverage_card
from handlers.leverage_charts import changes_chart, compared_chart, heat_chart
from handlers.numbers import (
    clock,
    duration,
    number,
    percent,
    tight,
    usd,
    usd_cell,
)
from handlers.picture_words import pictured
from handlers.snapshot_cards import like_with_like
from handlers.speech import N_, _, ngettext
from handlers.words import COIN, COINS, PERIOD

DAY = timedelta(days=1)
MOST_COINS = 6
NAMED = 5
"""Coins named on each side."""
SMALLEST_USD = 10e6
"""A coin of less open interest moves by single positions."""
SEEN_ENOUGH = 0.6


@command(
    "leverage",
    N_("How leveraged a coin is, by its own history"),
    COIN.optional,
    examples=("/leverage btc", "/leverage"),
)
async def leverage(desk: Desk, ask: Ask) -> Card:
    if (asset := ask.get(COIN)) is not None:
        one = await seen(desk, asset)
        chart = heat_chart(asset, one.leverage, one.now.at, desk.banner)
        picture = pictured(chart) if chart is not None else None
        return leverage_card(one, at=desk.now(), titles=desk.titles(), picture=picture)
    known = await desk.known()
    if not known:
        raise AskError(_("I have not seen any market yet. See how the feeds do: `/venues`"), "/venues")
    return await _beside(desk, known[:MOST_COINS])


@command(
    "compare",
    N_("Coins side by side: open interest, leverage, funding"),
    COINS,
    examples=("/compare btc eth",),
)
async def compare(desk: Desk, ask: Ask) -> Card:
    return await _beside(desk, ask.need(COINS))


async def _beside(desk: Desk, assets: Sequence[Asset]) -> Card:
    rows: list[tuple[Seen, float | None]] = []
    points: dict[Asset, Sequence[Point]] = {}
    for asset in assets:
        one = await seen(desk, asset)
        before = await desk.before(one.now, DAY)
        rows.append((one, like_with_like(one.now, before) if before is not None else None))
        points[asset], _totals = await desk.days.of(asset, point_of(one.now).at)
    chart = compared_chart(points, desk.clock(), desk.banner)
    picture = pictured(chart) if chart is not None else None
    return compare_card(rows, at=desk.now(), picture=picture)


@command(
    "top",
    N_("The largest changes of open interest over all coins"),
    PERIOD.optional,
    examples=("/top", "/top 1h", "/top 7d"),
)
async def top(desk: Desk, ask: Ask) -> Card:
    period = ask.get(PERIOD) or DAY
    now = desk.clock()
    points = await desk.store.journal.points(now)
    before = await desk.store.journal.points(now - period)
    told = await desk.days.newest(now)
    if not points:
        raise AskError(_("I have not seen any market yet. See how the feeds do: `/venues`"), "/venues")
    changes: dict[Asset, Change] = {}
    small = unseen = 0
    for asset, point in points.items():
        one = _change(before.get(asset), point, told.get(asset), now, period)
        if one is None:
            unseen += 1
        elif one.usd < SMALLEST_USD:
            small += 1
        else:
            changes[asset] = one
    return _top_card(desk, changes, period, small, unseen)


def _change(
    before: Point | None, point: Point, told: Statistics | None, now: datetime, period: timedelta
) -> Change | None:
    """``None`` where an end is not recorded, or too little of the market was seen there."""
    tolerance = max(timedelta(minutes=20), period / 10)
    if before is None or not (near(point, now, TOLD_LATELY) and near(before, now - period, tolerance)):
        return None
    usual = told.usual if told is not None else ()
    return change_between(before, point, usual, period, coverage_floor=SEEN_ENOUGH)


def _top_card(desk: Desk, changes: dict[Asset, Change], period: timedelta, small: int, unseen: int) -> Card:
    """By times of the usual where that is known; both signs."""
    judged = [(asset, one) for asset, one in changes.items() if one.times is not None]
    by_usual = bool(judged)
    among = judged if by_usual else list(changes.items())
    among.sort(key=lambda pair: pair[1].times if pair[1].times is not None else pair[1].change)
    falls = [pair for pair in among if pair[1].change < 0][:NAMED]
    rises = [pair for pair in reversed(among) if pair[1].change > 0][:NAMED]
    span = duration(period)
    lines = []
    if falls and by_usual:
        asset, one = falls[0]
        lines.append(
            Line(
                _("**{coin} closed most for what is usual of it: {change}, {times} ×**").format(
                    coin=asset, change=percent(one.change), times=_times(one)
                ),
                8,
            )
        )
    if by_usual:
        means = _("×: multiples of the fall in {span} that a coin exceeds one time in ten")
        lines.append(Line(means.format(span=span), 5))
    else:
        lines.append(Line(_("What is usual of each coin is not known yet: by size alone"), 5))
    lines += [Line(text, 6) for text in _left_out(len(changes) - len(among), small, unseen)]
    if not among:
        lines.insert(0, Line(_("No coin was seen well enough at both ends of {span}").format(span=span), 9))
    rows = [_row(asset, one) for asset, one in (*falls, *rises)]
    chart = changes_chart((*falls, *rises), span, desk.clock(), desk.banner)
    shown = [asset for asset, _one in (*falls[:2], *rises[:1])]
    return Card(
        title=_("Largest changes of open interest in {span}").format(span=span),
        lines=tuple(lines),
        table=Table((_("coin"), span, "×", _("OI")), tuple(rows), right=(1, 2, 3)) if rows else None,
        picture=pictured(chart) if rows else None,
        footer=_("in coins, like with like · {time}").format(time=clock(desk.now())),
        buttons=tuple(Button(f"/oi {asset.lower()}", f"/oi {asset.lower()}") for asset in shown),
    )


def _times(one: Change) -> str:
    """``3.1``; never a sign, which stands with the change."""
    return number(abs(one.times), 1) if one.times is not None else "–"


def _row(asset: Asset, one: Change) -> tuple[str, ...]:
    return asset[:8], tight(percent(one.change)), _times(one), usd_cell(one.usd)


def _left_out(young: int, small: int, unseen: int) -> list[str]:
    texts = []
    if small:
        texts.append(
            ngettext(
                "{n} coin of less than {least} open interest",
                "{n} coins of less than {least} open interest",
                small,
            ).format(n=small, least=usd(SMALLEST_USD))
        )
    if unseen:
        texts.append(
            ngettext("{n} not seen well enough", "{n} not seen well enough", unseen).format(n=unseen)
        )
    if young:
        texts.append(
            ngettext("{n} of too little history", "{n} of too little history", young).format(n=young)
        )
    return [_("Left out: {what}").format(what=" · ".join(texts))] if texts else []
