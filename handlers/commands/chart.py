"""Pictures that are asked for: /chart."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.cards import Button, Card, Line
from bot.domain.charts import Chart, LinesChart, MarketChart, NamedLine, ValueUnit
from bot.domain.market import Snapshot
from bot.errors import AskError
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.hindsight import recount
from handlers.leverage import seen
from handlers.leverage_charts import heat_chart
from handlers.numbers import clock, duration, moment, percent, usd
from handlers.phrases import sentences, stopped, unstopped
from handlers.picture_words import findings, pictured
from handlers.series import aligned, bridged, filled, span_words, step_for, step_of
from handlers.speech import N_, _
from handlers.venue_series import venues_chart
from handlers.words import COIN, PERIOD, WHAT

DAY = timedelta(days=1)
TOLD_EVERY = timedelta(minutes=5)
"""Statistics are recorded so often: a finer step would be a row of gaps."""


@command(
    "chart",
    N_("A picture: open interest, price, venues, funding, liquidations or leverage"),
    COIN.optional,
    PERIOD.optional,
    WHAT.optional,
    examples=("/chart btc", "/chart eth 7d", "/chart btc 24h venues"),
)
async def chart(desk: Desk, ask: Ask) -> Card:
    known = await desk.known()
    asset = ask.get(COIN) or (known[0] if known else None)
    if asset is None:
        raise AskError(
            _("I have not seen any market yet. See how the feeds do: {command}").format(command="`/venues`"),
            "/venues",
        )
    period, what = ask.get(PERIOD) or DAY, ask.get(WHAT) or ""
    shown = await _shown(desk, asset, period, what)
    coin = asset.lower()
    if shown is None:
        text = _("I have recorded too little of {coin} in {period} for this picture. In words: {command}")
        words = text.format(coin=asset, period=duration(period), command=f"`/oi {coin}`")
        raise AskError(words, f"/oi {coin}")
    picture, found = pictured(shown), sentences(*findings(shown))
    note = unstopped(shown.note.removesuffix(desk.banner).rstrip())
    spans = [] if what == "leverage" else ["4h", "24h", "7d"]  # the heat is of no other period than its year
    line = f"/leverage {coin}" if what == "leverage" else f"/oi {coin}"
    return Card(
        title=shown.title,
        lines=(Line(found, 3), Line(note, 7)),
        picture=picture,
        footer=f"`{line}` · {clock(desk.now())}",
        buttons=tuple(Button(span, f"/chart {coin} {span} {what}".rstrip()) for span in spans),
    )


async def _shown(desk: Desk, asset: Asset, period: timedelta, what: str) -> Chart | None:
    """Only what was asked for; ``None`` where too little of it was recorded."""
    if what == "venues":
        return await by_venue(desk, asset, period)
    if what == "funding":
        return await _funding(desk, asset, period)
    if what == "leverage":
        one = await seen(desk, asset)
        return heat_chart(asset, one.leverage, one.now.at, desk.banner)
    market = await desk.period_chart(asset, period)
    return _part(market, what, period) if market else None


def _part(market: MarketChart, what: str, period: timedelta) -> MarketChart | None:
    """With a title that states what is left to see."""
    none = (None,) * len(market.times)
    span = span_words(market.times[-1] - market.times[0], period)
    move = _price_move(market)
    match what:
        case "oi":
            return replace(market, price_usd=none, long_usd=(), short_usd=())
        case "price" if any(market.price_usd):
            title = _("{coin} price {move} in {span}").format(coin=market.asset, move=move, span=span)
            return replace(market, title=title, coins=none, long_usd=(), short_usd=())
        case "liquidations" if any(market.long_usd) or any(market.short_usd):
            return replace(liquidated_first(market, period), coins=none)
        case "":
            return market
    return None


def liquidated_first(
    market: MarketChart, period: timedelta, told: tuple[float, float] | None = None
) -> MarketChart:
    """Titled by what was liquidated; ``told`` is what a card beside it counts (longs, shorts)."""
    longs, shorts = told or (sum(market.long_usd), sum(market.short_usd))
    text = _("{coin}: {longs} of longs and {shorts} of shorts liquidated in {span}, price {move}")
    title = text.format(
        coin=market.asset,
        longs=usd(longs),
        shorts=usd(shorts),
        span=span_words(market.times[-1] - market.times[0], period),
        move=_price_move(market),
    )
    return replace(market, title=title, liquidated_usd=told)


def _price_move(market: MarketChart) -> str:
    prices = [value for value in market.price_usd if value is not None]
    return percent(prices[-1] / prices[0] - 1) if prices else _("unknown")


async def by_venue(
    desk: Desk, asset: Asset, period: timedelta, ends: tuple[Snapshot, Snapshot] | None = None
) -> Chart | None:
    """Coin OI stacked by venue; ``None`` where too little was recorded. ``ends`` are what a card compares."""
    period = await desk.recorded(asset, period)
    now, step = desk.clock(), step_for(period)
    snapshots = await desk.store.journal.snapshots(asset, aligned(now - period, step), now, step)
    if not snapshots:
        return None
    anew = await recount(desk.store, snapshots[-1], snapshots[0])
    titles, banner = desk.titles(), desk.banner
    return venues_chart(asset, snapshots, period, titles=titles, now=now, banner=banner, anew=anew, ends=ends)


async def _funding(desk: Desk, asset: Asset, period: timedelta) -> LinesChart | None:
    """OI-weighted over all venues, as often as it was recorded."""
    now, finest = desk.clock(), max(TOLD_EVERY, step_for(period))
    told = await desk.store.statistics.series(asset, aligned(now - period, finest), now, finest)
    step = step_of(told, finest)
    by_step = {aligned(each.at, step): each.funding for each in told if each.funding is not None}
    if len(by_step) < 2:
        return None
    first, last = min(by_step), max(by_step)
    times = filled(first, last, step)
    values = bridged([by_step.get(at) for at in times], step)
    title = _("{coin} funding from {first} to {last} a year in {span}").format(
        coin=asset,
        first=percent(values[0] or 0.0),
        last=percent(values[-1] or 0.0),
        span=span_words(last - first, period),
    )
    note = _("As of {time}, weighted by open interest.").format(time=moment(told[-1].at, now))
    return LinesChart(
        title=title,
        axis=_("Funding, % a year"),
        times=tuple(times),
        lines=(NamedLine(_("all venues"), values),),
        unit=ValueUnit.PERCENT,
        base=0.0,
        note=stopped(note, desk.banner),
    )
