"""What this chat gets: /subscribe, /unsubscribe and /alerts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.cards import Button, Card, Line
from bot.domain.posts import Destination, Subscription
from bot.domain.waves import Wave
from bot.errors import AskError
from bot.pipeline.route import wants
from handlers.commands.changes import note
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.numbers import duration, moment
from handlers.phrases import semicolons
from handlers.speech import N_, _, ngettext
from handlers.subscription_words import (
    choice_taps,
    coins_words,
    subscription_words,
    terms_words,
    threshold_words,
    typed_whole,
    would_have_told,
)
from handlers.wanted import Wanted, read_wanted
from handlers.words import Parameter, read_coin, read_text

WHAT = Parameter("coins… how often", read_text, rest=True)
WHICH = Parameter("coin|id|all", read_text)
LOG_REACH = timedelta(days=30)
LOG_ROWS = 1000
UNDONE_WITHIN = 50
"""Of so many changes of a chat one can be undone."""
_UNDO = re.compile(r"undo(?:-([0-9]{1,18}))?")
MOST_TAPS = 8


@command(
    "subscribe",
    N_("Be told of waves, of some coins or all"),
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
    before = await desk.store.subscriptions.of(ask.destination)
    subscription = await add_subscription(desk, ask, wanted)
    old = next((s for s in before if s.id == subscription.id), None)
    told = (
        _("You get long flushes and short squeezes: one message per wave, revised in place"),
        _("In place of: {terms}").format(terms=terms_words(old)) if old else "",
        would_have_told(await desk.past(), [subscription]),
    )
    return Card(
        title=_("Subscribed: {words}").format(words=subscription_words(subscription)),
        lines=tuple(Line(text) for text in told if text),
        footer=_("`/alerts` shows all of this chat's · `/threshold` changes how often"),
        buttons=(
            Button(_("Undo"), f"/subscribe {typed_whole(old)}")
            if old
            else Button(_("Take it back"), f"/unsubscribe {subscription.id}"),
            Button(_("All alerts"), "/alerts"),
            Button(_("Settings"), "/settings"),
        ),
    )


async def add_subscription(desk: Desk, ask: Ask, wanted: Wanted) -> Subscription:
    """Keep what is wanted, and that it was changed; the same set of coins replaces what was there."""
    before = await desk.store.subscriptions.of(ask.destination)
    subscription = await desk.store.subscriptions.add(
        Subscription(
            destination=ask.destination,
            assets=wanted.assets or None,
            threshold=wanted.threshold or desk.about.threshold,
            native_only=bool(wanted.native_only),
            created=desk.wall(),
            created_by=ask.person,
        )
    )
    await note(desk, ask, before)
    return subscription


@command(
    "unsubscribe",
    N_("Be told less, or nothing"),
    WHICH.optional,
    examples=("/unsubscribe all", "/unsubscribe btc", "/unsubscribe 1"),
    configures=True,
)
async def unsubscribe(desk: Desk, ask: Ask) -> Card:
    await ask.may_change()
    which = (ask.get(WHICH) or "").lower()
    if undo := _UNDO.fullmatch(which):
        return await _brought_back(desk, ask, int(undo[1]) if undo[1] else None)
    kept, here = desk.store.subscriptions, await desk.subscriptions_here(ask.destination)
    if which in ("all", "every", "everything") or (not which and len(here) == 1):
        await kept.remove(ask.destination)
        title = _("You get no alerts here any more")
    elif not which:
        choices = tuple(f"/unsubscribe {subscription.id}" for subscription in here)
        each = _("{n} is {coins}, {threshold}")
        named = semicolons(
            each.format(n=s.id, coins=coins_words(s.assets), threshold=threshold_words(s.threshold))
            for s in here
        )
        text = ngettext(
            "There is {n} subscription here. Say which, or `/unsubscribe all`: {each}",
            "There are {n} subscriptions here. Say which, or `/unsubscribe all`: {each}",
            len(here),
        )
        raise AskError(text.format(n=len(here), each=named), *choices)
    elif re.fullmatch("#?[0-9]{1,9}", which):
        if not await kept.remove(ask.destination, int(which.lstrip("#"))):
            text = _("There is no subscription {n} here. They are listed by `/alerts`")
            raise AskError(text.format(n=which), "/alerts")
        title = _("Subscription {n} is gone").format(n=which)
    else:
        title = await _without(desk, here, read_coin(which, await desk.known(), "/unsubscribe {coin}"))
    left = await kept.of(ask.destination)
    await note(desk, ask, here)
    gone = next(s for s in here if s not in left)
    return _left(title, left, Button(_("Undo"), f"/unsubscribe undo-{gone.id}"))


async def _brought_back(desk: Desk, ask: Ask, number: int | None) -> Card:
    """Everything that ended together with subscription ``number``, or what ended last in this place."""
    kept = desk.store.subscriptions
    for change in await desk.store.chats.changes(ask.destination, UNDONE_WITHIN):
        ended, instead = (change.changed and change.changed.alerts) or ((), ())
        if not _is_less(instead, ended) or not _is_meant(ended, number, ask.destination):
            continue
        before = await kept.of(ask.destination)
        for subscription in instead:
            await kept.remove(subscription.destination, subscription.id)
        for subscription in ended:
            await kept.add(replace(subscription, id=0))
        await note(desk, ask, before)
        return Card(
            title=_("Alerts are back as they were"),
            lines=tuple(
                Line(f"**{s.id}** · {subscription_words(s)}") for s in await kept.of(ask.destination)
            ),
            footer=_("`/alerts` shows all of this chat's · `/threshold` changes how often"),
            buttons=(Button(_("All alerts"), "/alerts"),),
        )
    raise AskError(
        _("There is nothing to bring back. To hear again: `/subscribe weekly`"), "/subscribe weekly"
    )


def _is_less(after: Sequence[Subscription], before: Sequence[Subscription]) -> bool:
    """Was a coin left out that was asked for before?"""
    if any(s.assets is None for s in after):
        return False
    named = {asset for s in after for asset in s.assets or ()}
    return any(s.assets is None or s.assets - named for s in before)


def _is_meant(ended: Sequence[Subscription], number: int | None, here: Destination) -> bool:
    return any(s.id == number or (number is None and s.destination == here) for s in ended)


async def _without(desk: Desk, here: Sequence[Subscription], asset: Asset) -> str:
    """End what names the coin, and keep the other coins that are named with it."""
    named = [s for s in here if s.assets is not None and asset in s.assets]
    if not named:
        text = _("No subscription here names {asset}. One for every coin ends with `/unsubscribe all`")
        raise AskError(text.format(asset=asset), "/unsubscribe all", "/alerts")
    for subscription in named:
        await desk.store.subscriptions.remove(subscription.destination, subscription.id)
        if rest := (subscription.assets or frozenset()) - {asset}:
            await desk.store.subscriptions.add(replace(subscription, id=0, assets=rest))
    return _("No more alerts about {asset} alone").format(asset=asset)


def _left(title: str, left: Sequence[Subscription], back: Button) -> Card:
    still = _("Still on: **{n}** · {words}")
    lines = tuple(Line(still.format(n=s.id, words=subscription_words(s))) for s in left)
    footer = _("`/subscribe weekly` to hear again")
    return Card(title=title, lines=lines, footer=footer, buttons=(back,))


@command("alerts", N_("What this chat gets, and what it got last"), examples=("/alerts",))
async def alerts(desk: Desk, ask: Ask) -> Card:
    here = await desk.store.subscriptions.of(ask.destination)
    if not here:
        return Card(
            title=_("This chat gets no alerts"),
            lines=(Line(_("How often may I speak here? For some coins only: `/subscribe btc weekly`")),),
            buttons=tuple(choice_taps((), "/subscribe")),
        )
    lately = await _told_lately(desk, ask)
    lines = [Line(f"**{s.id}** · {subscription_words(s)} · {_last_told(desk, s, lately)}", 7) for s in here]
    return Card(
        title=_("What this chat gets"),
        lines=(*lines, Line(would_have_told(await desk.past(), here))),
        footer=_("`/subscribe` adds one · `/threshold` changes how often · `/unsubscribe` ends it"),
        buttons=(*(tap for s in here[:MOST_TAPS] for tap in _taps(s)), Button(_("Settings"), "/settings")),
    )


def _taps(subscription: Subscription) -> tuple[Button, Button]:
    number = subscription.id
    edit, end = _("Edit {n}").format(n=number), _("End {n}").format(n=number)
    return Button(edit, f"/threshold #{number}"), Button(end, f"/unsubscribe {number}")


async def _told_lately(desk: Desk, ask: Ask) -> Sequence[tuple[Wave, datetime]]:
    """Waves told in this place and when last, newest first; notices, summaries and drills are none."""
    log = await desk.store.posts.log(desk.clock() - LOG_REACH, LOG_ROWS, ask.destination)
    newest = {line.subject: line.sent for line in reversed(log)}
    found = [(await desk.store.waves.get(subject), sent) for subject, sent in newest.items()]
    return sorted(((wave, at) for wave, at in found if wave), key=lambda told: told[1], reverse=True)


def _last_told(desk: Desk, subscription: Subscription, lately: Sequence[tuple[Wave, datetime]]) -> str:
    """Of this subscription: a wave of a coin it does not name was told for another's sake."""
    for wave, at in lately:
        if wants(subscription, wave):
            return _("last told {at}, `{line}`").format(
                at=moment(desk.here(at), desk.clock()), line=f"/wave {wave.id}"
            )
    return _("nothing told in {time}").format(time=duration(LOG_REACH))
