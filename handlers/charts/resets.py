"""Past waves by time and magnitude: how often leverage is washed out of a coin, and how badly."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10, sqrt

from bot.domain.charts import ResetMark, ResetsChart
from bot.domain.waves import Kind
from handlers.charts.fonts import width
from handlers.charts.plot import AXIS, Plot, around, grid, time_axis
from handlers.charts.sheet import (
    EDGE,
    FAINT,
    INK,
    ORANGE,
    PANEL,
    PURPLE,
    SMALL,
    WIDTH,
    Label,
    Part,
    Rect,
    Sheet,
    fitted,
    row,
)
from handlers.numbers import day, month, percent
from handlers.speech import N_, _

LEVELS = ((24 * 7.0, N_("weekly")), (24 * 30.44, N_("monthly")), (24 * 365.25, N_("yearly")))
"""How often on average a wave of that height comes, in hours."""
NAMED = 4
"""So many of the largest carry their numbers."""
HEAD = 66.0
COLOURS = {Kind.FLUSH: ORANGE, Kind.SQUEEZE: PURPLE, Kind.UNWIND: FAINT, Kind.UNPRICED: FAINT}
WORDS = {
    Kind.FLUSH: N_("long flush"),
    Kind.SQUEEZE: N_("short squeeze"),
    Kind.UNWIND: N_("unwind"),
    Kind.UNPRICED: N_("price unknown"),
}
SIGNS = {Kind.FLUSH: "▼", Kind.SQUEEZE: "▲", Kind.UNWIND: "○", Kind.UNPRICED: "○"}


def draw_resets(sheet: Sheet, chart: ResetsChart) -> bool:
    if not chart.waves:
        return False
    levels = [(log10(hours), _(words)) for hours, words in LEVELS]
    low = min(2.0, min(wave.w for wave in chart.waves) - 0.2)
    high = max(4.2, max(wave.w for wave in chart.waves) + 0.4)
    right = WIDTH - EDGE - 10 - max(width(words, SMALL) for _w, words in levels)
    span_s = (chart.until - chart.since).total_seconds()
    plot = Plot(EDGE + 10, right, sheet.top + HEAD, sheet.bottom - AXIS, chart.since, span_s, low, high)
    _head(sheet, chart)
    time_axis(sheet, plot)
    for w, words in levels:
        grid(sheet, plot, plot.y(w))
        sheet.write(Label(right + 10, plot.y(w) + 6, words, FAINT, SMALL))
    by_size = sorted(chart.waves, key=lambda wave: (wave.w, wave.at))
    points = []
    for wave in by_size:
        x, y = plot.x(wave.at), plot.y(wave.w)
        points.append((x, y))
        stem = f"M{x:.1f} {plot.bottom:.1f}V{y:.1f}"
        sheet.draw(f'<path d="{stem}" stroke="{COLOURS[wave.kind]}" stroke-width="2" stroke-opacity=".5"/>')
        sheet.draw(_mark(x, y, wave))
    _numbers(sheet, chart, plot, by_size, points)
    return True


def _numbers(
    sheet: Sheet,
    chart: ResetsChart,
    plot: Plot,
    by_size: Sequence[ResetMark],
    points: Sequence[tuple[float, float]],
) -> None:
    is_long = (chart.until - chart.since).days > 400
    for wave, (x, y) in list(zip(by_size, points, strict=True))[: -NAMED - 1 : -1]:
        when = month(wave.at) if is_long else day(wave.at)
        text = f"{wave.name} {when} {percent(-wave.fall)}".strip()
        within = Rect(EDGE, plot.top - 24, plot.right, plot.bottom)
        away = _radius(wave)
        beside = [
            Label(x + dx, y + 6, text, INK, SMALL, anchor, bold=True, halo=True)
            for dx, anchor in ((away + 6, "start"), (-away - 6, "end"))
        ]
        sheet.place([*beside, *around(x, y, text, above=True, away=away, size=SMALL)], within, points)


def _head(sheet: Sheet, chart: ResetsChart) -> None:
    words = _("Magnitude W: how rare, by how often such a fall comes")
    sheet.write(fitted(Label(EDGE, sheet.top + 23, words, INK), WIDTH - 2 * EDGE))
    kinds = [kind for kind in Kind if any(wave.kind is kind for wave in chart.waves)]
    parts = [Part(f"{SIGNS[kind]} {_(WORDS[kind])}", COLOURS[kind], True) for kind in kinds]
    row(sheet, sheet.top + 50, parts, WIDTH - EDGE)


def _mark(x: float, y: float, wave: ResetMark) -> str:
    """Down for longs, up for shorts, a ring for people who closed by choice; larger for deeper falls."""
    r, colour = _radius(wave), COLOURS[wave.kind]
    if wave.kind not in (Kind.FLUSH, Kind.SQUEEZE):
        ring = f'fill="{PANEL}" stroke="{colour}" stroke-width="3"'
        return f'<circle class="wave" cx="{x:.1f}" cy="{y:.1f}" r="{r * 0.7:.1f}" {ring}/>'
    tip = r if wave.kind is Kind.FLUSH else -r
    corners = f"M{x - r:.1f} {y - tip / 2:.1f}H{x + r:.1f}L{x:.1f} {y + tip:.1f}z"
    return f'<path class="wave" d="{corners}" fill="{colour}" stroke="{PANEL}" stroke-width="1.5"/>'


def _radius(wave: ResetMark) -> float:
    return 6 + 26 * sqrt(min(1.0, max(0.0, wave.fall)))
