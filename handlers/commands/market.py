"""What the market holds now: /oi."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from bot.domain.cards import Card, Line, Tone
from bot.errors import AskError
from handlers.commands.chart import by_venue
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.hindsight import comparable
from handlers.misread import misread_lines, misread_of
from handlers.numbers import duration
from handlers.picture_words import pictured
from handlers.snapshot_cards import market_card, snapshot_card
from handlers.speech import N_, _
from handlers.words import COIN, PERIOD

DAY = timedelta(days=1)
MOST_COINS = 10


@command(
    "oi",
    N_("Open interest of one coin, or of the largest"),
    COIN.optional,
    PERIOD.optional,
    examples=("/oi btc", "/oi btc 24h", "/oi"),
)
async def open_interest(desk: Desk, ask: Ask) -> Card:
    period = ask.get(PERIOD) or DAY
    if (asset := ask.get(COIN)) is None:
        return await _market(desk, period)
    now = await desk.latest(asset)
    before = await desk.before(now, period)
    if before is not None:
        before = await comparable(desk.store, now, before)
    chart = await by_venue(desk, asset, period, (before, now) if before is not None else None)
    card = snapshot_card(
        now,
        before,
        period,
        at=desk.now(),
        titles=desk.titles(),
        reports=await desk.reports(asset),
        history=await desk.short_history(asset),
        counted=desk.counted(),
        picture=pictured(chart) if chart is not None else None,
    )
    doubts = misread_lines(await misread_of(desk, asset), desk.titles())
    return _warned(desk, replace(card, lines=(*card.lines, *(Line(text, 8) for text in doubts))))


async def _market(desk: Desk, period: timedelta) -> Card:
    known = await desk.known()
    if not known:
        raise AskError(_("I have not seen any market yet. See how the feeds do: `/venues`"), "/venues")
    snapshots = [await desk.latest(asset) for asset in known[:MOST_COINS]]
    pairs = [(now, await desk.before(now, period)) for now in snapshots]
    return _warned(desk, market_card(pairs, period, at=desk.now(), more=len(known) - len(pairs)))


def _warned(desk: Desk, card: Card) -> Card:
    """Old figures without a word about it would look like a calm market."""
    since = desk.blind_since()
    if since is None:
        return card
    text = _("**I cannot see the market: no venue has answered for {time}.** Silence now is not calm")
    blind = Line(text.format(time=duration(desk.clock() - since)), 9)
    return replace(card, tone=Tone.WARNING, lines=(blind, *card.lines))
