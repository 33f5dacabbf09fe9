"""Coin OI by venue, stacked: crypto-native venues in blues from the bottom, institutional ones above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from bot.domain.charts import VenueCoins, VenuesChart
from handlers.charts.fonts import width
from handlers.charts.plot import AXIS, Plot, grid, hatched, say_gaps, shaded, step_s, ticks, time_axis
from handlers.charts.sheet import (
    EDGE,
    FAINT,
    INK,
    PANEL,
    SMALL,
    WIDTH,
    Label,
    Part,
    Rect,
    Sheet,
    fitted,
    row,
    shortened,
    spread,
)
from handlers.numbers import Scale, shares
from handlers.speech import _

NATIVE = ("#0072b2", "#56b4e9", "#2b8cc4", "#a6d8f5", "#1f6f9f", "#7cc5ee", "#3f7fa6", "#c9e7f8")
INSTITUTIONAL = ("#e69f00", "#f5c65d", "#b97f00")
"""Neighbours differ in lightness; institutional ones are hatched besides."""
NAMES = 190.0
"""At most so much room for venues' names, at the right."""
HEAD = 70.0
APART = 23.0


def draw_venues(sheet: Sheet, chart: VenuesChart) -> bool:
    known = [any(venue.coins[at] is not None for venue in chart.venues) for at in range(len(chart.times))]
    if len(chart.times) < 2 or not any(known):
        return False
    stacked = sorted(chart.venues, key=lambda venue: not venue.native)
    totals = [sum(venue.coins[at] or 0.0 for venue in stacked) for at in range(len(known))]
    high = max(totals) * 1.04 or 1.0
    scale = Scale.coins(high)
    axis = [(tick, scale.show(tick)) for tick in ticks(0.0, high, 4) if tick]
    names = _names(stacked)
    left = EDGE + max(width(text, SMALL) for _value, text in axis) + 10
    right = WIDTH - EDGE - 30 - max(width(name, SMALL) for name in names)
    each_s = step_s(chart.times)
    span_s = (chart.times[-1] - chart.times[0]).total_seconds() + each_s
    bottom = sheet.bottom - AXIS
    plot = Plot(left, right, sheet.top + HEAD, bottom, chart.times[0], span_s, 0.0, high)
    _head(sheet, chart, plot, stacked, scale)
    time_axis(sheet, plot)
    shaded(sheet, replace(plot, top=plot.top - 4), chart.shade)
    for tick, text in axis:
        grid(sheet, plot, plot.y(tick))
        sheet.write(Label(left - 10, plot.y(tick) + 6, text, FAINT, SMALL, "end"))
    say_gaps(sheet, plot, chart.times, known)
    for at in chart.breaks:
        _break(sheet, plot, [time for time, told in zip(chart.times, known, strict=True) if told], at)
    floor = [0.0] * len(known)
    middles = []
    for venue, colour in zip(stacked, _colours(stacked), strict=True):
        roof = [low + (coins or 0.0) for low, coins in zip(floor, venue.coins, strict=True)]
        _area(sheet, plot, chart, known, floor, roof, venue, colour)
        last = max(at for at, is_known in enumerate(known) if is_known)
        middles.append(plot.y((floor[last] + roof[last]) / 2))
        floor = roof
    _label(sheet, plot, names, _colours(stacked), middles)
    return True


def _names(stacked: Sequence[VenueCoins]) -> list[str]:
    """``Binance 31 %``: each with its share of the newest figures that are known."""
    newest = [next((coins for coins in reversed(venue.coins) if coins is not None), 0.0) for venue in stacked]
    parts = [f" {part}" for part in shares(newest)]
    return [
        shortened(venue.name, SMALL, NAMES - width(part, SMALL)) + part
        for venue, part in zip(stacked, parts, strict=True)
    ]


def _colours(stacked: Sequence[VenueCoins]) -> list[str]:
    natives = sum(venue.native for venue in stacked)
    return [
        NATIVE[place % len(NATIVE)] if place < natives else INSTITUTIONAL[(place - natives) % 3]
        for place in range(len(stacked))
    ]


def _head(sheet: Sheet, chart: VenuesChart, plot: Plot, stacked: Sequence[VenueCoins], scale: Scale) -> None:
    """What is stacked, and how much each of the two groups holds at the end."""
    words = _("Open interest by venue, {coin}").format(coin=chart.asset)
    sheet.write(fitted(Label(EDGE, sheet.top + 22, words, INK), WIDTH - 2 * EDGE))
    y, parts = sheet.top + 50, []
    signs: list[tuple[str | None, str | None]] = []
    for native, name, colour in (
        (True, _("crypto-native"), NATIVE[1]),
        (False, _("institutional"), INSTITUTIONAL[0]),
    ):
        held = [venue.coins[-1] for venue in stacked if venue.native is native]
        known = [coins for coins in held if coins is not None]
        if held:
            total = scale.show(sum(known)) if known else _("unknown")
            parts.append(Part(f"{name} {total}", colour, True, 28))
            signs.append((colour, None if native else PANEL))
    if any(venue.stale for venue in stacked):
        parts.append(Part(_("stale: last known"), FAINT, lead=28))
        signs.append((None, FAINT))
    for label, (fill, ink) in zip(row(sheet, y, parts, WIDTH - EDGE), signs, strict=True):
        _sign(sheet, Rect(label.x - 28, y - 14, label.x - 8, y + 2), fill, ink)


def _sign(sheet: Sheet, rect: Rect, colour: str | None, ink: str | None) -> None:
    left, top, right, bottom = rect
    if colour is not None:
        sheet.draw(f'<path d="M{left:.1f} {top:.1f}H{right:.1f}V{bottom:.1f}H{left:.1f}z" fill="{colour}"/>')
    if ink is not None:
        hatched(sheet, rect, ink)


def _area(
    sheet: Sheet,
    plot: Plot,
    chart: VenuesChart,
    known: Sequence[bool],
    floor: Sequence[float],
    roof: Sequence[float],
    venue: VenueCoins,
    colour: str,
) -> None:
    """One venue's layer, in a piece for each span without a gap or a break, and hatched where it is stale."""
    path = ""
    for strip in _strips(chart, [at for at, is_known in enumerate(known) if is_known]):
        path += _piece(plot, chart, strip, floor, roof)
    sheet.draw(f'<path class="venue" d="{path}" fill="{colour}" stroke="{PANEL}" stroke-width="1.5"/>')
    spans = (
        [(venue.stale, FAINT)]
        if venue.native
        else [(((chart.times[0], chart.times[-1]),), PANEL), (venue.stale, FAINT)]
    )
    for stretches, ink in spans:
        for since, until in stretches:
            inside = [at for at, time in enumerate(chart.times) if since <= time <= until and known[at]]
            for strip in _strips(chart, inside):
                _slanted(sheet, plot, chart, strip, floor, roof, ink)


def _break(sheet: Sheet, plot: Plot, known: Sequence[datetime], at: datetime) -> None:
    """Dashed, in the middle of the room that is left where the stack is not joined."""
    before = max((time for time in known if time < at), default=at)
    x = (plot.x(before) + plot.x(at)) / 2
    sheet.draw(
        f'<path class="break" d="M{x:.1f} {plot.top - 4:.1f}V{plot.bottom:.1f}" stroke="{FAINT}" '
        f'stroke-width="2" stroke-dasharray="6 6"/>'
    )


def _strips(chart: VenuesChart, places: Sequence[int]) -> list[list[int]]:
    """Places that follow one another, together; none goes on over a break."""
    strips: list[list[int]] = []
    for at in places:
        if strips and at == strips[-1][-1] + 1 and chart.times[at] not in chart.breaks:
            strips[-1].append(at)
        else:
            strips.append([at])
    return strips


def _piece(
    plot: Plot, chart: VenuesChart, places: Sequence[int], floor: Sequence[float], roof: Sequence[float]
) -> str:
    xs = [plot.x(chart.times[at]) for at in places]
    if len(xs) == 1:
        xs, places = [xs[0], xs[0] + 2], [*places, *places]
    over = " ".join(f"{x:.1f} {plot.y(roof[at]):.1f}" for x, at in zip(xs, places, strict=True))
    under = " ".join(
        f"{x:.1f} {plot.y(floor[at]):.1f}" for x, at in zip(reversed(xs), reversed(places), strict=True)
    )
    return f"M{over}L{under}z"


def _slanted(
    sheet: Sheet,
    plot: Plot,
    chart: VenuesChart,
    places: Sequence[int],
    floor: Sequence[float],
    roof: Sequence[float],
    ink: str,
) -> None:
    """Upright strokes from floor to roof: what is hatched follows the layer's own shape."""
    xs = [plot.x(chart.times[at]) for at in places]
    path, x = "", xs[0] + (-xs[0]) % 9
    for (left, right), (at, then) in zip(pairwise(xs), pairwise(places), strict=True):
        while x <= right:
            part = (x - left) / (right - left) if right > left else 0.0
            low, high = (plot.y(edge[at] + (edge[then] - edge[at]) * part) for edge in (floor, roof))
            if low - high > 2:
                path += f"M{x:.1f} {low:.1f}V{high:.1f}"
            x += 9
    if path:
        sheet.draw(f'<path class="hatch" d="{path}" stroke="{ink}" stroke-width="2.5"/>')


def _label(
    sheet: Sheet, plot: Plot, names: Sequence[str], colours: Sequence[str], middles: Sequence[float]
) -> None:
    """Names beside their layers, moved apart where layers are thin, with a stroke to the layer."""
    apart = min(APART, (plot.bottom - plot.top) / max(1, len(names) - 1))
    size = min(SMALL, apart * 0.9)
    places = spread(middles, apart, plot.top + 6, plot.bottom - 4)
    for name, colour, middle, y in zip(names, colours, middles, places, strict=True):
        sheet.draw(
            f'<path d="M{plot.right + 3:.1f} {middle:.1f}L{plot.right + 22:.1f} {y:.1f}" fill="none" '
            f'stroke="{colour}" stroke-width="3"/>'
        )
        sheet.write(Label(plot.right + 28, y + size * 0.35, name, INK, size))
