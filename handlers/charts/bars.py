"""Named amounts side by side: funding by venue, the largest changes over all coins."""

from __future__ import annotations

from bot.domain.charts import BarsChart
from handlers.charts.fonts import width
from handlers.charts.plot import hatched, writer
from handlers.charts.sheet import (
    EDGE,
    FAINT,
    INK,
    ORANGE,
    PANEL,
    SIZE,
    SKY,
    WIDTH,
    Label,
    Rect,
    Sheet,
    fitted,
    shortened,
)
from handlers.speech import _

MOST = 12
NAMES = 240.0
HEAD = 40.0
NORMAL = "#3a4653"


def draw_bars(sheet: Sheet, chart: BarsChart) -> bool:
    bars = chart.bars[:MOST]
    known = [bar.value for bar in bars if bar.value is not None]
    if not known:
        return False
    sheet.write(fitted(Label(EDGE, sheet.top + 23, chart.axis, INK), WIDTH - 2 * EDGE))
    top, bottom = sheet.top + HEAD, sheet.bottom - 8
    each = min((bottom - top) / len(bars), 80.0)
    size = min(float(SIZE), each * 0.62)
    ranges = [edge for bar in bars if bar.normal for edge in bar.normal]
    write = writer(chart.unit, known)
    names = [shortened(bar.name, size, NAMES) for bar in bars]
    values = [_("unknown") if bar.value is None else write(bar.value) for bar in bars]
    room = max(width(value, size, bold=True) for value in values) + 12
    low, high = min(0.0, *known, *ranges), max(0.0, *known, *ranges)
    left = EDGE + max(width(name, size) for name in names) + 16 + (room if low < 0 else 0.0)
    right = WIDTH - EDGE - room
    per_value = (right - left) / ((high - low) or 1.0)
    zero = left - low * per_value
    for place, (bar, name, text) in enumerate(zip(bars, names, values, strict=True)):
        y = top + each * (place + 0.5)
        thick = each * 0.56
        sheet.write(Label(EDGE, y + size * 0.35, name, INK, size))
        if bar.normal and bar.value is not None:
            start, end = (zero + edge * per_value for edge in bar.normal)
            sheet.draw(
                _box(Rect(start, y - each * 0.44, max(end, start + 2), y + each * 0.44), NORMAL, "normal")
            )
        if bar.value is None:
            sheet.write(Label(zero + 8, y + size * 0.35, text, FAINT, size))
            continue
        tip = zero + bar.value * per_value
        rect = Rect(min(zero, tip), y - thick / 2, max(zero, tip), y + thick / 2)
        sheet.draw(_box(rect, SKY if bar.native else ORANGE, "bar"))
        if not bar.native:
            hatched(sheet, rect, PANEL)
        anchor, x = ("end", tip - 8) if bar.value < 0 else ("start", tip + 8)
        sheet.write(Label(x, y + size * 0.35, text, INK, size, anchor, True))
    sheet.draw(
        f'<path d="M{zero:.1f} {top:.1f}V{top + each * len(bars):.1f}" stroke="{FAINT}" stroke-width="2"/>'
    )
    return True


def _box(rect: Rect, colour: str, name: str) -> str:
    left, top, right, bottom = rect
    return (
        f'<rect class="{name}" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" fill="{colour}"/>'
    )
