"""What panels are made of: scales, round ticks, a time axis, lines with gaps, shaded and hatched spans."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from math import ceil, floor, hypot, log10

from bot.domain.charts import Span, Values, ValueUnit
from handlers.charts.fonts import width
from handlers.charts.sheet import EDGE, FAINT, GRID, INK, PANEL, SHADE, SIZE, SMALL, WIDTH, Label, Rect, Sheet
from handlers.numbers import Scale, day, month, percent, price, usd
from handlers.speech import _

_MINUTES = (5, 10, 15, 30, 60, 120, 180, 240, 360, 720)
_DAYS = (1, 2, 5, 7, 14)
_TICKS = tuple(timedelta(minutes=m) for m in _MINUTES) + tuple(timedelta(days=d) for d in _DAYS)
_MONTHS = (1, 2, 3, 6, 12, 24, 60)
LONGEST_BY_DAYS = timedelta(days=75)
ROUND = 'stroke-linejoin="round" stroke-linecap="round"'
AXIS = 34.0
"""The room under the panels for the time axis."""
NEAR = 24.0
"""So far from its point a number is seen to belong to it."""
RISING = 0.2
"""A number further away is worth it for so many points of a line that it does not cover (``place``)."""

Write = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Plot:
    """A panel and its two scales. ``low`` and ``high`` are the values at its bottom and top."""

    left: float
    right: float
    top: float
    bottom: float
    start: datetime
    span_s: float
    low: float = 0.0
    high: float = 1.0

    def x(self, at: datetime) -> float:
        place = (at - self.start).total_seconds() / self.span_s
        return self.left + (self.right - self.left) * min(1.0, max(0.0, place))

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * (value - self.low) / (self.high - self.low)

    @property
    def rect(self) -> Rect:
        return Rect(self.left, self.top, self.right, self.bottom)


def step_s(times: Sequence[datetime]) -> float:
    """The smallest step between two of the times, in seconds."""
    return min(((later - earlier).total_seconds() for earlier, later in pairwise(times)), default=60.0)


def limits(values: Sequence[float | None], *more: float, under: float = 0.08) -> tuple[float, float]:
    """The range of the known values, with a little room at both ends (``under`` the lowest: a part of it)."""
    known = [value for value in (*values, *more) if value is not None]
    low, high = min(known), max(known)
    span = max(high - low, abs(high) * 0.025, 1e-11)
    return low - span * under, high + span * 0.08


def ticks(low: float, high: float, about: int = 3) -> list[float]:
    """Two to four round values between ``low`` and ``high``."""
    rough = (high - low) / about
    power = 10.0 ** floor(log10(rough))
    step = next(nice * power for nice in (1, 2, 2.5, 5, 10) if nice * power >= rough * 0.999)
    return [n * step for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def writer(unit: ValueUnit, values: Sequence[float | None]) -> Write:
    """How values of one axis are written: all to the same step."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    if unit is ValueUnit.COINS:
        return Scale.coins(largest).show
    if unit is ValueUnit.USD:
        return usd
    if unit is ValueUnit.PERCENT:
        digits = 0 if largest >= 1 else 1 if largest >= 0.01 else 2
        return lambda value: percent(value, digits=digits)
    digits = 0 if largest >= 20 else 1 if largest >= 2 else 2
    return Scale(10.0**-digits, 1.0).show


def short_price(usd: float) -> str:
    """Whole dollars without cents."""
    return price(usd).removesuffix(".00")


# --- axes --------------------------------------------------------------------------------------------


def value_axis(sheet: Sheet, plot: Plot, shown: Sequence[tuple[float, str]]) -> None:
    """Faint lines at the values, with their texts to the right."""
    for value, text in shown:
        grid(sheet, plot, plot.y(value))
        sheet.write(Label(plot.right + 10, plot.y(value) + 7, text, FAINT, SMALL))


def room_for(texts: Sequence[str], size: float = SMALL) -> float:
    """Where panels end so that the texts fit to the right of them."""
    return WIDTH - EDGE - 10 - max((width(text, size) for text in texts), default=0.0)


def grid(sheet: Sheet, plot: Plot, y: float, *, dashed: bool = False) -> None:
    dashes = f'stroke-dasharray="6 6" stroke-width="2" stroke="{FAINT}"' if dashed else f'stroke="{GRID}"'
    sheet.draw(f'<path d="M{plot.left:.1f} {y:.1f}H{plot.right:.1f}" {dashes} shape-rendering="crispEdges"/>')


def time_axis(sheet: Sheet, plot: Plot) -> None:
    """Ticks and their texts below ``plot``; the zone stands at the end. A text without room is left out."""
    y = plot.bottom + 27
    sheet.write(Label(WIDTH - EDGE, y, "UTC", FAINT, SMALL, "end"))
    for at, text in _time_ticks(plot.start, timedelta(seconds=plot.span_s)):
        x = plot.x(at)
        sheet.draw(f'<path d="M{x:.1f} {plot.bottom:.1f}v7" stroke="{FAINT}" stroke-width="2"/>')
        half = width(text, SMALL) / 2
        x = min(max(x, EDGE + half), WIDTH - EDGE - half)
        label = Label(x, y, text, FAINT, SMALL, "middle")
        sheet.place([label], Rect(0, plot.bottom, WIDTH, y + 20))


def _time_ticks(start: datetime, span: timedelta) -> Iterator[tuple[datetime, str]]:
    if span > LONGEST_BY_DAYS:
        yield from _month_ticks(start, span)
        return
    step = next((tick for tick in _TICKS if span / tick <= 6), _TICKS[-1])
    each = step.total_seconds()
    at = datetime.fromtimestamp(ceil(start.timestamp() / each) * each, UTC)
    while at <= start + span:
        by_day = step >= timedelta(days=1) or at.hour == at.minute == 0
        yield at, day(at) if by_day else f"{at:%H:%M}"
        at += step


def _month_ticks(start: datetime, span: timedelta) -> Iterator[tuple[datetime, str]]:
    """The first days of months, so that a month stands where it begins."""
    months = span / timedelta(days=30.44)
    step = next((step for step in _MONTHS if months / step <= 6), _MONTHS[-1])
    count = start.year * 12 + start.month - 1
    count = ceil((count + 1) / step) * step
    while (at := datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)) <= start + span:
        yield at, f"{at.year}" if step >= 12 else month(at)
        count += step


# --- lines and spans -------------------------------------------------------------------------------


def line(
    sheet: Sheet,
    plot: Plot,
    times: Sequence[datetime],
    values: Values,
    colour: str,
    thick: float = 4,
    dashes: str = "",
) -> list[tuple[float, float]]:
    """A line that ends where nothing is known; a point alone is a dot.

    Returns points along it, in the sheet's units.
    """
    path, drawn = "", []
    for known, run in groupby(zip(times, values, strict=True), key=lambda point: point[1] is not None):
        if known:
            points = [(plot.x(at), plot.y(value)) for at, value in run if value is not None]
            first, *rest = (f"{x:.1f} {y:.1f}" for x, y in points)
            path += f"M{first}" + ("L" + " ".join(rest) if rest else "h0")
            drawn += between(points)
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    sheet.draw(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{thick}"{dash} {ROUND}/>')
    return drawn


def between(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points, and some on the straight lines between them: where a text would cover the line."""
    found = list(points[:1])
    for (x, y), (to_x, to_y) in pairwise(points):
        parts = max(1, round(max(abs(to_x - x), abs(to_y - y)) / 6))
        found += [(x + (to_x - x) * n / parts, y + (to_y - y) * n / parts) for n in range(1, parts + 1)]
    return found


def say_gaps(sheet: Sheet, plot: Plot, times: Sequence[datetime], known: Sequence[bool]) -> None:
    """In every gap that is wide enough: that nothing was recorded there."""
    at = 0
    for is_known, run in groupby(known):
        count = len(list(run))
        before, after = max(0, at - 1), min(len(times) - 1, at + count)
        at += count
        if is_known:
            continue
        left, right = plot.x(times[before]), plot.x(times[after])
        hatched(sheet, Rect(left, plot.top, right, plot.bottom), GRID)
        words = Label(
            (left + right) / 2, (plot.top + plot.bottom) / 2 + 6, _("no data"), FAINT, SMALL, "middle"
        )
        sheet.place([words], Rect(left, plot.top, right, plot.bottom))


def shaded(sheet: Sheet, plot: Plot, shade: Span | None) -> None:
    """The wave from onset to over; never so thin that it cannot be seen."""
    if shade is not None:
        left, right = (plot.x(at) for at in shade)
        sheet.draw(
            f'<rect class="wave" x="{left:.1f}" y="{plot.top:.1f}" width="{max(2.0, right - left):.1f}" '
            f'height="{plot.bottom - plot.top:.1f}" fill="{SHADE}"/>'
        )


def hatched(sheet: Sheet, rect: Rect, colour: str, *, faint: bool = False) -> None:
    """Slanting lines over a rectangle, one path: what is not known, or not fresh."""
    left, top, right, bottom = rect
    high, path = bottom - top, ""
    at = left - high + (-(left - high)) % 10
    while at < right:
        start, end = max(0.0, left - at), min(high, right - at)
        if end > start:
            path += f"M{at + start:.1f} {bottom - start:.1f}L{at + end:.1f} {bottom - end:.1f}"
        at += 10
    if path:
        look = ' stroke-opacity=".45"' if faint else ""
        sheet.draw(f'<path class="hatch" d="{path}" stroke="{colour}" stroke-width="2.5"{look}/>')


def dot(sheet: Sheet, x: float, y: float, colour: str, *, hollow: bool = False) -> None:
    """No text is placed on it."""
    sheet.taken.append(Rect(x - 6, y - 6, x + 6, y + 6))
    fill = f'fill="{PANEL}" stroke="{colour}" stroke-width="4"' if hollow else f'fill="{colour}"'
    sheet.draw(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6.5" {fill}/>')


def around(
    x: float, y: float, text: str, *, above: bool, away: float = 12, size: float = SIZE
) -> list[Label]:
    """Places for a number near its point, the best first: above or under it, beside it, further away."""
    found = []
    for far in (0, 16, 34):
        high, low = y - away - far - 1, y + away + far + 0.7 * size
        for y_ in (high, low) if above else (low, high):
            found += [(x + away, y_, "start"), (x - away, y_, "end"), (x, y_, "middle")]
        if not far:
            found += [(x + away + 4, y + 0.33 * size, "start"), (x - away - 4, y + 0.33 * size, "end")]
    return [Label(x_, y_, text, INK, size, anchor, bold=True, halo=True) for x_, y_, anchor in found]


def tied(sheet: Sheet, x: float, y: float, label: Label, colour: str) -> None:
    """A stroke from a point to its number, where that had to stand further away."""
    left, top, right, bottom = label.rect
    to_x, to_y = min(max(x, left), right), min(max(y, top + 4), bottom - 4)
    if (far := hypot(to_x - x, to_y - y)) > NEAR:
        x, y = x + (to_x - x) * 8 / far, y + (to_y - y) * 8 / far
        path = f"M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}"
        sheet.draw(f'<path class="tie" d="{path}" stroke="{colour}" stroke-width="2"/>')
