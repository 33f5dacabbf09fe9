"""What it costs to hold a position: /funding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from bot.domain.assets import Asset
from bot.domain.cards import Button, Card, Line, Table
from bot.domain.statistics import Statistics, Totals, VenueStatistics, totals
from bot.errors import AskError
from bot.pipeline.leverage import Measure
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.leverage import Seen, seen, yearly
from handlers.leverage_charts import extremes_chart, funding_chart
from handlers.numbers import (
    clock,
    duration,
    number,
    percent,
    share,
    tight,
    usd,
    usd_cell,
)
from handlers.picture_words import pictured
from handlers.speech import (
    N_,
    _,
    ngettext,
    pgettext,
)
from handlers.titles import TABLE_WIDTH, Titles, narrowed, venue_title, width
from handlers.words import COIN

NAMED = 5
MOST_VENUES = 14
SMALLEST_USD = 10e6
LEAST_TOLD = 0.5
"""Of a coin's open interest must tell its funding, to stand among the extremes."""
YEAR_HOURS = 8760.0


@command(
    "funding",
    N_("What longs pay shorts, by venue or over all coins"),
    COIN.optional,
    examples=("/funding btc", "/funding"),
)
async def funding(desk: Desk, ask: Ask) -> Card:
    asset = ask.get(COIN)
    return await _extremes(desk) if asset is None else await _of(desk, asset)


async def _of(desk: Desk, asset: Asset) -> Card:
    one = await seen(desk, asset)
    told = [v for v in one.told.venues if v.funding is not None] if one.told else []
    if one.sums is None or one.sums.funding is None or not told:
        line = f"/oi {asset.lower()}"
        raise AskError(
            _("No venue has told the funding of {coin} lately. `{line}`").format(coin=asset, line=line), line
        )
    coin = asset.lower()
    chart = funding_chart(one.now, one.sums.funding, told, desk.titles(), desk.clock(), desk.banner)
    return Card(
        title=_("{coin} funding {rate} a year").format(coin=asset, rate=yearly(one.sums.funding)),
        lines=tuple(Line(text) for text in _lines(one, one.sums.funding, told, desk.titles())),
        table=_table(told, desk.titles()),
        picture=pictured(chart),
        footer=_("positive: longs pay shorts · {time}").format(time=clock(desk.here(one.now.at))),
        buttons=(
            Button(_("Leverage"), f"/leverage {coin}"),
            Button(_("All coins"), "/funding"),
        ),
    )


def _lines(one: Seen, rate: float, told: Sequence[VenueStatistics], titles: Titles) -> list[str]:
    standing = one.leverage.standings[Measure.FUNDING]
    texts = [
        _("A position of $10,000 long pays {amount} a day").format(amount=usd(1e4 * rate / 365))
        if rate >= 0
        else _("A position of $10,000 short pays {amount} a day").format(amount=usd(-1e4 * rate / 365))
    ]
    if standing.low is not None and standing.high is not None:
        texts.append(
            ngettext(
                "Normal {low} to {high} a year; above {above} of the last {n} day",
                "Normal {low} to {high} a year; above {above} of the last {n} days",
                standing.days,
            ).format(
                low=yearly(standing.low), high=yearly(standing.high), above=standing.above, n=standing.days
            )
        )
    elif standing.days:
        texts.append(
            ngettext(
                "Only {n} day of funding history: too little to say what is normal",
                "Only {n} days of funding history: too little to say what is normal",
                standing.days,
            ).format(n=standing.days)
        )
    else:
        texts.append(_("No funding of earlier days is recorded: what is normal is not known yet"))
    high, low = max(told, key=_rate), min(told, key=_rate)
    if yearly(_rate(high)) != yearly(_rate(low)):
        texts.append(
            _("Highest {venue} {rate}, lowest {other} {least}").format(
                venue=venue_title(high.venue, titles),
                rate=yearly(_rate(high)),
                other=venue_title(low.venue, titles),
                least=yearly(_rate(low)),
            )
        )
    texts.append(_told_by(one, told))
    return texts


def _rate(venue: VenueStatistics) -> float:
    return venue.funding or 0.0


def _told_by(one: Seen, told: Sequence[VenueStatistics]) -> str:
    of = len(one.told.venues) if one.told else 0
    coins = one.sums.coins if one.sums else 0.0
    seen_share = sum(v.funding_coins for v in told) / coins if coins else 0.0
    return _("OI-weighted over {n} of {of} venues: {share} of open interest tells its funding").format(
        n=len(told), of=of, share=share(min(1.0, seen_share))
    )


def _table(told: Sequence[VenueStatistics], titles: Titles) -> Table:
    """Largest venue first: the rate as it is charged, how often, and per year."""
    rows = told[:MOST_VENUES]
    cells = [_cells(venue) for venue in rows]
    heads = (_("venue"), _("rate"), pgettext("column", "a year"))
    widths = [max(width(row[place]) for row in (heads[1:], *cells)) for place in range(2)]
    room = TABLE_WIDTH - sum(widths) - 2 * len(widths)
    names = narrowed([venue_title(venue.venue, titles) for venue in rows], max(6, room))
    return Table(heads, tuple((name, *row) for name, row in zip(names, cells, strict=True)), right=(1, 2))


def _cells(venue: VenueStatistics) -> tuple[str, str]:
    hours = venue.funding_hours or 8.0
    rate = _rate(venue) * hours / YEAR_HOURS
    every = tight(duration(timedelta(hours=hours)))
    return f"{tight(percent(rate, digits=4))}/{every}", tight(yearly(_rate(venue)))


async def _extremes(desk: Desk) -> Card:
    told = await desk.days.newest(desk.clock())
    sums = {asset: totals(one) for asset, one in told.items()}
    chosen = {asset: one for asset, one in sums.items() if _counts(told[asset], one)}
    if not chosen:
        raise AskError(_("No funding was recorded lately. See how the feeds do: `/venues`"), "/venues")
    ordered = sorted(chosen, key=lambda asset: -(chosen[asset].funding or 0.0))
    most = ordered[:NAMED]
    least = [asset for asset in ordered[-NAMED:] if asset not in most]
    rows = [_extreme(asset, chosen[asset]) for asset in (*most, *least)]
    told_of = [(asset, chosen[asset]) for asset in (*most, *least)]
    lines = []
    if (rate := _overall(chosen)) is not None:
        overall = _("Over all of them, weighed by dollars: **{rate} a year**")
        lines.append(Line(overall.format(rate=yearly(rate)), 8))
    if left := len(sums) - len(chosen):
        lines.append(
            Line(
                ngettext(
                    "Left out: {n} coin of less than {least} open interest or with funding of few venues",
                    "Left out: {n} coins of less than {least} open interest or with funding of few venues",
                    left,
                ).format(n=left, least=usd(SMALLEST_USD)),
                5,
            )
        )
    asked = [f"/funding {asset.lower()}" for asset in (ordered[0], ordered[-1])]
    return Card(
        title=_("Funding: the extremes of {n} coins").format(n=number(len(chosen))),
        lines=tuple(lines),
        table=Table((_("coin"), pgettext("column", "a year"), _("OI")), tuple(rows), right=(1, 2)),
        footer=_("positive: longs pay shorts · {time}").format(time=clock(desk.now())),
        picture=pictured(extremes_chart(told_of, desk.clock(), desk.banner)),
        buttons=tuple(Button(line, line) for line in dict.fromkeys(asked)),
    )


def _counts(told: Statistics, sums: Totals) -> bool:
    funded = sum(v.funding_coins for v in told.venues)
    large = sums.usd is None or sums.usd >= SMALLEST_USD
    return sums.funding is not None and large and funded >= LEAST_TOLD * sums.coins


def _overall(chosen: Mapping[Asset, Totals]) -> float | None:
    """Over the coins whose dollars are known."""
    weights = [(one.usd, one.funding) for one in chosen.values() if one.usd and one.funding is not None]
    total = sum(weight for weight, _rate in weights)
    return sum(weight * rate for weight, rate in weights) / total if total else None


def _extreme(asset: Asset, sums: Totals) -> tuple[str, str, str]:
    return asset[:8], tight(yearly(sums.funding or 0.0)), usd_cell(sums.usd)
