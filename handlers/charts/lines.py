"""Lines of one unit over time: funding by venue, leverage against its normal, coins from one start."""

from __future__ import annotations

from bot.domain.charts import LinesChart, NamedLine
from handlers.charts.fonts import width
from handlers.charts.plot import (
    AXIS,
    Plot,
    Write,
    grid,
    limits,
    line,
    say_gaps,
    shaded,
    ticks,
    time_axis,
    writer,
)
from handlers.charts.sheet import (
    EDGE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILLION,
    WIDTH,
    YELLOW,
    Label,
    Rect,
    Sheet,
    fitted,
    shortened,
    spread,
)

COLOURS = (SKY, ORANGE, GREEN, YELLOW, PURPLE, VERMILLION)
NORMAL = "#32404f"
DASHED = "12 7"
HEAD = 44.0
NAMES = 235.0


def draw_lines(sheet: Sheet, chart: LinesChart) -> bool:
    values = [value for each in chart.lines for value in each.values]
    if len(chart.times) < 2 or all(value is None for value in values):
        return False
    more = [*(chart.normal or ()), *(() if chart.base is None else (chart.base,))]
    low, high = chart.limits or limits(values, *more)
    write = writer(chart.unit, [*values, low, high])
    shown = [(tick, write(tick)) for tick in ticks(low, high, 4)]
    lines = [each for each in chart.lines if any(value is not None for value in each.values)]
    names = [_named(each, write) for each in lines]
    left = EDGE + max((width(text, SMALL) for _value, text in shown), default=0.0) + 10
    right = WIDTH - EDGE - 28 - max(width(name, SMALL) for name in names)
    span_s = (chart.times[-1] - chart.times[0]).total_seconds()
    top, bottom = sheet.top + HEAD, sheet.bottom - AXIS
    plot = Plot(left, right, top, bottom, chart.times[0], span_s, low, high)
    sheet.write(fitted(Label(EDGE, top - 21, chart.axis, INK), WIDTH - 2 * EDGE))
    _normal(sheet, plot, chart)
    shaded(sheet, plot, chart.shade)
    time_axis(sheet, plot)
    for tick, text in shown:
        grid(sheet, plot, plot.y(tick))
        sheet.write(Label(left - 10, plot.y(tick) + 6, text, FAINT, SMALL, "end"))
    if chart.base is not None:
        grid(sheet, plot, plot.y(chart.base), dashed=True)
    known = [any(each.values[at] is not None for each in lines) for at in range(len(chart.times))]
    say_gaps(sheet, plot, chart.times, known)
    ends, drawn = [], []
    for each, colour in zip(lines, COLOURS, strict=False):
        drawn = line(sheet, plot, chart.times, each.values, colour, 4, "" if each.native else DASHED)
        ends.append(drawn[-1])
    _label(sheet, plot, names, ends)
    _normal_name(sheet, plot, chart, drawn)
    return True


def _named(each: NamedLine, write: Write) -> str:
    """Its name and its newest value."""
    newest = next(value for value in reversed(each.values) if value is not None)
    value = f" {write(newest)}"
    return shortened(each.name, SMALL, NAMES - width(value, SMALL)) + value


def _normal(sheet: Sheet, plot: Plot, chart: LinesChart) -> None:
    if chart.normal is None:
        return
    top, bottom = (min(max(plot.y(value), plot.top), plot.bottom) for value in reversed(chart.normal))
    sheet.draw(
        f'<rect class="normal" x="{plot.left:.1f}" y="{top:.1f}" width="{plot.right - plot.left:.1f}" '
        f'height="{max(2.0, bottom - top):.1f}" fill="{NORMAL}"/>'
    )


def _normal_name(sheet: Sheet, plot: Plot, chart: LinesChart, drawn: list[tuple[float, float]]) -> None:
    """What is normal is said inside its band, where the line leaves room, or just above it."""
    if chart.normal is None or not chart.normal_name:
        return
    top, bottom = (plot.y(value) for value in reversed(chart.normal))
    label = fitted(Label(plot.left + 10, 0, chart.normal_name, FAINT, SMALL), plot.right - plot.left - 20)
    far = plot.right - 10 - width(label.text, label.size)
    places = [
        label._replace(x=x, y=y) for y in (top + 22, bottom - 8, top - 8, bottom + 22) for x in (label.x, far)
    ]
    sheet.place(places, plot.rect, drawn)


def _label(sheet: Sheet, plot: Plot, names: list[str], ends: list[tuple[float, float]]) -> None:
    places = spread([y for _x, y in ends], 24, plot.top + 8, plot.bottom - 2)
    for name, colour, (x, y), place in zip(names, COLOURS, ends, places, strict=False):
        sheet.draw(
            f'<path d="M{x:.1f} {y:.1f}H{plot.right + 3:.1f}L{plot.right + 20:.1f} {place:.1f}" fill="none" '
            f'stroke="{colour}" stroke-width="2" stroke-dasharray="2 4"/>'
        )
        sheet.draw(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
        label = Label(plot.right + 26, place + 6, name, colour, SMALL, bold=False)
        sheet.write(label)
        sheet.taken.append(Rect(plot.right, place - 10, WIDTH, place + 10))
