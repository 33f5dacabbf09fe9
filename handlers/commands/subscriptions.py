"""What this chat gets: /subscribe, /unsubscribe and /alerts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.cards import Button, Card, Line
from bot.domain.posts import Subscription
from bot.errors import AskError
from handlers.commands.changes import note
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.numbers import moment
from handlers.subscription_words import (
    coins_words,
    kinds_words,
    subscription_words,
    threshold_words,
    would_have_told,
)
from handlers.words import Parameter, Wanted, read_coin, read_text, read_wanted

WHAT = Parameter("coins… how often", read_text, rest=True)
WHICH = Parameter("coin|id|all", read_text)
LOG_REACH = timedelta(days=30)
LOG_ROWS = 20
MOST_TAPS = 8


@command(
    "subscribe",
    "Be told of waves, of some coins or all",
    WHAT.optional,
    examples=(
        "/subscribe btc eth weekly",
        "/subscribe all 3/week native",
        "/subscribe btc 5% 1h",
        "/subscribe $800m",
    ),
    configures=True,
)
async def subscribe(desk: Desk, ask: Ask) -> Card:
    wanted = read_wanted(ask.get(WHAT) or "", await desk.known(), "subscribe")
    await ask.may_change()
    subscription = await add_subscription(desk, ask, wanted)
    return Card(
        title=f"Subscribed: {coins_words(subscription.assets)}, {threshold_words(subscription.threshold)}",
        lines=(
            Line(f"You get {kinds_words(subscription)}: one message per wave, revised in place"),
            Line(would_have_told(await desk.past(), [subscription])),
        ),
        footer="`/alerts` shows all of this chat's · `/threshold` changes how often",
        buttons=(
            Button("Take it back", f"/unsubscribe {subscription.id}"),
            Button("All alerts", "/alerts"),
            Button("Settings", "/settings"),
        ),
    )


async def add_subscription(desk: Desk, ask: Ask, wanted: Wanted) -> Subscription:
    """Keep what is wanted, and that it was changed; the same set of coins replaces what was there."""
    subscription = await desk.store.subscriptions.add(
        Subscription(
            destination=ask.destination,
            assets=wanted.assets or None,
            threshold=wanted.threshold or desk.about.threshold,
            native_only=wanted.native_only,
            created=desk.wall(),
            created_by=ask.person,
        )
    )
    await note(desk, ask, f"alerts on: {subscription_words(subscription)}")
    return subscription


@command(
    "unsubscribe",
    "Be told less, or nothing",
    WHICH.optional,
    examples=("/unsubscribe all", "/unsubscribe btc", "/unsubscribe 1"),
    configures=True,
)
async def unsubscribe(desk: Desk, ask: Ask) -> Card:
    await ask.may_change()
    kept, here = desk.store.subscriptions, await desk.subscriptions_here(ask.destination)
    which = (ask.get(WHICH) or "").lower()
    if which == "all" or (not which and len(here) == 1):
        await kept.remove(ask.destination)
        title = "You get no alerts here any more"
    elif not which:
        choices = tuple(f"/unsubscribe {subscription.id}" for subscription in here)
        each = "; ".join(f"{s.id} is {coins_words(s.assets)}, {threshold_words(s.threshold)}" for s in here)
        text = f"There are {len(here)} subscriptions here. Say which, or `/unsubscribe all`: {each}"
        raise AskError(text, *choices)
    elif re.fullmatch("#?[0-9]{1,9}", which):
        if not await kept.remove(ask.destination, int(which.lstrip("#"))):
            raise AskError(f"There is no subscription {which} here. They are listed by `/alerts`", "/alerts")
        title = f"Subscription {which} is gone"
    else:
        title = await _without(desk, here, read_coin(which, await desk.known()))
    left = await kept.of(ask.destination)
    gone = [s for s in here if s not in left]
    await note(desk, ask, f"alerts ended: {'; '.join(subscription_words(s) for s in gone)}")
    return _left(title, left)


async def _without(desk: Desk, here: Sequence[Subscription], asset: Asset) -> str:
    """End what names the coin, and keep the other coins that are named with it."""
    named = [s for s in here if s.assets is not None and asset in s.assets]
    if not named:
        text = f"No subscription here names {asset}. One for every coin ends with `/unsubscribe all`"
        raise AskError(text, "/unsubscribe all", "/alerts")
    for subscription in named:
        await desk.store.subscriptions.remove(subscription.destination, subscription.id)
        if rest := (subscription.assets or frozenset()) - {asset}:
            await desk.store.subscriptions.add(replace(subscription, id=0, assets=rest))
    return f"No more alerts about {asset} alone"


def _left(title: str, left: Sequence[Subscription]) -> Card:
    lines = tuple(Line(f"Still on: {subscription_words(s)}") for s in left)
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
    past = await desk.past()
    lines = [Line(f"**{s.id}** · {subscription_words(s)} · {kinds_words(s)}", 7) for s in here]
    return Card(
        title="What this chat gets",
        lines=(*lines, Line(would_have_told(past, here)), Line(await _last_told(desk, ask))),
        footer="`/subscribe` adds one · `/threshold` changes how often · `/unsubscribe` ends it",
        buttons=(*(tap for s in here[:MOST_TAPS] for tap in _taps(s)), Button("Settings", "/settings")),
    )


def _taps(subscription: Subscription) -> tuple[Button, Button]:
    number = subscription.id
    return Button(f"Edit {number}", f"/threshold #{number}"), Button(
        f"End {number}", f"/unsubscribe {number}"
    )


async def _last_told(desk: Desk, ask: Ask) -> str:
    """The newest wave among what was told here: notices, summaries and drills are none."""
    log = await desk.store.posts.log(desk.clock() - LOG_REACH, LOG_ROWS, ask.destination)
    for line in {line.subject: line for line in reversed(log)}.values():
        if await desk.store.waves.get(line.subject):
            return f"Last told: `/wave {line.subject}`, {moment(desk.here(line.sent), desk.clock())}"
    return "Nothing told yet"
