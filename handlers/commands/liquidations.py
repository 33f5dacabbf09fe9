"""What was forced lately: /liquidations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from bot.domain.assets import Asset
from bot.domain.cards import Button, Card, Line, Table, plain
from bot.domain.market import Completeness, Position, Venue, VenueLiquidations
from bot.domain.verdicts import Verdict
from bot.errors import AskError
from handlers.commands.chart import liquidated_first
from handlers.commands.registry import Ask, command
from handlers.core_words import retold, tells_words
from handlers.desk import Desk
from handlers.forced_words import deleveraged_line
from handlers.numbers import (
    clock,
    coins,
    day_time,
    duration,
    listed,
    number,
    percent,
    usd,
    usd_cell,
)
from handlers.phrases import enumerated, semicolons, sided
from handlers.picture_words import pictured
from handlers.speech import N_, _
from handlers.titles import (
    TABLE_WIDTH,
    narrowed,
    venue_title,
    width,
)
from handlers.words import COIN, PERIOD

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TOLD_ONE_BY_ONE = timedelta(days=30)
"""So long each is kept on its own, with its venue; afterwards only sums are."""
BY_THE_MINUTE = timedelta(days=2)
SPANS = 14
LEAST_SPANS = 3
"""As many earlier spans of the same length say what is normal."""
MOST_COINS = 10
MOST_VENUES = 12
NAMED_REASONS = 3
QUARANTINE_ROWS = 500


@command(
    "liquidations",
    N_("What was liquidated of one coin, or of the largest"),
    COIN.optional,
    PERIOD.optional,
    examples=("/liquidations btc", "/liquidations eth 7d", "/liquidations"),
)
async def liquidations(desk: Desk, ask: Ask) -> Card:
    period = ask.get(PERIOD) or DAY
    if (asset := ask.get(COIN)) is None:
        return await _largest(desk, period)
    now = desk.clock()
    since = now - min(period, TOLD_ONE_BY_ONE)
    step = MINUTE if period <= BY_THE_MINUTE else HOUR
    told = await desk.store.journal.liquidated_on(asset, since, now + MINUTE, step)
    lines = [*_sides(asset, told), *_worst(desk, told, step), await _normal(desk, asset, period, told)]
    if period > TOLD_ONE_BY_ONE:
        kept = _("I keep each of them for {time}, so this is of the last of those")
        lines.append(kept.format(time=duration(TOLD_ONE_BY_ONE)))
    lines += [*_deleveraged(told), await _before(desk, asset, since, told)]
    lines += [await _held_back(desk, since), _unheard(desk)]
    chart = await desk.period_chart(asset, now - since)
    coin, span = asset.lower(), duration(now - since)
    return Card(
        title=_("{asset} liquidations in {time}: {total}").format(
            asset=asset, time=span, total=_total(desk, told)
        ),
        lines=tuple(Line(text) for text in lines if text),
        table=_venues(desk, told),
        # For translators: a floor is a lower bound.
        footer=_("a floor: not every venue tells every one · as of {at}").format(at=clock(desk.now())),
        picture=pictured(liquidated_first(chart, now - since, _sum(told)))
        if chart and any((*chart.long_usd, *chart.short_usd))
        else None,
        buttons=tuple(Button(each, f"/liquidations {coin} {each}") for each in ("1h", "24h", "7d")),
    )


def _sum(told: Sequence[VenueLiquidations]) -> tuple[float, float]:
    return sum(row.long_usd for row in told), sum(row.short_usd for row in told)


def _feeds(desk: Desk) -> dict[Venue, Completeness]:
    """What each venue with a feed tells; a venue with several is as good as its worst."""
    feeds: dict[Venue, Completeness] = {}
    for feed in desk.feeds():
        if feed.completeness and feeds.get(feed.venue) is not Completeness.THROTTLED:
            feeds[feed.venue] = feed.completeness
    return feeds


def _total(desk: Desk, told: Sequence[VenueLiquidations]) -> str:
    """Nothing heard is not nothing liquidated."""
    if told:
        return f"≥ {usd(sum(_sum(told)))}"
    return _("none heard") if _feeds(desk) else _("unknown, no feed is followed")


def _sides(asset: Asset, told: Sequence[VenueLiquidations]) -> list[str]:
    longs, shorts = _sum(told)
    if longs + shorts <= 0:
        return []
    long_coins, short_coins = sum(row.long_coins for row in told), sum(row.short_coins for row in told)
    share = percent(longs / (longs + shorts), signed=False, digits=0)
    return [
        _("**Longs {longs}**{long_coins} · **shorts {shorts}**{short_coins} · {share}").format(
            longs=usd(longs),
            long_coins=_in_coins(long_coins, asset),
            shorts=usd(shorts),
            short_coins=_in_coins(short_coins, asset),
            share=sided(share, longs=True),
        )
    ]


def _in_coins(amount: float, asset: Asset) -> str:
    return f" ({coins(amount, asset)})" if amount > 0 else ""


def _worst(desk: Desk, told: Sequence[VenueLiquidations], step: timedelta) -> list[str]:
    sums: dict[object, float] = {}
    for row in told:
        sums[row.at] = sums.get(row.at, 0.0) + row.long_usd + row.short_usd
    if not any(sums.values()):
        return []
    at = max((row.at for row in told), key=lambda each: sums[each])
    local = desk.here(at)
    when = f"{local:%H:%M}" if local.date() == desk.now().date() else day_time(local)
    text = _("Worst minute {at}: {usd}") if step == MINUTE else _("Worst hour {at}: {usd}")
    return [text.format(at=when, usd=usd(sums[at], fine=True))]


async def _normal(desk: Desk, asset: Asset, period: timedelta, told: Sequence[VenueLiquidations]) -> str:
    """Against the median of the spans of the same length before this one."""
    now = desk.clock()
    spans = min(SPANS, int(TOLD_ONE_BY_ONE / period) - 1)
    if spans < LEAST_SPANS or not told:
        return ""
    step = min(period, HOUR)
    rows = await desk.store.journal.liquidated(asset, now - (spans + 1) * period, now - period, step)
    sums = [0.0] * spans
    for row in rows:
        sums[min(spans - 1, int((now - period - row.at) / period))] += row.long_usd + row.short_usd
    known = int((now - period - rows[0].at) / period) if rows else 0
    usual = median(sums[:known]) if known >= LEAST_SPANS else 0.0
    if usual <= 0:
        return _("I have heard too little yet to say what is normal in {time}").format(time=duration(period))
    times = sum(_sum(told)) / usual
    return _("{times} × the usual {usd} in {time} (median of {n} before)").format(
        times=number(times, 0 if times >= 10 else 1),
        usd=usd(usual),
        time=duration(period),
        n=min(known, spans),
    )


def _deleveraged(told: Sequence[VenueLiquidations]) -> list[str]:
    total = sum(row.deleveraged_usd for row in told)
    return [deleveraged_line(total)] if total > 0 else []


async def _before(desk: Desk, asset: Asset, since: datetime, told: Sequence[VenueLiquidations]) -> str:
    """What venues remember of the time before they were listened to: told beside what was heard."""
    sums = await desk.store.archive.liquidated(asset, since, desk.clock())
    heard = {
        venue: await _heard_since(desk, asset, venue, told) for venue in {s.instrument.venue for s in sums}
    }
    past = [s for s in sums if (begun := heard[s.instrument.venue]) is None or s.at + s.step <= begun]
    if not past:
        return ""
    sides = []
    for position in Position:
        known = [one.usd for one in past if one.position is position and one.usd is not None]
        least = "" if len(known) == sum(one.position is position for one in past) else "≥ "
        if position is Position.LONG:
            text = _("{usd} longs") if known else _("an unknown amount of longs")
        else:
            text = _("{usd} shorts") if known else _("an unknown amount of shorts")
        sides.append(text.format(usd=f"{least}{usd(sum(known))}"))
    begin, end = past[0].at, max(one.at + one.step for one in past)
    titles = sorted({venue_title(one.instrument.venue, desk.titles()) for one in past})
    alone, later = len(titles) == 1, begin - since > past[0].step
    match later, alone:
        case True, True:
            text = _("From {begin} to {end} {venues} alone tells {sides}, in {step} sums: not counted above")
        case True, False:
            text = _("From {begin} to {end} only {venues} tell {sides}, in {step} sums: not counted above")
        case False, True:
            text = _("Before {end} {venues} alone tells {sides}, in {step} sums: not counted above")
        case _other:
            text = _("Before {end} only {venues} tell {sides}, in {step} sums: not counted above")
    return text.format(
        begin=day_time(desk.here(begin)),
        end=day_time(desk.here(end)),
        venues=listed(titles),
        sides=enumerated(sides),
        step=duration(past[0].step),
    )


async def _heard_since(
    desk: Desk, asset: Asset, venue: Venue, told: Sequence[VenueLiquidations]
) -> datetime | None:
    """The minute of the first one heard of a venue; ``None`` where none was."""
    first = min((row.at for row in told if row.venue == venue), default=None)
    if first is None:
        return None
    rows = await desk.store.journal.liquidated_on(asset, first, first + HOUR, MINUTE)
    return min(row.at for row in rows if row.venue == venue)


async def _held_back(desk: Desk, since: datetime) -> str:
    """Venues of which some, of whichever coin, were not counted: they seem to be told in other units."""
    kept = await desk.store.journal.quarantined(since, limit=QUARANTINE_ROWS)
    venues = {row.venue for row in kept if row.verdict is Verdict.RECOUNTED}
    if not venues:
        return ""
    titles = sorted(venue_title(venue, desk.titles()) for venue in venues)
    text = _("Some of {venues} are not counted: their units were in doubt")
    return text.format(venues=listed(titles))


def _unheard(desk: Desk) -> str:
    never = sorted({(feed.title, feed.unheard) for feed in desk.feeds() if feed.unheard})
    if not never:
        return ""
    named = semicolons(f"{title} ({retold(plain(why))})" for title, why in never[:NAMED_REASONS])
    if not never[NAMED_REASONS:]:
        return _("None public from {venues}").format(venues=named)
    others = enumerated(title for title, _why in never[NAMED_REASONS:])
    return _("None public from {venues} and {others}").format(venues=named, others=others)


def _venues(desk: Desk, told: Sequence[VenueLiquidations]) -> Table | None:
    """The largest first; a venue whose feed told nothing stands with nothing."""
    feeds = _feeds(desk)
    sums: dict[Venue, list[float]] = {venue: [0.0, 0.0] for venue in feeds}
    for row in told:
        both = sums.setdefault(row.venue, [0.0, 0.0])
        both[0] += row.long_usd
        both[1] += row.short_usd
    if not sums:
        return None
    ranked = sorted(sums, key=lambda venue: (-sum(sums[venue]), venue))[:MOST_VENUES]
    figures = [(usd_cell(sum(sums[venue])), tells_words(feeds.get(venue))) for venue in ranked]
    columns = zip(*figures, ("USD", _("tells")), strict=True)
    room = TABLE_WIDTH - sum(2 + max(map(width, cells)) for cells in columns)
    names = narrowed([venue_title(venue, desk.titles()) for venue in ranked], room)
    rows = tuple((name, *cells) for name, cells in zip(names, figures, strict=True))
    return Table((_("venue"), "USD", _("tells")), rows, right=(1,))


async def _largest(desk: Desk, period: timedelta) -> Card:
    known = await desk.known()
    if not known:
        raise AskError(_("I have not seen any market yet. See how the feeds do: `/venues`"), "/venues")
    now, sums = desk.clock(), []
    for asset in known:
        rows = await desk.store.journal.liquidated(asset, now - period, now + MINUTE, HOUR)
        sums.append((asset, sum(row.long_usd for row in rows), sum(row.short_usd for row in rows)))
    sums = sorted((row for row in sums if row[1] + row[2] > 0), key=lambda row: -row[1] - row[2])
    total = sum(longs + shorts for _asset, longs, shorts in sums)
    shown = sums[:MOST_COINS]
    rows_shown = tuple((asset[:8], usd_cell(longs), usd_cell(shorts)) for asset, longs, shorts in shown)
    unheard, asks = _unheard(desk), [f"/liquidations {row[0].lower()}" for row in shown[:3]]
    first = (shown[0][0] if shown else known[0]).lower()
    heard = f"≥ {usd(total)}" if shown else _total(desk, ())
    return Card(
        title=_("Liquidations in {time}: {total}").format(time=duration(period), total=heard),
        lines=(Line(unheard, 6),) if unheard else (),
        table=Table((_("coin"), _("longs"), _("shorts")), rows_shown, right=(1, 2)) if shown else None,
        footer=_("`{line}` for one coin · a floor · as of {at}").format(
            line=f"/liquidations {first}", at=clock(desk.now())
        ),
        buttons=tuple(Button(each, each) for each in asks),
    )
