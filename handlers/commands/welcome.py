"""First contact: /start, alone or with what a link asked for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from bot.domain.cards import Card, Line
from bot.domain.posts import Subscription
from bot.errors import AskError
from handlers.commands.registry import Ask, command
from handlers.commands.subscriptions import add_subscription
from handlers.desk import Desk
from handlers.example import example_picture
from handlers.numbers import many
from handlers.subscription_words import choice_taps, subscription_words
from handlers.wanted import Wanted, read_wanted, says_how_often
from handlers.words import Parameter, read_text

LINK = Parameter("choice", read_text, rest=True)
"""What a deep link carries, such as ``btc-weekly``: Telegram allows letters, digits, ``_`` and ``-``."""


@command("start", "What this is, and how often it may speak", LINK.optional, examples=("/start",))
async def start(desk: Desk, ask: Ask) -> Card:
    wanted, complaint = await _wanted(desk, ask.get(LINK) or "")
    title = "Washout"
    if wanted is not None:
        await ask.may_change()
        title = f"Subscribed: {subscription_words(await add_subscription(desk, ask, wanted))}"
    here = await desk.store.subscriptions.of(ask.destination)
    venues = len({source.venue for source in desk.health.sources()})
    watch = f"I watch open interest on {venues} venues" if venues else "I watch open interest"
    change = f"{ask.who_may} change this" if ask.is_group else "Change it any time: `/settings`"
    everyone = " work for everyone" if ask.is_group else " answer at once"
    return Card(
        title=title,
        lines=(
            Line(
                f"{watch} and speak up when leverage is washed out of a market, "
                "with one message per event that I keep correct until it is over",
                9,
            ),
            Line(complaint or _so_far(here, ask.restored), 8),
            Line(f"{change}. `/oi`, `/resets` and `/chart`{everyone}; `/help` has the rest", 7),
            Line("This is what an alert looks like, told again from 10 October 2025:", 6),
        ),
        buttons=tuple(choice_taps((), "/subscribe")),
        picture=example_picture(),
    )


def _so_far(here: Sequence[Subscription], restored: int) -> str:
    again = f"I am back, and {many(restored, 'subscription')} with me. " if restored else ""
    if not here:
        return f"{again}How often may I speak here?"
    said = "; ".join(subscription_words(s) for s in islice(here, 2))
    more = f" and {len(here) - 2} more" if len(here) > 2 else ""
    return f"{again}**On here**: {said}{more}. A tap changes what I tell of every coin"


async def _wanted(desk: Desk, link: str) -> tuple[Wanted | None, str]:
    """What the link asks for, or why that cannot be. One that asks for nothing we know is only a welcome."""
    text = link.replace("-", " ").replace("_", " ")
    try:
        wanted = read_wanted(text, await desk.known(), "subscribe")
    except AskError as error:
        return None, error.text if says_how_often(text) else ""
    asked = wanted.assets is not None or wanted.threshold is not None
    return (wanted if asked else None), ""
