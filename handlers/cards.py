"""Waves made into cards: what coin, how big, how rare, still going, who, can I trust it.

Figures of one line share one rounding, so that the parts shown add up to the total shown. Venues are
counted only where they were believed at both ends; a total always stands with its coverage or its age.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.domain.assets import Asset
from bot.domain.cards import Button, Card, Line, Picture, Tone
from bot.domain.market import VERDICT_MEANS, Missing, ReportKind, Verdict
from bot.domain.posts import Latency
from bot.domain.units import UsdChange
from bot.domain.waves import Burst, Forced, Kind, Lead, Rank, Stage, Wave
from handlers.institutions import counted, report_lines
from handlers.numbers import (
    Scale,
    clock,
    day,
    duration,
    ordinal,
    percent,
    price,
    return_period,
    share,
    shortly,
    usd,
)
from handlers.titles import Titles, named, venue_title

KIND_WORDS = {
    Kind.FLUSH: "long flush",
    Kind.SQUEEZE: "short squeeze",
    Kind.UNWIND: "unwind",
    Kind.UNPRICED: "fall of open interest, price unknown",
}
TONES = {
    Kind.FLUSH: Tone.FLUSH,
    Kind.SQUEEZE: Tone.SQUEEZE,
    Kind.UNWIND: Tone.UNWIND,
    Kind.UNPRICED: Tone.WARNING,
}
LEAD_WORDS = {
    Lead.NATIVE: "Native-led",
    Lead.INSTITUTION: "Institution-led",
    Lead.MIXED: "Native and institutions together",
}
NAMED_VENUES = 4
"""So many venues are named one by one; the rest share a figure."""
SEES_ENOUGH = 0.6
"""Of the usual open interest: below it, what is early cannot be confirmed."""
FORCED_ALL = 0.995


HOW_MUCH = 2
"""So many lines say how much was closed: behind them stands how it ranks."""


def wave_card(
    wave: Wave,
    *,
    titles: Titles | None = None,
    picture: Picture | None = None,
    in_full: bool = False,
    latency: Latency | None = None,
    record: str = "",
) -> Card:
    """The one message of a wave, at whatever stage it is. ``in_full`` names every venue and depth.

    ``latency`` is how soon chats were told of it, where it is over; ``record`` where it stands among what
    was published.
    """
    titles = titles or {}
    match wave.stage:
        case Stage.RETRACTED:
            reason = _sentence(named(wave.reason, titles) or "It was not a fall of open interest")
            lines: Iterable[str] = (f"{reason} Sorry for the false alarm.",)
        case Stage.EARLY:
            lines = _early_lines(wave, titles)
        case _:
            lines = _wave_lines(wave, titles, in_full)
    told = list(lines)
    footer = f"`/wave {wave.id}` · rev {wave.revision} · {clock(wave.at)}"
    return Card(
        title=wave_title(wave),
        tone=_tone(wave),
        lines=(
            *(Line(text) for text in told[:HOW_MUCH]),
            *((Line(record, 2),) if record else ()),
            *(Line(text) for text in told[HOW_MUCH:]),
            *((Line(FOUND_LATER, 2),) if wave.from_history else ()),
            *((Line(latency_line(latency), 3),) if latency else ()),
        ),
        footer=footer,
        buttons=() if in_full else _buttons(wave),
        picture=picture if wave.stage is not Stage.RETRACTED else None,
    )


FOUND_LATER = "From history: found in what venues remember, and nobody was alerted of it"


def wave_title(wave: Wave) -> str:
    """The one line that a phone shows while locked."""
    what = f"{wave.asset} {KIND_WORDS[wave.kind]}"
    strength = f"W {wave.magnitude.w:.1f}"
    match wave.stage:
        case Stage.EARLY:
            longs, shorts = wave.liquidated_long_usd or 0.0, wave.liquidated_short_usd or 0.0
            if wave.burst is not None:
                longs, shorts = wave.burst.long_share, 1 - wave.burst.long_share
            if not longs and not shorts:
                return f"{wave.asset}: open interest is falling · early"
            return f"{wave.asset}: {'longs' if longs >= shorts else 'shorts'} are being liquidated · early"
        case Stage.BUILDING:
            return f"{what} · {strength} and growing"
        case Stage.PEAK:
            return f"{what} · {strength} · slowing"
        case Stage.OVER:
            return f"{what} · {strength} · over after {duration(wave.duration)}"
        case Stage.RETRACTED:
            return f"{wave.asset}: the alert of {clock(wave.opened)} is taken back"


def _buttons(wave: Wave) -> tuple[Button, ...]:
    more = (Button("Details", f"/wave {wave.id}"), Button("Why", f"/why {wave.id}"))
    return more if wave.stage is Stage.RETRACTED else (*more, Button("Mute 4 h", "/mute 4h"))


def latency_line(latency: Latency) -> str:
    """``First chat told after 1.9 s, all 1,204 after 41 s``."""
    if latency.chats == 1:
        return f"Told after {shortly(latency.first)}"
    return (
        f"First chat told after {shortly(latency.first)}, all {latency.chats:,} after {shortly(latency.last)}"
    )


def _tone(wave: Wave) -> Tone:
    if wave.stage is Stage.RETRACTED:
        return Tone.RETRACTED
    return Tone.OVER if wave.stage is Stage.OVER else TONES[wave.kind]


def _early_lines(wave: Wave, titles: Titles) -> Iterable[str]:
    if wave.burst is not None:
        yield from _burst_lines(wave.burst, titles)
    else:
        yield from _liquidation_lines(wave)
    if wave.coins_closed > 0:
        yield _closed(wave)
    if wave.price_move is not None:
        yield f"Price {percent(wave.price_move)} in {duration(wave.at - wave.onset)}"
    if wave.coverage < SEES_ENOUGH:
        yield (
            f"**Open interest is not heard: {share(wave.coverage)} of it since.** "
            "So this is neither confirmed nor taken back yet"
        )
    else:
        yield "Not confirmed yet: the next figures of open interest confirm it or take it back"
    yield coverage_line(wave.coverage, wave.missing, wave.at, titles)


def _burst_lines(burst: Burst, titles: Titles) -> Iterable[str]:
    longs = burst.long_share >= 0.5
    side = percent(burst.long_share if longs else 1 - burst.long_share, signed=False, digits=0)
    yield (
        f"**{usd(burst.usd)} in the last minute**, {round(burst.multiple):,} × this hour's normal, "
        f"{side} {'longs' if longs else 'shorts'}"
    )
    told = ", ".join(venue_title(venue, titles) for venue in burst.venues)
    floors = " and ".join(venue_title(venue, titles) for venue in burst.floors)
    yield f"{told} ({floors}: only the largest of each second, so a floor)" if floors else told


def _wave_lines(wave: Wave, titles: Titles, in_full: bool) -> Iterable[str]:
    yield _closed(wave)
    over = wave.stage is Stage.OVER
    if (change := wave.usd_change) is not None:
        yield f"In dollars{' at the low' if over else ''} {usd_split(change)}"
    if wave.price_before_usd and wave.price_now_usd:
        ends = f"{price(wave.price_before_usd)} → {price(wave.price_now_usd)}"
        yield f"Price {ends} ({percent(wave.price_now_usd / wave.price_before_usd - 1)})"
    rarity = return_period(wave.magnitude)
    yield f"{_rank(wave.rank, wave.at)}{rarity[0].upper()}{rarity[1:]}"
    yield _venue_line(wave, titles, len(wave.venues) if in_full else NAMED_VENUES)
    yield from _lead_lines(wave, titles)
    yield from _liquidation_lines(wave)
    if wave.with_assets:
        yield f"Fell together: {_some([wave.asset, *wave.with_assets])}"
    if wave.aftershocks:
        yield f"{wave.aftershocks} aftershock{'s' if wave.aftershocks > 1 else ''} since"
    yield coverage_line(wave.coverage, wave.missing, wave.at, titles)


def shown_ends(wave: Wave) -> tuple[Scale, float, float]:
    """Coins before and now in one rounding, so that what closed is the difference of what is shown."""
    scale = Scale.coins(wave.coins_before)
    before, now = (round(amount / scale.step) * scale.step for amount in (wave.coins_before, wave.coins_now))
    return scale, before, now


def _closed(wave: Wave) -> str:
    scale, before, now = shown_ends(wave)
    ends = f"{scale.show(before)} → {scale.show(now)}"
    change = f"**{scale.show(now - before, signed=True)} {wave.asset}"
    if wave.stage is Stage.OVER:
        return f"{change} closed ({percent(-wave.fall)})**, {ends} on live venues{_with_reports(wave, scale)}"
    since = duration(wave.low_at - wave.onset)
    return f"{change} of open interest closed ({percent(-wave.fall)})** in {since}, {ends}"


def _with_reports(wave: Wave, scale: Scale) -> str:
    """The totals with the institutions' reports added, where those cover both ends of the wave."""
    covering = [r for r in counted(wave) if r.kind is ReportKind.DAILY]
    if not covering:
        return ""
    before = wave.coins_before + sum(report.previous_coins or 0.0 for report in covering)
    now = wave.coins_now + sum(report.coins for report in covering)
    names = " and ".join(venue_title(report.venue, {}) for report in covering)
    return f"; with {names} {scale.show(before)} → {scale.show(now)}"


def usd_split(change: UsdChange) -> str:
    """``−$8.1 B: positions −$4.7 B, price −$3.4 B``: as shown, the two add up."""
    scale = Scale.usd(max(abs(change.total_usd), abs(change.position_usd), abs(change.price_usd)))
    position, by_price = scale.parts((change.position_usd, change.price_usd))
    total = scale.show(position + by_price, signed=True)
    return (
        f"{total}: positions {scale.show(position, signed=True)}, price {scale.show(by_price, signed=True)}"
    )


def _rank(rank: Rank | None, now: datetime) -> str:
    if rank is None or rank.of < 2:
        return ""
    in_coins = f"{ordinal(rank.coins_place)} of {rank.of} in coins"
    in_usd = ""
    if rank.usd_place is not None and rank.usd_place != rank.coins_place:
        in_usd = f", {ordinal(rank.usd_place)} in dollars"
    elif rank.usd_place is not None:
        in_usd = " and in dollars"
    text = f"{in_coins}{in_usd}"
    text = f"**{text[0].upper()}{text[1:]}**" if rank.coins_place <= 3 else f"{text[0].upper()}{text[1:]}"
    return f"{text} since {day(rank.since, now)}. "


def _venue_line(wave: Wave, titles: Titles, named: int) -> str:
    scale = Scale.coins(wave.coins_before)
    rounded = scale.parts([-venue.coins_closed for venue in wave.venues])
    rows = sorted(zip(rounded, wave.venues, strict=True), key=lambda row: row[0])
    if named + 1 == len(rows):  # "1 more" takes as much room as its name
        named += 1
    texts = [f"{venue_title(v.venue, titles)} {scale.show(c, signed=True)}" for c, v in rows[:named]]
    if rest := rows[named:]:
        texts.append(f"{len(rest)} more {scale.show(sum(c for c, _ in rest), signed=True)}")
    warning = "**One venue only**: " if wave.one_venue else ""
    return warning + " · ".join(texts)


def _lead_lines(wave: Wave, titles: Titles) -> Iterable[str]:
    native = sum(v.coins_closed for v in wave.venues if v.group.native)
    part = min(1.0, max(0.0, native / wave.coins_closed)) if wave.coins_closed > 0 else 0.0
    standing = "provisional" if wave.provisional else "confirmed"
    text = f"{LEAD_WORDS[wave.lead]} ({standing}): crypto-native {share(part)} of the fall"
    regulated = [venue for venue in wave.venues if not venue.group.native]
    if (before := sum(venue.coins_before for venue in regulated)) > 0:
        move = sum(venue.coins_now for venue in regulated) / before - 1
        text += f", {_some([venue_title(v.venue, titles) for v in regulated], 2)} {percent(move)}"
    yield text
    yield from report_lines(wave, titles)


def _liquidation_lines(wave: Wave) -> Iterable[str]:
    """What was seen is a floor; what is likely, and what part of the fall that is, stands with it."""
    if wave.liquidated_long_usd is None or wave.liquidated_short_usd is None:
        return
    total = wave.liquidated_long_usd + wave.liquidated_short_usd
    if total <= 0:
        yield "Liquidations seen: none"
        return
    longs = wave.liquidated_long_usd >= wave.liquidated_short_usd
    side = (wave.liquidated_long_usd if longs else wave.liquidated_short_usd) / total
    text = f"Liquidations seen ≥ {usd(total)}{_likely(wave.forced, total)}, "
    text += f"{percent(side, signed=False, digits=0)} {'longs' if longs else 'shorts'}"
    if wave.worst_minute_at and wave.worst_minute_usd:
        text += f". Worst minute {wave.worst_minute_at:%H:%M}: {usd(wave.worst_minute_usd, fine=True)}"
    yield text
    if (part := wave.forced_share) is not None and wave.forced and wave.forced.likely_high_usd is not None:
        low, high = part
        if low >= FORCED_ALL:
            yield "Forced: all of what closed, as far as can be told"
        else:
            yield f"Forced: {_from_to(low, high)} of the coins closed; the rest closed by choice"
    if wave.forced and wave.forced.deleveraged_usd > 0:
        yield f"Auto-deleveraged besides: {usd(wave.forced.deleveraged_usd)} of winners' positions"


def _likely(forced: Forced | None, seen_usd: float) -> str:
    """Nothing where the estimate adds nothing to what was seen."""
    if forced is None or forced.likely_low_usd is None or forced.likely_high_usd is None:
        return ""
    low, high = usd(max(forced.likely_low_usd, seen_usd)), usd(forced.likely_high_usd)
    if high == usd(seen_usd):
        return ""
    if low == high:
        return f", likely {high}"
    number, _, unit = low.partition(" ")
    return f", likely {number if high.endswith(unit) else low}–{high.removeprefix('$')}"


def _from_to(low: float, high: float) -> str:
    one, other = share(low), share(high)
    return one if one == other else f"{one.removesuffix(' %')}–{other}"


def coverage_line(
    coverage: float, missing: Sequence[Missing], now: datetime, titles: Titles | None = None
) -> str:
    """How much of the market the figures stand for, and who is missing since when and why."""
    text = f"Seen: {share(coverage)} of usual open interest"
    if not missing:
        return text
    largest = sorted(missing, key=lambda gone: -gone.coins)
    named = [
        f"{venue_title(gone.venue, titles or {})} ({duration(now - gone.since)}{_because(gone)})"
        for gone in largest
    ]
    return f"{text}. Missing: {_some(named, 2)}"


def _because(gone: Missing) -> str:
    """That a venue has not answered for so long is said by the time alone."""
    return "" if gone.why is Verdict.STALE else f": {VERDICT_MEANS[gone.why]}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _some(names: Sequence[str] | Sequence[Asset], at_most: int = 6) -> str:
    more = len(names) - at_most
    return ", ".join(names[:at_most]) + (f" and {more} more" if more > 0 else "")
