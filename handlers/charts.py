"""One picture: coin OI, price and liquidations on one time axis, the wave shaded, gaps left as gaps.

``svg`` is pure and serves the page as it is; ``png`` is the same picture for chats. The panel is dark and
opaque, so it reads alike on light and dark backgrounds. Colours are from the Okabe–Ito set, and nothing is
told by colour alone: long liquidations hang down, short ones stand up, every panel is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import groupby, pairwise
from math import ceil, floor, log10
from pathlib import Path

from bot.domain.charts import Chart
from handlers.numbers import Scale, duration, price, usd

WIDTH, HEIGHT = 800, 500
ZOOM = 1.2
"""960 × 600 pixels, what a phone shows across its width; larger ones cost time (docs/pictures.md)."""

PANEL, INK, FAINT, GRID, SHADE = "#14181f", "#f2f2f2", "#aab3bf", "#2b323c", "#262e3a"
COINS, PRICE, LONGS, SHORTS = "#56b4e9", "#f2f2f2", "#e69f00", "#cc79a7"

_FONTS = [str(Path(__file__).parent / "fonts" / name) for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")]
_FAMILY = "DejaVu Sans, Verdana, sans-serif"
_LEFT, _RIGHT = 20.0, 684.0
_SIZE, _NOTE_SIZE, _TITLE_SIZE = 20, 16, 26
_MINUTES = (5, 10, 15, 30, 60, 120, 180, 240, 360, 720)
_DAYS = (1, 2, 5, 7, 14, 30, 91, 182, 365, 730)
_TICKS = tuple(timedelta(minutes=m) for m in _MINUTES) + tuple(timedelta(days=d) for d in _DAYS)
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class _Box:
    """A panel, and the two scales in it. ``low`` and ``high`` are values at its bottom and top."""

    top: float
    bottom: float
    start: datetime
    span_s: float
    low: float
    high: float

    def x(self, at: datetime) -> float:
        place = (at - self.start).total_seconds() / self.span_s
        return _LEFT + (_RIGHT - _LEFT) * min(1.0, max(0.0, place))

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * (value - self.low) / (self.high - self.low)


def svg(chart: Chart) -> str:
    """The picture as SVG, 800 × 500. Text from outside is escaped."""
    titles = _wrap(chart.title, 44, 2)
    notes = _wrap(chart.note, 80, 2)
    top, bottom = 20.0 + 32 * len(titles), HEIGHT - 10.0 - 21 * len(notes)
    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PANEL}"/>']
    for row, text in enumerate(titles):
        parts.append(_text(_LEFT, 40 + 32 * row, text, INK, size=_TITLE_SIZE, bold=True))
    for row, text in enumerate(notes):
        parts.append(_text(_LEFT, bottom + 21 * (row + 1), text, FAINT, size=_NOTE_SIZE))
    parts += _panels(chart, top, bottom - 34)
    described = escape(_NOT_XML.sub("", f"{chart.title}. {chart.note}"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" font-family="{_FAMILY}" font-size="{_SIZE}">'
        f"<title>{described}</title>{''.join(parts)}</svg>"
    )


def png(chart: Chart) -> bytes:
    """The picture as PNG, 960 × 600. resvg holds the interpreter lock meanwhile: see ``handlers.studio``."""
    import resvg_py  # only who draws for a chat pays for it

    return resvg_py.svg_to_bytes(svg_string=svg(chart), zoom=ZOOM, skip_system_fonts=True, font_files=_FONTS)


def _panels(chart: Chart, top: float, bottom: float) -> Iterable[str]:
    """Shares the height between what there is: coin OI always, price and liquidations where known."""
    known = [value for value in chart.coins if value is not None]
    if not known or len(chart.times) < 2:
        yield _text(
            WIDTH / 2, (top + bottom) / 2, "Nothing was recorded in this time", FAINT, anchor="middle"
        )
        return
    weights = {"coins": 1.0}
    if any(value is not None for value in chart.price_usd):
        weights["price"] = 0.8
    if any(chart.long_usd) or any(chart.short_usd):
        weights["liquidations"] = 0.62
    height = (bottom - top) / sum(weights.values())
    start, step_s = chart.times[0], _step_s(chart.times)
    span_s = (chart.times[-1] - start).total_seconds() + step_s
    if chart.shade:
        box = _Box(top, bottom, start, span_s, 0, 1)
        left, right = (box.x(at) for at in chart.shade)
        wide = max(2.0, right - left)
        yield f'<rect x="{left:.1f}" y="{top}" width="{wide:.1f}" height="{bottom - top}" fill="{SHADE}"/>'
    yield from _time_axis(_Box(top, bottom, start, span_s, 0, 1), bottom)
    for name, weight in weights.items():
        edge = top + height * weight
        inside = (top + 30, edge - 8)
        if name == "liquidations":
            yield from _bars(chart, _Box(*inside, start, span_s, 0, 1), step_s)
        else:
            values = chart.coins if name == "coins" else chart.price_usd
            yield from _line(chart, values, _Box(*inside, start, span_s, *_limits(values)), name == "coins")
        top = edge


def _step_s(times: Sequence[datetime]) -> float:
    return min((later - earlier).total_seconds() for earlier, later in pairwise(times))


def _limits(values: Sequence[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    room = max((high - low) * 0.06, abs(high) * 0.002, 1e-12)
    return low - room, high + room


# --- lines -----------------------------------------------------------------------------------------


def _line(chart: Chart, values: Sequence[float | None], box: _Box, is_coins: bool) -> Iterable[str]:
    colour, width = (COINS, 4) if is_coins else (PRICE, 3)
    name = f"Open interest, {chart.asset}" if is_coins else f"Price of one {chart.asset}, USD"
    yield _text(_LEFT, box.top - 10, name, colour)
    scale = Scale.coins(max(value for value in values if value is not None))
    for tick in _ticks(box.low, box.high):
        yield _grid(box.y(tick))
        label = scale.show(tick) if is_coins else price(tick).removesuffix(".00")
        yield _text(_RIGHT + 10, box.y(tick) + 7, label, FAINT)
    points = list(zip(chart.times, values, strict=True))
    path = ""
    for is_known, run in groupby(points, key=lambda point: point[1] is not None):
        if is_known:
            drawn = [f"{box.x(at):.1f} {box.y(value):.1f}" for at, value in run if value is not None]
            path += f"M{drawn[0]}" + ("L" + " ".join(drawn[1:]) if len(drawn) > 1 else "h0")
    yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" {_ROUND}/>'
    ends = _ends(points, chart.shade)
    for at, value in ends:
        yield f'<circle cx="{box.x(at):.1f}" cy="{box.y(value):.1f}" r="6" fill="{colour}"/>'
        words = scale.show(value) if is_coins else price(value).removesuffix(".00")
        came_from = None if (at, value) == ends[0] else ends[0][1]
        yield _value_label(box, at, words, value, came_from)


_ROUND = 'stroke-linejoin="round" stroke-linecap="round"'


def _ends(
    points: Sequence[tuple[datetime, float | None]], shade: tuple[datetime, datetime] | None
) -> list[tuple[datetime, float]]:
    """The values worth a number: the last before the wave and the last in it, or the first and the last."""
    known = [(at, value) for at, value in points if value is not None]
    if shade is None:
        return [known[0], known[-1]] if len(known) > 1 else known
    before = [point for point in known if point[0] < shade[0]]
    within = [point for point in known if shade[0] <= point[0] <= shade[1]]
    return before[-1:] + within[-1:]


def _value_label(box: _Box, at: datetime, text: str, value: float, came_from: float | None) -> str:
    """The first stands left of its point and the last right of it, on the side of the panel with room.

    Where only the left has room for the last, it stands away from the line that comes in there.
    """
    x, y = box.x(at), box.y(value)
    left = came_from is None if _LEFT + 130 < x < _RIGHT - 130 else x > _LEFT + 130
    below = value < came_from if left and came_from is not None else value > (box.low + box.high) / 2
    anchor = "end" if left else "start"
    return _text(x + (-12 if left else 12), y + (27 if below else -13), text, INK, anchor=anchor, bold=True)


def _ticks(low: float, high: float) -> list[float]:
    """Two to four round values between ``low`` and ``high``."""
    rough = (high - low) / 3
    power = 10.0 ** floor(log10(rough))
    step = next(nice * power for nice in (1, 2, 2.5, 5, 10) if nice * power >= rough)
    return [n * step for n in range(ceil(low / step), floor(high / step) + 1)]


# --- liquidations ------------------------------------------------------------------------------------


def _bars(chart: Chart, box: _Box, step_s: float) -> Iterable[str]:
    longs, shorts = max(chart.long_usd, default=0.0), max(chart.short_usd, default=0.0)
    zero = box.top + (box.bottom - box.top) * shorts / (longs + shorts)
    per_usd = (box.bottom - box.top) / (longs + shorts)
    wide = max(1.0, (_RIGHT - _LEFT) * step_s / box.span_s - 1)
    step = duration(timedelta(seconds=step_s))
    yield _text(_LEFT, box.top - 10, f"Liquidations per {step}, USD:", FAINT)
    yield _text(_LEFT + 310, box.top - 10, "▼ longs", LONGS, bold=True)
    yield _text(_LEFT + 410, box.top - 10, "▲ shorts", SHORTS, bold=True)
    for amounts, sign, colour in ((chart.long_usd, 1, LONGS), (chart.short_usd, -1, SHORTS)):
        path = "".join(
            f"M{box.x(at):.1f} {zero:.1f}h{wide:.1f}v{sign * usd_ * per_usd:.1f}h-{wide:.1f}z"
            for at, usd_ in zip(chart.times, amounts, strict=True)
            if usd_ * per_usd > 0.3
        )
        yield f'<path d="{path}" fill="{colour}" shape-rendering="crispEdges"/>'
    yield _grid(zero)
    largest, y = (longs, box.bottom) if longs >= shorts else (shorts, box.top + 14)
    yield _text(_RIGHT + 10, y, usd(largest), FAINT)


# --- axis and text -----------------------------------------------------------------------------------


def _time_axis(box: _Box, bottom: float) -> Iterable[str]:
    step = next((tick for tick in _TICKS if box.span_s / tick.total_seconds() <= 5.5), _TICKS[-1])
    step_s = step.total_seconds()
    first = ceil(box.start.timestamp() / step_s) * step_s
    for n in range(int((box.start.timestamp() + box.span_s - first) // step_s) + 1):
        at = datetime.fromtimestamp(first + n * step_s, UTC)
        x = box.x(at)
        yield f'<path d="M{x:.1f} {bottom:.1f}v7" stroke="{FAINT}" stroke-width="2"/>'
        anchor = "start" if x < _LEFT + 36 else "end" if x > _RIGHT - 20 else "middle"
        yield _text(x, bottom + 27, _tick_words(at, step), FAINT, anchor=anchor)
    yield _text(_RIGHT + 10, bottom + 27, "UTC", FAINT)


def _tick_words(at: datetime, step: timedelta) -> str:
    if step >= timedelta(days=91):
        return f"{at:%b %Y}"
    midnight = at.hour == at.minute == 0
    return f"{at.day} {at:%b}" if step >= timedelta(days=1) or midnight else f"{at:%H:%M}"


def _grid(y: float) -> str:
    return f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="{GRID}" shape-rendering="crispEdges"/>'


def _text(
    x: float,
    y: float,
    text: str,
    colour: str,
    *,
    size: int = _SIZE,
    anchor: str = "start",
    bold: bool = False,
) -> str:
    marks = f' font-size="{size}"' if size != _SIZE else ""
    marks += f' text-anchor="{anchor}"' if anchor != "start" else ""
    marks += ' font-weight="bold"' if bold else ""
    safe = escape(_NOT_XML.sub("", text))
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}"{marks}>{safe}</text>'


def _wrap(text: str, width: int, at_most: int) -> list[str]:
    """Lines of at most ``width`` characters; what does not fit ends in an ellipsis."""
    rows: list[str] = []
    for word in text.split():
        if rows and len(rows[-1]) + 1 + len(word) <= width:
            rows[-1] += f" {word}"
        else:
            rows.append(word)
    if len(rows) > at_most:
        rows = [*rows[: at_most - 1], f"{rows[at_most - 1]} …"]
    return [row if len(row) <= width + 2 else f"{row[:width]}…" for row in rows]
