"""Changing what a chat chose: who may, and that it is kept who changed what, from what to what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec.structs import replace

from bot.domain.chats import Changed, ChatSettings, SettingsChange, next_digest, whole
from bot.domain.posts import Subscription
from handlers.commands.registry import Ask
from handlers.desk import Desk
from handlers.later_cards import digest_words
from handlers.phrases import semicolons
from handlers.quiet_words import hours_words, mute_words
from handlers.speech import ENGLISH, LANGUAGES, _
from handlers.subscription_words import (
    coins_words,
    followed_words,
    pings_words,
    subscription_words,
    terms_words,
)
from handlers.zones import zone_words


async def choose(desk: Desk, ask: Ask, after: ChatSettings) -> ChatSettings:
    """Keep ``after``, with a line of ``/settings log`` where it is something else than before.

    Returns what is kept, with when the next digest is due. Raises ``AskError`` for a person who may not.
    """
    await ask.may_change()
    before, wall = await desk.settings(ask.destination), desk.wall()
    if (after.digest, after.zone) != (before.digest, before.zone):
        after = replace(after, digest_due=next_digest(after, wall))
    if after != before:
        await desk.store.chats.choose(after, _change(desk, ask, Changed(settings=(before, after))))
    return after


async def note(desk: Desk, ask: Ask, before: Sequence[Subscription]) -> None:
    """Keep who changed subscriptions; ``before`` is what there was, what there is stands in the store."""
    after = await desk.store.subscriptions.of(ask.destination)
    changed = Changed(alerts=(_apart(before, after), _apart(after, before)))
    if any(changed.alerts or ()):
        await desk.store.chats.note(_change(desk, ask, changed))


def _apart(these: Sequence[Subscription], others: Sequence[Subscription]) -> tuple[Subscription, ...]:
    """Those that are otherwise, or not at all, among the others."""
    wishes = {(other.id, other.wish) for other in others}
    return tuple(each for each in these if (each.id, each.wish) not in wishes)


def change_words(change: SettingsChange) -> str:
    """What was changed, in the language spoken, by the clock the chat had then."""
    changed = change.changed
    if changed is None:
        return change.what
    moved: list[str] = []
    if changed.settings is not None:
        was, is_now = (_choices(chosen, change.at) for chosen in changed.settings)
        pairs = zip(was, is_now, strict=True)
        moved += [f"{name} {old} → {new}" for (name, old), (_same, new) in pairs if old != new]
    if changed.alerts is not None:
        before, after = ({s.id: s for s in subscriptions} for subscriptions in changed.alerts)
        moved += _moved(before, after)
    return semicolons(moved)


def _choices(chosen: ChatSettings, wall: datetime) -> Sequence[tuple[str, str]]:
    """The names of all that may be chosen, each with what is, in the language spoken."""
    through = _("let through") if chosen.break_through else _("held")
    managers = f"<@&{chosen.manager_role}>" if chosen.manager_role else _("Manage Server only")
    return (
        (_("quiet hours"), hours_words(chosen.quiet) if chosen.quiet else _("none")),
        (_("waves of W 3.9 and more in quiet hours"), through),
        (_("mute"), mute_words(chosen, wall)),
        (_("clock"), zone_words(chosen.zone, wall)),
        (_("language"), LANGUAGES[chosen.language or ENGLISH]),
        (_("follow-ups"), followed_words(chosen)),
        (_("digest"), digest_words(chosen.digest)),
        (_("role pings"), pings_words(chosen)),
        (_("managers"), managers),
    )


def _moved(before: dict[int, Subscription], after: dict[int, Subscription]) -> Iterable[str]:
    """Ended, changed and new ones, in order of their numbers."""
    for number in sorted(before.keys() | after.keys()):
        old, new = before.get(number), after.get(number)
        if new is None and old is not None:
            yield _("alerts {n} ended: {words}").format(n=number, words=subscription_words(old))
        elif old is None and new is not None:
            yield _("alerts {n} on: {words}").format(n=number, words=subscription_words(new))
        elif old and new and old.wish != new.wish:
            yield _("alerts {n}, {coins}: {before} → {after}").format(
                n=number, coins=coins_words(new.assets), before=terms_words(old), after=terms_words(new)
            )


def _change(desk: Desk, ask: Ask, changed: Changed) -> SettingsChange:
    return SettingsChange(
        destination=whole(ask.destination), at=desk.wall(), who=ask.who, what=changed.written()
    )
