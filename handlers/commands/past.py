"""What happened: /resets, /wave and /why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from math import exp

from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.cards import Button, Card, Line, Table
from bot.domain.market import VERDICT_MEANS, Snapshot
from bot.domain.waves import FROM_HISTORY, Outcome, Stage, Wave
from bot.errors import AskError
from bot.known import published
from handlers.cards import coverage_line, wave_title
from handlers.commands.registry import Ask, command
from handlers.desk import AFTER, Desk
from handlers.institutions import report_lines
from handlers.known_words import published_card
from handlers.numbers import (
    Scale,
    clock,
    day,
    duration,
    moment,
    ordinal,
    percent,
    price,
    return_period,
    short_day,
    tight,
)
from handlers.titles import TABLE_WIDTH, Titles, named, narrowed, venue_title
from handlers.words import COIN, COUNT, EVERYTHING, SINCE, WAVE_ID

ROWS = 5
NEXT_DAY = AFTER[1]
VENUE_ROWS = 10


@command(
    "resets",
    "Past waves: how large, how rare, what came next",
    COIN.optional,
    COUNT.optional,
    SINCE.optional,
    EVERYTHING.optional,
    examples=("/resets", "/resets btc 5", "/resets btc all", "/resets since 2020"),
)
async def resets(desk: Desk, ask: Ask) -> Card:
    asset, unwinds = ask.get(COIN), ask.get(EVERYTHING) is not None
    if (since := ask.get(SINCE)) is not None:
        return _published(asset, since)
    waves = await desk.resets(asset, ask.get(COUNT) or ROWS, unwinds=unwinds)
    whose = f" of {asset}" if asset else ""
    if not waves:
        line = f"/resets {asset.lower()} all" if asset else "/resets all"
        hint = "" if unwinds else f" Those that people closed by choice are left out: `{line}`"
        raise AskError(f"No wave{whose} has been recorded yet.{hint}", *(() if unwinds else (line,)))
    now = desk.now()
    ids = tuple(Button(f"/wave {wave.id}", f"/wave {wave.id}") for wave in waves[:3])
    if asset is None:
        table = Table(
            ("date", "coin", "coins", "W", "id"), tuple(_row(w, w.asset[:5], now) for w in waves), (2, 3)
        )
        hint = "`/resets btc` says what came next"
    else:
        rows = [_row(wave, _next_day(await desk.outcomes(wave), wave), now) for wave in waves]
        table = Table(
            ("date", "coins", "W", "+24 h", "id"),
            tuple((r[0], r[2], r[3], r[1], r[4]) for r in rows),
            (1, 2, 3),
        )
        hint = "+24 h: the price a day after the end"
    return Card(
        title=f"The newest {len(waves)} waves{whose}" if len(waves) > 1 else f"The only wave{whose} so far",
        table=table,
        footer=f"`/wave {waves[0].id}` for one in full · {hint}{_marks(waves)}",
        buttons=ids,
    )


def _published(asset: Asset | None, since: date) -> Card:
    found = published(asset, since)
    if not found:
        raise AskError(
            f"I know of no published reset of {asset or 'any coin'} since {since.year}. `/resets 2020`",
            "/resets 2020",
        )
    return published_card(found, since, asset)


def _row(wave: Wave, second: str, now: datetime) -> tuple[str, ...]:
    return (
        short_day(wave.onset, now),
        second,
        tight(percent(-wave.fall)),
        f"{wave.magnitude.w:.1f}",
        wave.id[:6],
    )


def _marks(waves: Sequence[Wave]) -> str:
    return f" · {FROM_HISTORY}…: from history" if any(wave.from_history for wave in waves) else ""


def _next_day(outcomes: Sequence[Outcome], wave: Wave) -> str:
    if wave.stage is not Stage.OVER:
        return "now"
    move = next((o.price_move for o in outcomes if o.after == NEXT_DAY), None)
    return tight(percent(move)) if move is not None else "–"


@command("wave", "One wave in full", WAVE_ID, examples=("/wave 1a",))
async def wave_in_full(desk: Desk, ask: Ask) -> Card:
    wave = await desk.wave(ask.need(WAVE_ID))
    card = await desk.wave_card(wave, in_full=True)
    why = Button("Why", f"/why {wave.id}")
    others = Button(f"Other waves of {wave.asset}", f"/resets {wave.asset.lower()}")
    return replace(card, buttons=(why, others))


@command("why", "How a wave was computed, from its inputs", WAVE_ID, examples=("/why 1a",))
async def why(desk: Desk, ask: Ask) -> Card:
    wave = await desk.wave(ask.need(WAVE_ID))
    journal, titles = desk.store.journal, desk.titles()
    before = await journal.snapshot(wave.asset, wave.onset)
    low = await journal.snapshot(wave.asset, wave.low_at)
    ends = f"{moment(wave.onset, wave.at)} and {clock(wave.low_at)}"
    texts = [
        _index(before, low),
        f"Counted: {len(wave.venues)} venues believed at both ends, {ends}",
        _price_used(wave),
        *(f"{duration(d.horizon)}: {percent(-d.fall)}{_and_price(d.price_move)}" for d in wave.depths),
        f"Rarest at {duration(wave.horizon)}: {_rarity(wave)}",
        _history(wave),
        *(
            f"Left out: {venue_title(gone.venue, titles)} since {moment(gone.since, wave.at)}, "
            f"{VERDICT_MEANS[gone.why]}"
            for gone in wave.missing
        ),
        *report_lines(wave, titles),
        coverage_line(wave.coverage, (), wave.at),
    ]
    if wave.stage is Stage.RETRACTED:
        texts.insert(0, f"Taken back: {named(wave.reason, titles)}")
    recompute = desk.about.recompute.format(asset=wave.asset)
    return Card(
        title=f"Why: {wave_title(wave)}",
        lines=tuple(Line(text) for text in texts if text),
        table=_ends(wave, titles),
        footer=f"washout {desk.about.version} · rev {wave.revision} · again: `{recompute}`",
        buttons=(Button("The wave", f"/wave {wave.id}"),),
    )


def _index(before: Snapshot | None, low: Snapshot | None) -> str:
    """The chain-linked index: a step counts only instruments believed at both of its ends."""
    if before is None or low is None:
        return "Index: its snapshots are no longer kept"
    moved = percent(exp(low.index - before.index) - 1)
    return f"Index {before.index:+.4f} → {low.index:+.4f} (natural log): {moved}, like with like".replace(
        "-", "−"
    )


def _price_used(wave: Wave) -> str:
    if not wave.price_before_usd or not wave.price_now_usd:
        return "Price: none was known, so dollars and kind are unknown"
    return (
        f"Price {price(wave.price_before_usd)} → {price(wave.price_now_usd)}: the median of the venues' marks"
    )


def _and_price(move: float | None) -> str:
    return f", price {percent(move)}" if move is not None else ""


def _rarity(wave: Wave) -> str:
    m = wave.magnitude
    return f"W {m.w:.2f} (90 %: {m.low:.1f}–{m.high:.1f}), {return_period(m)} for {wave.asset}"


def _history(wave: Wave) -> str:
    """What the rarity and the rank are counted on."""
    if wave.rank is None:
        return ""
    watched = duration(wave.onset - wave.rank.since)
    since = f"{wave.asset} history counts since {day(wave.rank.since, wave.at)}, {watched} before the onset"
    if wave.rank.of < 2:
        return f"{since}: no earlier wave to rank it with"
    return f"{since}: {ordinal(wave.rank.coins_place)} in coins of {wave.rank.of} waves"


def _ends(wave: Wave, titles: Titles) -> Table:
    """Each venue's coins at both ends."""
    scale = Scale.coins(wave.coins_before)
    largest = sorted(wave.venues, key=lambda venue: -venue.coins_before)
    before = scale.parts([venue.coins_before for venue in largest])
    low = scale.parts([venue.coins_now for venue in largest])
    figures = [(scale.show(was), scale.show(now)) for was, now in zip(before, low, strict=True)]
    widest = max(len(scale.show(sum(before))), len(scale.show(sum(low))), len("onset"))
    names = narrowed([venue_title(venue.venue, titles) for venue in largest], TABLE_WIDTH - 2 * (2 + widest))
    rows = [(name, *ends) for name, ends in zip(names[:VENUE_ROWS], figures, strict=False)]
    if (rest := len(largest) - VENUE_ROWS) > 0:
        sums = (sum(before[VENUE_ROWS:]), sum(low[VENUE_ROWS:]))
        rows.append((f"{rest} more", scale.show(sums[0]), scale.show(sums[1])))
    rows.append(("together", scale.show(sum(before)), scale.show(sum(low))))
    return Table((wave.asset, "onset", "low"), tuple(rows), right=(1, 2))
