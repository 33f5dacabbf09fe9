"""What this chat gets: /subscribe, /unsubscribe and /alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from bot.domain.cards import Button, Card, Line
from bot.domain.posts import Subscription
from bot.errors import AskError
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.numbers import moment
from handlers.subscription_words import coins_words, kinds_words, threshold_words, would_have_told
from handlers.words import Parameter, read_coin, read_text, read_wanted

WHAT = Parameter("coins… how often", read_text, rest=True)
WHICH = Parameter("coin|id|all", read_text)
PAST = 200
"""So many recorded waves are tried against what a chat gets."""
LOG_REACH = timedelta(days=30)
LOG_ROWS = 500


@command(
    "subscribe",
    "Be told of waves, of some coins or all",
    WHAT.optional,
    examples=("/subscribe btc eth weekly", "/subscribe all 3/week", "/subscribe btc 5% 1h"),
)
async def subscribe(desk: Desk, ask: Ask) -> Card:
    ask.may_change()
    wanted = read_wanted(ask.get(WHAT) or "", await desk.known(), "subscribe")
    subscription = await desk.store.subscriptions.add(
        Subscription(
            destination=ask.destination,
            assets=wanted.assets or None,
            threshold=wanted.threshold or desk.about.threshold,
            created=desk.wall(),
            created_by=ask.person,
        )
    )
    past = await desk.store.waves.recent(limit=PAST)
    return Card(
        title=f"Subscribed: {coins_words(subscription.assets)}, {threshold_words(subscription.threshold)}",
        lines=(
            Line(f"You get {kinds_words(subscription)}: one message per wave, revised in place"),
            Line(would_have_told(past, [subscription])),
        ),
        footer="`/alerts` shows all of this chat's · `/threshold` changes how often",
        buttons=(Button("Take it back", f"/unsubscribe {subscription.id}"), Button("All alerts", "/alerts")),
    )


@command(
    "unsubscribe",
    "Be told less, or nothing",
    WHICH.optional,
    examples=("/unsubscribe all", "/unsubscribe btc", "/unsubscribe 1"),
)
async def unsubscribe(desk: Desk, ask: Ask) -> Card:
    ask.may_change()
    kept, here = desk.store.subscriptions, await desk.subscriptions_here(ask.destination)
    which = (ask.get(WHICH) or "").lower()
    if which == "all" or (not which and len(here) == 1):
        await kept.remove(ask.destination)
        return _left("You get no alerts here any more", [])
    if not which:
        choices = tuple(f"/unsubscribe {subscription.id}" for subscription in here)
        each = "; ".join(f"{s.id} is {coins_words(s.assets)}, {threshold_words(s.threshold)}" for s in here)
        text = f"There are {len(here)} subscriptions here. Say which, or `/unsubscribe all`: {each}"
        raise AskError(text, *choices)
    if which.lstrip("#").isdigit():
        if not await kept.remove(ask.destination, int(which.lstrip("#"))):
            raise AskError(f"There is no subscription {which} here. They are listed by `/alerts`", "/alerts")
        return _left(f"Subscription {which} is gone", await kept.of(ask.destination))
    asset = read_coin(which, await desk.known())
    named = [s for s in here if s.assets is not None and asset in s.assets]
    if not named:
        text = f"No subscription here names {asset}. One for every coin ends with `/unsubscribe all`"
        raise AskError(text, "/unsubscribe all", "/alerts")
    for subscription in named:
        await kept.remove(ask.destination, subscription.id)
        if rest := (subscription.assets or frozenset()) - {asset}:
            await kept.add(replace(subscription, id=0, assets=rest))
    return _left(f"No more alerts about {asset} alone", await kept.of(ask.destination))


def _left(title: str, left: Sequence[Subscription]) -> Card:
    lines = tuple(Line(f"Still on: {coins_words(s.assets)}, {threshold_words(s.threshold)}") for s in left)
    return Card(title=title, lines=lines, footer="`/subscribe` to hear again")


@command("alerts", "What this chat gets, and what it got last", examples=("/alerts",))
async def alerts(desk: Desk, ask: Ask) -> Card:
    here = await desk.store.subscriptions.of(ask.destination)
    if not here:
        return Card(
            title="This chat gets no alerts",
            footer="`/subscribe btc weekly`",
            buttons=(
                Button("Notable, ~1 a week", "/subscribe notable"),
                Button("Big, ~1 a month", "/subscribe big"),
            ),
        )
    past = await desk.store.waves.recent(limit=PAST)
    lines = [
        Line(f"**{s.id}** · {coins_words(s.assets)} · {threshold_words(s.threshold)} · {kinds_words(s)}", 7)
        for s in here
    ]
    return Card(
        title="What this chat gets",
        lines=(*lines, Line(would_have_told(past, here)), Line(await _last_told(desk, ask))),
        footer="`/threshold` changes how often · `/unsubscribe` ends it",
        buttons=tuple(Button(f"End {s.id}", f"/unsubscribe {s.id}") for s in here[:4]),
    )


async def _last_told(desk: Desk, ask: Ask) -> str:
    log = await desk.store.posts.log(desk.clock() - LOG_REACH, limit=LOG_ROWS)
    mine = next((line for line in log if line.destination == ask.destination), None)
    return (
        f"Last told: `/wave {mine.subject}`, {moment(mine.sent, desk.clock())}"
        if mine
        else "Nothing told yet"
    )
