"""Pictures of leverage, funding and changes, of what their cards say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from math import exp

from bot.domain.assets import Asset
from bot.domain.charts import Bar, BarsChart, LinesChart, NamedLine, ValueUnit
from bot.domain.market import Point, Snapshot
from bot.domain.statistics import Totals, VenueStatistics
from bot.pipeline.leverage import LEAST_DAYS, Change, Leverage
from bot.pipeline.quantiles import quantile
from handlers.leverage import yearly
from handlers.numbers import day, moment, number, percent
from handlers.phrases import stopped
from handlers.speech import _
from handlers.titles import Titles, venue_title

DAY = timedelta(days=1)
MOST_BARS = 12
COMPARED_DAYS = 30


def heat_chart(asset: Asset, told: Leverage, now: datetime, banner: str) -> LinesChart | None:
    """The heat of each day and of now; ``None`` while there are few. A day without one is a gap."""
    if told.heat is None or len(told.heats) < LEAST_DAYS:
        return None
    known = dict(told.heats)
    days = _days(told.heats[0][0], told.heats[-1][0])
    ordered = sorted(known.values())
    heat = number(told.heat)
    return LinesChart(
        title=_("{coin} leverage: {heat} of 100").format(coin=asset, heat=heat),
        axis=_("Heat: 0 to 100 among its own days"),
        times=(*map(_end, days), now.astimezone(UTC)),
        lines=(NamedLine(asset, (*(known.get(day) for day in days), told.heat)),),
        normal=(quantile(ordered, 0.1), quantile(ordered, 0.9)),
        normal_name=_("8 days in 10"),
        limits=(0.0, 100.0),
        note=_note(now, banner),
    )


def compared_chart(points: Mapping[Asset, Sequence[Point]], now: datetime, banner: str) -> LinesChart | None:
    """Coin OI of several coins, like with like, each 100 at the first day that all of them have."""
    utc = now.astimezone(UTC)
    first = utc.date() - COMPARED_DAYS * DAY
    by_day = {
        asset: {point.at.date(): point.index for point in told if point.at.date() >= first}
        for asset, told in points.items()
    }
    common = set.intersection(*(set(told) for told in by_day.values()))
    if len(common) < 2:
        return None
    begin = min(common)
    days = _days(begin, max(max(told) for told in by_day.values()))
    lines = [
        NamedLine(
            asset,
            tuple(100 * exp(told[day] - told[begin]) if day in told else None for day in days),
        )
        for asset, told in by_day.items()
    ]
    return LinesChart(
        title=_compared(by_day, begin),
        axis=_("Coins, like with like; the first day is 100"),
        times=tuple(min(_end(day), utc) for day in days),
        lines=tuple(lines),
        base=100.0,
        note=_note(now, banner),
    )


def _compared(by_day: Mapping[Asset, Mapping[date, float]], begin: date) -> str:
    """Who gained most and who least, since the first day of all."""
    moves = {asset: exp(told[max(told)] - told[begin]) - 1 for asset, told in by_day.items()}
    ordered = sorted(moves, key=lambda asset: (-moves[asset], asset))
    text = _("Open interest since {day}: {first} {first_move}, {last} {last_move}")
    return text.format(
        day=day(begin),
        first=ordered[0],
        first_move=percent(moves[ordered[0]]),
        last=ordered[-1],
        last_move=percent(moves[ordered[-1]]),
    )


def funding_chart(
    now: Snapshot, rate: float, told: Sequence[VenueStatistics], titles: Titles, at: datetime, banner: str
) -> BarsChart:
    """Of each venue, by open interest."""
    native = {venue.venue: venue.group.native for venue in now.venues}
    return BarsChart(
        title=_("{coin} funding {rate} a year").format(coin=now.asset, rate=yearly(rate)),
        axis=_("Funding a year by venue, in order of their open interest"),
        bars=tuple(
            Bar(venue_title(venue.venue, titles), venue.funding, native.get(venue.venue, True))
            for venue in told[:MOST_BARS]
        ),
        unit=ValueUnit.PERCENT,
        note=_note(at, banner),
    )


def extremes_chart(rows: Sequence[tuple[Asset, Totals]], at: datetime, banner: str) -> BarsChart:
    return BarsChart(
        title=_extremes([(asset, sums.funding) for asset, sums in rows if sums.funding is not None]),
        axis=_("Funding a year, OI-weighted"),
        bars=tuple(Bar(asset, sums.funding) for asset, sums in rows[:MOST_BARS]),
        unit=ValueUnit.PERCENT,
        note=_note(at, banner),
    )


def changes_chart(rows: Sequence[tuple[Asset, Change]], span: str, at: datetime, banner: str) -> BarsChart:
    return BarsChart(
        title=_moved(rows[:MOST_BARS], span),
        axis=_("Change of coins, like with like"),
        bars=tuple(Bar(asset, one.change) for asset, one in rows[:MOST_BARS]),
        unit=ValueUnit.PERCENT,
        note=_note(at, banner),
    )


def _extremes(rates: Sequence[tuple[Asset, float]]) -> str:
    if not rates:
        return _("Highest and lowest funding")
    ordered = sorted(rates, key=lambda one: -one[1])
    (high, highest), (low, lowest) = ordered[0], ordered[-1]
    if len(ordered) == 1:
        return _("{coin} funding {rate} a year").format(coin=high, rate=yearly(highest))
    text = _("Funding a year: {high} {highest}, {low} {lowest}")
    return text.format(high=high, highest=yearly(highest), low=low, lowest=yearly(lowest))


def _moved(rows: Sequence[tuple[Asset, Change]], span: str) -> str:
    """The largest change of all."""
    if not rows:
        return _("No change of open interest in {span}").format(span=span)
    asset, most = max(rows, key=lambda row: abs(row[1].change))
    text = _("{coin} open interest {move} in {span}, more than any other")
    return text.format(coin=asset, move=percent(most.change), span=span)


def _days(first: date, last: date) -> list[date]:
    return [first + n * DAY for n in range((last - first).days + 1)]


def _end(day: date) -> datetime:
    """Of a day the last value is known."""
    return datetime.combine(day + DAY, time(), UTC)


def _note(at: datetime, banner: str) -> str:
    """Pictures keep UTC."""
    utc = at.astimezone(UTC)
    told = _("As of {time}.").format(time=moment(utc, utc))
    return stopped(told, banner)
