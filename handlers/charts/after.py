"""What followed resets: one thin path each, their median, and what random times did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from math import sqrt
from typing import NamedTuple

from bot.domain.charts import AfterChart, Values, ValueUnit
from handlers.charts.fonts import width
from handlers.charts.plot import ROUND, limits, ticks, writer
from handlers.charts.sheet import (
    EDGE,
    FAINT,
    GRID,
    INK,
    ORANGE,
    SKY,
    SMALL,
    WIDTH,
    Label,
    Part,
    Rect,
    Sheet,
    fitted,
    row,
    spread,
)
from handlers.numbers import duration
from handlers.speech import _

HEAD, AXIS = 66.0, 36.0
MARKS_H = (1, 4, 12, 24, 72, 168, 336, 720)
BASE = "#3a4653"


class _Fan(NamedTuple):
    """A panel whose time is drawn by its square root: an hour and a week are both seen."""

    rect: Rect
    hours: float
    low: float
    high: float

    def x(self, hours: float) -> float:
        return self.rect.left + (self.rect.right - self.rect.left) * sqrt(hours / self.hours)

    def y(self, value: float) -> float:
        return self.rect.bottom - (self.rect.bottom - self.rect.top) * (value - self.low) / (
            self.high - self.low
        )


def draw_after(sheet: Sheet, chart: AfterChart) -> bool:
    values = [value for path in (*chart.paths, chart.median) for value in path]
    if len(chart.hours) < 2 or all(value is None for value in values):
        return False
    low, high = limits([*values, *chart.base_low, *chart.base_high], 0.0)
    write = writer(ValueUnit.PERCENT, [low, high])
    shown = [(tick, write(tick)) for tick in ticks(low, high, 4)]
    ends = [(values[-1], name, colour) for values, name, colour in _named(chart) if values]
    names = [f"{name} {write(value)}" for value, name, _colour in ends if value is not None]
    left = EDGE + max(width(text, SMALL) for _value, text in shown) + 10
    right = WIDTH - EDGE - 14 - max((width(name, SMALL, bold=True) for name in names), default=0.0)
    area = Rect(left, sheet.top + HEAD, right, sheet.bottom - AXIS)
    fan = _Fan(area, chart.hours[-1], low, high)
    _head(sheet, chart)
    _base(sheet, fan, chart)
    for tick, text in shown:
        y = fan.y(tick)
        heavy = f'stroke="{FAINT}" stroke-width="2"' if abs(tick) < 1e-12 else f'stroke="{GRID}"'
        sheet.draw(f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" {heavy} shape-rendering="crispEdges"/>')
        sheet.write(Label(left - 10, y + 6, text, FAINT, SMALL, "end"))
    _hours(sheet, fan)
    for path in chart.paths:
        sheet.draw(
            _path(fan, chart.hours, path, f'class="path" stroke="{SKY}" stroke-width="2" stroke-opacity=".4"')
        )
    if chart.base:
        sheet.draw(
            _path(fan, chart.hours, chart.base, f'stroke="{FAINT}" stroke-width="4" stroke-dasharray="3 8"')
        )
    sheet.draw(_path(fan, chart.hours, chart.median, f'class="median" stroke="{ORANGE}" stroke-width="6"'))
    known = [(value, colour) for value, _name, colour in ends if value is not None]
    places = spread([fan.y(value) for value, _colour in known], 26, area.top + 8, area.bottom)
    for name, (_value, colour), y in zip(names, known, places, strict=True):
        sheet.write(Label(right + 12, y + 6, name, colour, SMALL, bold=True))
    return True


def _named(chart: AfterChart) -> tuple[tuple[Values, str, str], ...]:
    return ((chart.median, _("median"), ORANGE), (chart.base, _("random"), FAINT))


def _head(sheet: Sheet, chart: AfterChart) -> None:
    """What is measured, and how to read it."""
    sheet.write(fitted(Label(EDGE, sheet.top + 23, chart.axis, INK), WIDTH - 2 * EDGE))
    parts = [Part(_("thin: each reset"), SKY)]
    if chart.base_low and chart.base_name:
        parts.append(Part(_("grey: {what}").format(what=chart.base_name), FAINT))
    row(sheet, sheet.top + 50, parts, WIDTH - EDGE)


def _base(sheet: Sheet, fan: _Fan, chart: AfterChart) -> None:
    """What would be nothing special."""
    both = [
        (hours, low, high)
        for hours, low, high in zip(chart.hours, chart.base_low, chart.base_high, strict=False)
        if low is not None and high is not None
    ]
    if len(both) > 1:
        over = " ".join(f"{fan.x(hours):.1f} {fan.y(high):.1f}" for hours, _low, high in both)
        under = " ".join(f"{fan.x(hours):.1f} {fan.y(low):.1f}" for hours, low, _high in reversed(both))
        sheet.draw(f'<path class="base" d="M{over}L{under}z" fill="{BASE}"/>')


def _hours(sheet: Sheet, fan: _Fan) -> None:
    y = fan.rect.bottom
    for hours in MARKS_H:
        if hours > fan.hours:
            break
        x = fan.x(hours)
        sheet.draw(f'<path d="M{x:.1f} {y:.1f}v7" stroke="{FAINT}" stroke-width="2"/>')
        text = f"+{duration(timedelta(hours=hours))}"
        sheet.place([Label(x, y + 27, text, FAINT, SMALL, "middle")], Rect(0, y, WIDTH, y + 40))


def _path(fan: _Fan, hours: Sequence[float], values: Values, look: str) -> str:
    path = ""
    for known, run in groupby(zip(hours, values, strict=True), key=lambda point: point[1] is not None):
        if known:
            points = [f"{fan.x(at):.1f} {fan.y(value):.1f}" for at, value in run if value is not None]
            path += f"M{points[0]}" + ("L" + " ".join(points[1:]) if len(points) > 1 else "h0")
    return f'<path d="{path}" fill="none" {look} {ROUND}/>'
