"""First contact: /start, alone or with what a link asked for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from bot.domain.cards import Card, Line
from bot.domain.market import Group
from bot.domain.posts import Subscription
from bot.errors import AskError
from handlers.commands.registry import Ask, command
from handlers.commands.subscriptions import add_subscription
from handlers.desk import Desk
from handlers.example import example_picture
from handlers.phrases import semicolons
from handlers.phrases import subscriptions as subscriptions_words
from handlers.speech import N_, _, ngettext
from handlers.subscription_words import choice_taps, subscription_words
from handlers.wanted import Wanted, read_wanted, says_how_often
from handlers.words import Parameter, read_text

LINK = Parameter("choice", read_text, rest=True)
"""What a deep link carries, such as ``btc-weekly``: Telegram allows letters, digits, ``_`` and ``-``."""


@command("start", N_("What this is, and how often it may speak"), LINK.optional, examples=("/start",))
async def start(desk: Desk, ask: Ask) -> Card:
    wanted, complaint = await _wanted(desk, ask.get(LINK) or "")
    title = "Washout"
    if wanted is not None:
        await ask.may_change()
        words = subscription_words(await add_subscription(desk, ask, wanted))
        title = _("Subscribed: {words}").format(words=words)
    here = await desk.store.subscriptions.of(ask.destination)
    sources = desk.health.sources()
    venues = len({source.venue for source in sources if source.group is not Group.REPORT})
    watch = _(
        "I watch open interest and speak up when leverage is washed out of a market, "
        "with one message per event that I keep correct until it is over"
    )
    if venues:
        watch = ngettext(
            "I watch open interest on {n} venue and speak up when leverage is washed out of a market, "
            "with one message per event that I keep correct until it is over",
            "I watch open interest on {n} venues and speak up when leverage is washed out of a market, "
            "with one message per event that I keep correct until it is over",
            venues,
        ).format(n=venues)
    return Card(
        title=title,
        lines=(
            Line(watch, 9),
            Line(complaint or _so_far(here, ask.restored), 8),
            Line(_who_changes(ask), 7),
            Line(_("This is what an alert looks like, told again from 10 October 2025:"), 6),
        ),
        buttons=tuple(choice_taps((), "/subscribe")),
        picture=example_picture(),
    )


def _who_changes(ask: Ask) -> str:
    if not ask.is_group:
        return _(
            "Change it any time: `/settings`. `/oi`, `/resets` and `/chart` answer at once; "
            "`/help` has the rest"
        )
    if ask.is_managed:
        return _(
            "Only those with the permission Manage Server change this. "
            "`/oi`, `/resets` and `/chart` work for everyone; `/help` has the rest"
        )
    return _(
        "Only administrators change this. "
        "`/oi`, `/resets` and `/chart` work for everyone; `/help` has the rest"
    )


def _so_far(here: Sequence[Subscription], restored: int) -> str:
    again = ""
    if restored:
        count = subscriptions_words(restored)
        again = _("I am back, and {subscriptions} with me.").format(subscriptions=count) + " "
    if not here:
        return again + _("How often may I speak here?")
    said = semicolons(subscription_words(s) for s in islice(here, 2))
    if (left := len(here) - 2) > 0:
        said = ngettext("{words} and {n} more", "{words} and {n} more", left).format(words=said, n=left)
    on_here = _("**On here**: {words}. A tap changes what I tell of every coin")
    return again + on_here.format(words=said)


async def _wanted(desk: Desk, link: str) -> tuple[Wanted | None, str]:
    """What the link asks for, or why that cannot be. One that asks for nothing we know is only a welcome."""
    text = link.replace("-", " ").replace("_", " ")
    try:
        wanted = read_wanted(text, await desk.known(), "subscribe")
    except AskError as error:
        return None, error.text if says_how_often(text) else ""
    asked = wanted.assets is not None or wanted.threshold is not None
    return (wanted if asked else None), ""
