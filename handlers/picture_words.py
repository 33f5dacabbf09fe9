"""Pictures in words: under them in chats, read out by screen readers, in the language spoken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import assert_never

from msgspec.structs import replace

from bot.domain.cards import Picture
from bot.domain.charts import (
    AfterChart,
    BarsChart,
    Chart,
    LinesChart,
    MarketChart,
    ResetsChart,
    Values,
    ValueUnit,
    VenuesChart,
    WaveEnds,
)
from bot.domain.waves import Kind
from handlers.numbers import Scale, coins, dated, duration, percent, price, share, shares, usd
from handlers.phrases import capital, enumerated, sentences
from handlers.speech import _, ngettext, spoken

MOST = 12


def pictured(chart: Chart) -> Picture:
    """The picture in the language spoken, with its words: a card's ``picture``."""
    chart = replace(chart, language=spoken())
    return Picture(chart, said(chart))


def said(chart: Chart) -> str:
    """The words that say what the picture shows, title first."""
    return sentences(chart.title, *findings(chart))


def findings(chart: Chart) -> Sequence[str]:
    """What it shows, a sentence each, without the title."""
    match chart:
        case MarketChart():
            return _market(chart)
        case VenuesChart():
            return _venues(chart)
        case LinesChart():
            return _lines(chart)
        case BarsChart():
            return _bars(chart)
        case ResetsChart():
            return _resets(chart)
        case AfterChart():
            return _after(chart)
    assert_never(chart)


def written(unit: ValueUnit, value: float) -> str:
    """One value as its picture writes it."""
    match unit:
        case ValueUnit.COINS:
            return Scale.coins(value).show(value)
        case ValueUnit.USD:
            return usd(value)
        case ValueUnit.PERCENT:
            return percent(value)
        case ValueUnit.NUMBER:
            return Scale(0.1 if 0 < abs(value) < 20 else 1.0, 1.0).show(value)


def _known(values: Values) -> list[float]:
    return [value for value in values if value is not None]


def _market(chart: MarketChart) -> list[str]:
    found = [_ends(chart, chart.ends)] if chart.ends else []
    if (known := _known(chart.coins)) and not chart.ends:
        whole = _("Coin open interest from {first} to {last}, lowest {low}")
        gaps = _(
            "Coin open interest from {first} to {last}, lowest {low}, with gaps where nothing was recorded"
        )
        first, last, low = (coins(value, chart.asset) for value in (known[0], known[-1], min(known)))
        text = gaps if None in chart.coins else whole
        found.append(text.format(first=first, last=last, low=low))
    elif None in chart.coins:
        found.append(_("With gaps where nothing was recorded"))
    if (prices := _known(chart.price_usd)) and not chart.ends:
        first, last, low = (price(value) for value in (prices[0], prices[-1], min(prices)))
        found.append(_("Price from {first} to {last}, lowest {low}").format(first=first, last=last, low=low))
    longs, shorts = chart.liquidated_usd or (sum(chart.long_usd), sum(chart.short_usd))
    if (longs or shorts) and (chart.long_usd or chart.short_usd):
        text = _("Liquidated: {longs} longs, {shorts} shorts")
        found.append(text.format(longs=usd(longs), shorts=usd(shorts)))
    if chart.unseen:
        found.append(_("Part of the market was not seen for a while"))
    return found or [_("Nothing was recorded in this time")]


def _ends(chart: MarketChart, ends: WaveEnds) -> str:
    """As the wave's card has them."""
    before, low = ends.coins
    scale = Scale.coins(before)
    facts = {"before": scale.show(before), "low": scale.show(low), "coin": chart.asset}
    price_before, price_low = ends.price_usd
    if not price_before or not price_low:
        return _("Coin open interest {before} before and {low} {coin} at the low").format(**facts)
    return _(
        "Coin open interest {before} before and {low} {coin} at the low, price {price_before} and {price_low}"
    ).format(**facts, price_before=price(price_before), price_low=price(price_low))


def _venues(chart: VenuesChart) -> list[str]:
    newest = {venue.name: next(iter(reversed(_known(venue.coins))), 0.0) for venue in chart.venues}
    total = sum(newest.values())
    if not total:
        return [_("Nothing was recorded in this time")]
    parts = enumerated(
        f"{name} {part}" for name, part in zip(newest, shares(list(newest.values())), strict=True)
    )
    native = sum(newest[venue.name] for venue in chart.venues if venue.native)
    text = _("Crypto-native venues hold {share} of {total}").format(
        share=share(native / total), total=coins(total, chart.asset)
    )
    stale = enumerated(venue.name for venue in chart.venues if venue.stale)
    told = [text, parts]
    return [*told, _("Not fresh for a while: {venues}").format(venues=stale)] if stale else told


def _lines(chart: LinesChart) -> list[str]:
    text = _("{name} from {first} to {last}, lowest {low}, highest {high}")
    found = [chart.axis]
    for each in chart.lines:
        if known := _known(each.values):
            first, last, low, high = (
                written(chart.unit, value) for value in (known[0], known[-1], min(known), max(known))
            )
            found.append(text.format(name=capital(each.name), first=first, last=last, low=low, high=high))
    if chart.normal is not None and chart.normal_name:
        low, high = (written(chart.unit, value) for value in chart.normal)
        found.append(
            _("{name} between {low} and {high}").format(name=capital(chart.normal_name), low=low, high=high)
        )
    return found if len(found) > 1 else [_("Nothing was recorded in this time")]


def _bars(chart: BarsChart) -> list[str]:
    values = (
        f"{bar.name} {_('unknown') if bar.value is None else written(chart.unit, bar.value)}"
        for bar in chart.bars[:MOST]
    )
    return [chart.axis, enumerated(values)]


def _resets(chart: ResetsChart) -> list[str]:
    if not chart.waves:
        return [_("Nothing was recorded in this time")]
    count = len(chart.waves)
    largest = max(chart.waves, key=lambda wave: (wave.w, wave.at))
    text = ngettext(
        "{n} wave; the rarest on {day}: W {w}, {fall} of the coins",
        "{n} waves; the rarest on {day}: W {w}, {fall} of the coins",
        count,
    )
    fall = percent(-largest.fall)
    w = Scale(0.1, 1.0).show(largest.w)
    told = [text.format(n=count, day=dated(largest.at), w=w, fall=fall)]
    flushes = sum(wave.kind is Kind.FLUSH for wave in chart.waves)
    squeezes = sum(wave.kind is Kind.SQUEEZE for wave in chart.waves)
    return [
        *told,
        _("Long flushes: {flushes}, short squeezes: {squeezes}").format(flushes=flushes, squeezes=squeezes),
    ]


def _after(chart: AfterChart) -> list[str]:
    median, base = (next(iter(reversed(_known(each))), None) for each in (chart.median, chart.base))
    if median is None:
        return [_("Nothing was recorded in this time")]
    span = duration(timedelta(hours=chart.hours[-1]))
    text = _("{axis}: {move} after {span} at the median")
    told = [text.format(axis=chart.axis, span=span, move=percent(median))]
    if base is not None:
        told.append(_("After random hours {move}").format(move=percent(base)))
    return told
