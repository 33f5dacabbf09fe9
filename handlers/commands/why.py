"""How a wave was computed: /why. Inputs and arithmetic, not adjectives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import exp, log

from bot.domain.cards import Button, Card, Line, plain
from bot.domain.waves import Basis, Depth, Stage, VenueChange, Wave
from bot.pipeline.attribution import INSTITUTION_LED, NATIVE_LED
from bot.pipeline.rarity import (
    PRIOR_EVENTS,
    PRIOR_HOURS,
    PRIOR_SPREAD,
    SCORE_FLOOR,
    joint,
    surprise,
)
from handlers.cards import coverage_line, shown_ends, wave_title
from handlers.commands.registry import Ask, command
from handlers.core_words import retold, verdict_words
from handlers.desk import Desk
from handlers.institutions import report_lines
from handlers.numbers import (
    Scale,
    clock,
    day,
    duration,
    moment,
    number,
    ordinal,
    percent,
    price,
    return_period,
    usd,
)
from handlers.phrases import titled
from handlers.speech import N_, _, ngettext
from handlers.titles import Titles, named, venue_title
from handlers.why import End, Inputs, Kept, inputs
from handlers.words import WAVE_ID

DEPTHS = N_(
    "At its rarest moment, below the highest point within each time. Contracts are counted here: "
    "one margined in the coin is so many dollars, worth more coins the lower the price"
)
HELD_BACK = 4
VENUES = 14
"""Lines that name a venue; the rest share one."""


@command("why", N_("How a wave was computed, from its inputs"), WAVE_ID, examples=("/why 1a",))
async def why(desk: Desk, ask: Ask) -> Card:
    wave = await desk.wave(ask.need(WAVE_ID))
    titles = desk.titles()
    known = desk.here(await inputs(desk.store, wave, desk.clock()))
    texts = [
        _("Taken back: {reason}").format(reason=retold(named(wave.reason, titles)))
        if wave.stage is Stage.RETRACTED
        else "",
        _index(known),
        _coins(wave),
        _dollars(wave),
        _(DEPTHS) if wave.depths else "",
        *(_depth(wave, depth, seen) for depth, seen in zip(wave.depths, known.seen, strict=True)),
        _("Rarest at {time}: {rarity}").format(time=duration(wave.horizon), rarity=_rarity(wave)),
        *_magnitude(wave),
        _history(wave),
        _led(wave),
        *_left_out(wave, known, titles),
        *report_lines(wave, titles),
        coverage_line(wave.coverage, (), wave.at),
    ]
    return Card(
        title=_("Why: {title}").format(title=wave_title(wave)),
        lines=(
            *(Line(text) for text in texts if text),
            *(Line(text, 3) for text in _ends(wave, known, titles)),
        ),
        footer=" · ".join(
            (
                f"washout {desk.about.version}",
                _("rev {n}").format(n=wave.revision),
                _again(desk.about.recompute, wave, known),
            )
        ),
        buttons=(Button(_("The wave"), f"/wave {wave.id}"),),
    )


def _again(line: str, wave: Wave, known: Inputs) -> str:
    if known.case or wave.from_history:
        return _("again: `{line}`").format(line=line.format(wave=wave.id))
    return _("what is needed to compute it again is kept for 3 days")


def _index(known: Inputs) -> str:
    """The chain-linked index: a step counts only instruments believed at both of its ends."""
    ends = f"{clock(known.before)} → {clock(known.low)}"
    if known.index is None:
        return _("Index, {ends}: its snapshots are no longer kept").format(ends=ends)
    before, low = known.index
    return _("Index (natural log), {ends}: {before} → {low}, so {move}, like with like").format(
        ends=ends, before=_log(before), low=_log(low), move=percent(exp(low - before) - 1)
    )


def _log(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{number(abs(value), 4)}"


def _coins(wave: Wave) -> str:
    scale, before, low = shown_ends(wave)
    return ngettext(
        "Coins of {n} venue believed at both ends: {before} → {low} {coin}, {change} ({move})",
        "Coins of {n} venues believed at both ends: {before} → {low} {coin}, {change} ({move})",
        len(wave.venues),
    ).format(
        n=len(wave.venues),
        before=scale.show(before),
        low=scale.show(low),
        coin=wave.asset,
        change=scale.show(low - before, signed=True),
        move=percent(-wave.fall),
    )


def _dollars(wave: Wave) -> str:
    change = wave.usd_change
    if change is None or not wave.price_before_usd or not wave.price_now_usd:
        return _("Price: none was known, so dollars and kind are unknown")
    return _(
        "Price {before} → {low}, the median of the venues’ marks. Positions: coins closed × {low} = "
        "{position}. Price: coins before × {move} = {by_price}. Together {total}"
    ).format(
        before=price(wave.price_before_usd),
        low=price(wave.price_now_usd),
        position=usd(change.position_usd, signed=True, fine=True),
        move=_signed_price(wave.price_now_usd - wave.price_before_usd),
        by_price=usd(change.price_usd, signed=True, fine=True),
        total=usd(change.total_usd, signed=True),
    )


def _signed_price(move_usd: float) -> str:
    return f"{'−' if move_usd < 0 else '+'}{price(abs(move_usd))}" if move_usd else price(0.01)


def _depth(wave: Wave, depth: Depth, seen: tuple[int, timedelta] | None) -> str:
    moves = percent(-depth.fall)
    if depth.price_move is not None:
        moves = _("{fall}, price {move}").format(fall=moves, move=percent(depth.price_move))
    if seen is None:
        return titled(duration(depth.horizon), moves)
    count, history = seen
    return ngettext(
        "{time}: {moves}; so deep once in {history} of {coin} history",
        "{time}: {moves}; so deep {n} times in {history} of {coin} history",
        count,
    ).format(time=duration(depth.horizon), moves=moves, n=count, history=duration(history), coin=wave.asset)


def _rarity(wave: Wave) -> str:
    m = wave.magnitude
    return _("W {w} (90 %: {low}–{high}), {often} for {coin}").format(
        w=number(m.w, 2),
        low=number(m.low, 1),
        high=number(m.high, 1),
        often=return_period(m),
        coin=wave.asset,
    )


def _magnitude(wave: Wave) -> Iterable[str]:
    """The arithmetic of W, step by step (docs/detection.md, "The rule")."""
    if wave.burst is not None and wave.burst.magnitude == wave.magnitude:
        yield _("W is that of the burst of liquidations at {time}, a lower estimate").format(
            time=clock(wave.burst.at)
        )
        return
    basis = wave.basis
    if basis is None:
        yield _("What W was counted from was not kept by the release that found it")
        return
    yield _score(basis)
    events = basis.events + basis.expected * PRIOR_HOURS
    hours = basis.hours + PRIOR_HOURS
    mean = (basis.excess + PRIOR_EVENTS * PRIOR_SPREAD) / (basis.events + PRIOR_EVENTS)
    beyond = (basis.score - SCORE_FLOOR) / mean / log(10)
    yield _(
        "W = log10({hours} h ÷ {events} moments of {floor} and more) + ({score} − {floor}) ÷ {mean} ÷ ln 10 "
        "= {often} + {beyond}. Own history: {own} in {watched} h; the rest is the prior’s"
    ).format(
        hours=number(hours),
        events=number(events, 1),
        floor=number(SCORE_FLOOR, 1),
        score=number(basis.score, 2),
        mean=number(mean, 2),
        often=number(log(hours / events) / log(10), 2),
        beyond=number(beyond, 2),
        own=number(basis.events),
        watched=number(basis.hours),
    )


def _score(basis: Basis) -> str:
    coins = surprise(basis.fall / basis.coin_scale)
    facts = {
        "score": number(basis.score, 2),
        "coins": number(coins, 2),
        "fall": percent(-basis.fall),
        "times": number(basis.fall / basis.coin_scale, 1),
        "scale": percent(basis.coin_scale, signed=False, digits=2),
    }
    if basis.price_move is None:
        text = _("Score {score}: coins {coins} ({fall} is {times} × the {scale} of one moment in ten)")
        return text.format(**facts)
    moved = surprise(abs(basis.price_move) / basis.price_scale)
    return _(
        "Score {score}: coins {coins} ({fall} is {times} × the {scale} of one moment in ten) + price {price} "
        "({move} is {price_times} × {price_scale}; at most 1.5 × the coins)"
    ).format(
        **facts,
        price=number(joint(coins, moved) - coins, 2),
        move=percent(basis.price_move),
        price_times=number(abs(basis.price_move) / basis.price_scale, 1),
        price_scale=percent(basis.price_scale, signed=False, digits=2),
    )


def _history(wave: Wave) -> str:
    """What the rank is counted on."""
    if wave.rank is None:
        return ""
    since = _("{coin} history counts since {day}, {time} before the onset").format(
        coin=wave.asset, day=day(wave.rank.since, wave.at), time=duration(wave.onset - wave.rank.since)
    )
    if wave.rank.of < 2:
        return _("{since}: no earlier wave to rank it with").format(since=since)
    return _("{since}: {place} in coins of {n} waves").format(
        since=since, place=ordinal(wave.rank.coins_place), n=wave.rank.of
    )


def _led(wave: Wave) -> str:
    if wave.coins_closed <= 0:
        return ""
    native = sum(venue.coins_closed for venue in wave.venues if venue.group.native)
    scale = Scale.coins(wave.coins_before)
    return _(
        "Who led: crypto-native venues closed {native} of {all} {coin} ({share}); from {high} on native-led, "
        "below {low} institution-led"
    ).format(
        native=scale.show(native),
        all=scale.show(wave.coins_closed),
        coin=wave.asset,
        share=percent(native / wave.coins_closed, signed=False, digits=0),
        high=percent(NATIVE_LED, signed=False, digits=0),
        low=percent(INSTITUTION_LED, signed=False, digits=0),
    )


def _left_out(wave: Wave, known: Inputs, titles: Titles) -> Iterable[str]:
    for gone in wave.missing:
        yield _("Left out: {venue} since {time}, {reason}").format(
            venue=venue_title(gone.venue, titles),
            time=moment(gone.since, wave.at),
            reason=verdict_words(gone.why),
        )
    for held in known.held_back[:HELD_BACK]:
        yield _("Held back at {time}: {venue} {what}, {detail}").format(
            time=clock(held.at),
            venue=venue_title(held.venue, titles),
            what=plain(held.what),
            detail=plain(held.detail),
        )
    if (more := len(known.held_back) - HELD_BACK) > 0:
        yield ngettext("{n} more figure was held back", "{n} more figures were held back", more).format(
            n=more
        )


# --- the venues at both ends -------------------------------------------------------------------------------


def _ends(wave: Wave, known: Inputs, titles: Titles) -> Iterable[str]:
    """Each venue's coins at both ends, with when they were told and the price used; in one rounding."""
    scale = Scale.coins(wave.coins_before)
    largest = sorted(wave.venues, key=lambda venue: -venue.coins_before)
    before = scale.parts([venue.coins_before for venue in largest])
    low = scale.parts([venue.coins_now for venue in largest])
    if known.kept is Kept.NOTHING:
        yield _("Each venue’s coins (when they were told, and at which price, is no longer kept):")
    elif known.kept is Kept.SNAPSHOTS:
        yield _("Each venue’s coins, when the oldest were told, and the price of that minute’s sum:")
    else:
        yield _("Each venue’s coins, when the oldest were told, and the price used:")
    for venue, was, now in zip(largest[:VENUES], before, low, strict=False):
        ends = f"{scale.show(was)} → {scale.show(now)}"
        yield f"**{venue_title(venue.venue, titles)}** {ends}{_told(known, venue)}"
    if rest := largest[VENUES:]:
        sums = f"{scale.show(sum(before[VENUES:]))} → {scale.show(sum(low[VENUES:]))}"
        yield ngettext("{n} more venue {ends}", "{n} more venues {ends}", len(rest)).format(
            n=len(rest), ends=sums
        )


def _told(known: Inputs, venue: VenueChange) -> str:
    first, last = known.ends.get(venue.venue, (None, None))
    if first is None or last is None:
        return ""
    times = f" · {_second(first.at)} → {_second(last.at)}"
    prices: Sequence[End] = [end for end in (first, last) if end.price_usd]
    if len(prices) < 2:
        return times
    return times + " · " + " → ".join(price(end.price_usd or 0.0) for end in prices)


def _second(at: datetime) -> str:
    return f"{at:%H:%M:%S}"
