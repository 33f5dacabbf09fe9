"""What the market holds now: /oi and /chart."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from bot.domain.cards import Button, Card, Line, Tone
from bot.errors import AskError
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.numbers import clock, duration
from handlers.picture_words import pictured, said
from handlers.snapshot_cards import market_card, snapshot_card
from handlers.words import COIN, PERIOD

DAY = timedelta(days=1)
MOST_COINS = 10


@command(
    "oi",
    "Open interest of one coin, or of the largest",
    COIN.optional,
    PERIOD.optional,
    examples=("/oi btc", "/oi btc 24h", "/oi"),
)
async def open_interest(desk: Desk, ask: Ask) -> Card:
    period = ask.get(PERIOD) or DAY
    if (asset := ask.get(COIN)) is None:
        return await _market(desk, period)
    now = await desk.latest(asset)
    card = snapshot_card(
        now,
        await desk.before(now, period),
        period,
        at=desk.now(),
        titles=desk.titles(),
        reports=await desk.reports(asset),
        history=await desk.short_history(asset),
    )
    return _warned(desk, card)


async def _market(desk: Desk, period: timedelta) -> Card:
    known = await desk.known()
    if not known:
        raise AskError("I have not seen any market yet. See how the feeds do: `/venues`", "/venues")
    snapshots = [await desk.latest(asset) for asset in known[:MOST_COINS]]
    pairs = [(now, await desk.before(now, period)) for now in snapshots]
    return _warned(desk, market_card(pairs, period, at=desk.now(), more=len(known) - len(pairs)))


def _warned(desk: Desk, card: Card) -> Card:
    """Old figures without a word about it would look like a calm market."""
    since = desk.blind_since()
    if since is None:
        return card
    text = f"**I cannot see the market: no venue has answered for {duration(desk.clock() - since)}.** "
    lines = (Line(text + "Silence now is not calm", 9), *card.lines)
    return replace(card, tone=Tone.WARNING, lines=lines)


@command(
    "chart",
    "Open interest, price and liquidations as a picture",
    COIN.optional,
    PERIOD.optional,
    examples=("/chart btc", "/chart eth 7d"),
)
async def chart(desk: Desk, ask: Ask) -> Card:
    known = await desk.known()
    asset = ask.get(COIN) or (known[0] if known else None)
    if asset is None:
        raise AskError("I have not seen any market yet. See how the feeds do: `/venues`", "/venues")
    period = ask.get(PERIOD) or DAY
    data = await desk.period_chart(asset, period)
    if data is None:
        line = f"/oi {asset.lower()}"
        raise AskError(
            f"I have recorded too little of {asset} in {duration(period)} for a picture. In words: `{line}`",
            line,
        )
    coin = asset.lower()
    return Card(
        title=data.title,
        lines=(
            Line(said(data).removeprefix(f"{data.title}. "), 3),
            Line(data.note.removesuffix(desk.about.banner).rstrip(" ."), 7),
        ),
        picture=pictured(data),
        footer=f"`/oi {coin}` · {clock(desk.now())}",
        buttons=tuple(Button(span, f"/chart {coin} {span}") for span in ("4h", "24h", "7d")),
    )
