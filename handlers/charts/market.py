"""Price, coin OI and liquidations of one coin on one time axis: a wave, or a period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain.charts import MarketChart, Values, ValueUnit
from handlers.charts.plot import (
    AXIS,
    RISING,
    Plot,
    Write,
    around,
    dot,
    grid,
    hatched,
    limits,
    line,
    room_for,
    say_gaps,
    shaded,
    short_price,
    step_s,
    ticks,
    tied,
    time_axis,
    value_axis,
    writer,
)
from handlers.charts.sheet import (
    EDGE,
    FAINT,
    INK,
    ORANGE,
    PURPLE,
    SIZE,
    SKY,
    SMALL,
    Label,
    Part,
    Rect,
    Sheet,
    row,
)
from handlers.numbers import duration, usd
from handlers.speech import _

COINS, PRICE, LONGS, SHORTS = SKY, INK, ORANGE, PURPLE
HEAD = 34.0
"""The room above each panel for its name."""
UNDER = 0.22
"""The room for a number under the lowest point, as a part of the range."""
ONE_POINT = 0.005
"""What differs by less than this fraction is one point of the line."""
WEIGHTS = {"coins": 1.0, "price": 0.8, "liquidations": 0.62}


def draw_market(sheet: Sheet, chart: MarketChart) -> bool:
    """Shares the height between what there is."""
    names = []
    if any(value is not None for value in chart.coins):
        names.append("coins")
    if any(value is not None for value in chart.price_usd):
        names.append("price")
    if len(chart.times) < 2 or not names:
        return False
    if any(chart.long_usd) or any(chart.short_usd):
        names.append("liquidations")
    bottom = sheet.bottom - AXIS
    per_weight = (bottom - sheet.top) / sum(WEIGHTS[name] for name in names)
    axes = {name: _axis(chart, name) for name in names}
    right = room_for([text for axis in axes.values() for _value, text in axis])
    each_s = step_s(chart.times)
    span_s = (chart.times[-1] - chart.times[0]).total_seconds() + each_s
    whole = Plot(EDGE, right, sheet.top, bottom, chart.times[0], span_s)
    shaded(sheet, whole, chart.shade)
    time_axis(sheet, whole)
    top = sheet.top
    for name in names:
        edge = top + per_weight * WEIGHTS[name]
        plot = replace(whole, top=top + HEAD, bottom=edge - 6)
        if name == "liquidations":
            _bars(sheet, chart, plot, each_s)
        else:
            values = chart.coins if name == "coins" else chart.price_usd
            low, high = limits(values, under=UNDER)
            _panel(sheet, chart, replace(plot, low=low, high=high), name, axes[name])
        top = edge
    return True


def _axis(chart: MarketChart, name: str) -> list[tuple[float, str]]:
    """Values with a grid line and their texts; of liquidations the largest alone."""
    if name == "liquidations":
        largest = max((*chart.long_usd, *chart.short_usd))
        return [(largest, usd(largest))]
    values = chart.coins if name == "coins" else chart.price_usd
    write = _writer(name, values)
    return [(tick, write(tick)) for tick in ticks(*limits(values, under=UNDER))]


def _writer(name: str, values: Values) -> Write:
    return writer(ValueUnit.COINS, values) if name == "coins" else short_price


def _panel(
    sheet: Sheet, chart: MarketChart, plot: Plot, name: str, axis: Sequence[tuple[float, str]]
) -> None:
    is_coins = name == "coins"
    values, colour = (chart.coins, COINS) if is_coins else (chart.price_usd, PRICE)
    words = _("Open interest, {coin}") if is_coins else _("Price of one {coin}, USD")
    head = [Part(words.format(coin=chart.asset), colour)]
    is_first = is_coins or not any(value is not None for value in chart.coins)
    if chart.unseen and is_first:
        head.append(Part(_("partly unseen"), FAINT, lead=26))
    *_rest, last = row(sheet, plot.top - 11, head, plot.right, SIZE)
    if len(head) > 1:
        hatched(sheet, Rect(last.x - 26, plot.top - 23, last.x - 6, plot.top - 9), ORANGE)
    value_axis(sheet, plot, axis)
    if is_first:
        _unseen(sheet, chart, plot)
    say_gaps(sheet, plot, chart.times, [value is not None for value in values])
    drawn = line(sheet, plot, chart.times, values, colour, 4 if is_coins else 3)
    write = _writer(name, values)
    marks = _marks(chart, values, 0.06 * (plot.high - plot.low))
    for mark in marks:
        dot(sheet, plot.x(mark.at), plot.y(mark.value), colour, hollow=mark.is_low)
    for mark in marks:
        above = not mark.is_low and (mark is marks[0] or mark.value < (plot.low + plot.high) / 2)
        x, y = plot.x(mark.at), plot.y(mark.value)
        room = plot.rect._replace(top=plot.top - 4, bottom=plot.bottom + 4)
        label = sheet.place(around(x, y, write(mark.value), above=above), room, drawn, rising=RISING)
        if label is not None:
            tied(sheet, x, y, label, FAINT)


class _Mark(NamedTuple):
    at: datetime
    value: float
    is_low: bool = False


def _marks(chart: MarketChart, values: Values, alike: float) -> list[_Mark]:
    """The values worth a number: of a wave the last before it and its low, of a period both ends and its low.

    A wave's end is told too, where it lies apart from the low; a low that is as good as an end is not.
    """
    known = [_Mark(at, value) for at, value in zip(chart.times, values, strict=True) if value is not None]
    begin, end = chart.shade or (chart.times[0], chart.times[-1])
    within = [mark for mark in known if begin <= mark.at <= end] or known[-1:]
    before = [mark for mark in known if mark.at < begin][-1:] or within[:1]
    low = min(within, key=lambda mark: (mark.value, mark.at))._replace(is_low=True)
    if chart.low_at is not None and values is chart.coins:
        told = chart.low_at
        low = min(within, key=lambda mark: abs(mark.at - told))._replace(is_low=True)
    first, last = before[0], within[-1]
    if chart.ends is not None:
        own = chart.ends.coins if values is chart.coins else chart.ends.price_usd
        first = _as_told(first, own[0])
        if chart.low_at is None or abs(low.at - chart.low_at).total_seconds() <= 2 * step_s(chart.times):
            low = _as_told(low, own[1])
    if chart.shade is not None:
        ends = [first, low] if low.at != first.at else [first]
        return [*ends, last] if abs(last.value - low.value) > alike else ends
    ends = [first, last] if last.at != first.at else [first]
    return [*ends, low] if all(abs(mark.value - low.value) > alike for mark in ends) else ends


def _as_told(mark: _Mark, told: float | None) -> _Mark:
    """With the wave's own figure, where that is the same point told for another moment of its step."""
    return mark._replace(value=told) if told and abs(mark.value / told - 1) < ONE_POINT else mark


def _unseen(sheet: Sheet, chart: MarketChart, plot: Plot) -> None:
    """Hatched where too little of the market was fresh."""
    for since, until in chart.unseen:
        left, right = plot.x(since), max(plot.x(until), plot.x(since) + 4)
        hatched(sheet, Rect(left, plot.top, right, plot.bottom), ORANGE, faint=True)


def _bars(sheet: Sheet, chart: MarketChart, plot: Plot, each_s: float) -> None:
    longs, shorts = max(chart.long_usd, default=0.0), max(chart.short_usd, default=0.0)
    per_usd = (plot.bottom - plot.top) / (longs + shorts)
    zero = plot.top + shorts * per_usd
    wide = max(1.0, (plot.right - plot.left) * each_s / plot.span_s - 1)
    head = _("Liquidations per {step}, USD").format(step=duration(timedelta(seconds=each_s)))
    longs_part, shorts_part = Part("▼ " + _("longs"), LONGS, True), Part("▲ " + _("shorts"), SHORTS, True)
    row(sheet, plot.top - 11, (Part(head, FAINT), longs_part, shorts_part), plot.right, SIZE)
    for amounts, sign, colour in ((chart.long_usd, 1, LONGS), (chart.short_usd, -1, SHORTS)):
        path = "".join(
            f"M{plot.x(at):.1f} {zero:.1f}h{wide:.1f}v{sign * amount * per_usd:.1f}h-{wide:.1f}z"
            for at, amount in zip(chart.times, amounts, strict=False)
            if amount * per_usd > 0.3
        )
        sheet.draw(f'<path d="{path}" fill="{colour}" shape-rendering="crispEdges"/>')
    grid(sheet, plot, zero)
    y = plot.bottom if longs >= shorts else plot.top + 14
    sheet.write(Label(plot.right + 10, y, usd(max(longs, shorts)), FAINT, SMALL))
