"""A drill through the real path: /test."""

from __future__ import annotations

from bot.domain.cards import Card, Line
from bot.domain.chats import silent_until
from bot.errors import AskError
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.drill import EACH, LAST_REVISION, drill_subject
from handlers.numbers import duration, moment
from handlers.speech import N_, _, ngettext


@command(
    "test",
    N_("A drill: see that alerts arrive here, and how"),
    examples=("/test",),
    configures=True,
)
async def test(desk: Desk, ask: Ask) -> Card:
    await ask.may_change()
    now = desk.wall()
    chosen = await desk.settings(ask.destination)
    silent = silent_until(chosen, now)
    if silent is not None:
        until = moment(desk.here(silent), now)
        muted = chosen.muted_until is not None and chosen.muted_until > now
        line = "/mute off" if muted else "/quiet off"
        raise AskError(
            _(
                "No drill was sent: it is quiet here until {until}. An alert would be held and summed up "
                "then; a drill would be too old. End the silence with `{line}`, or say `/test` after it"
            ).format(until=until, line=line),
            line,
        )
    await desk.store.posts.want(
        drill_subject(now), [ask.destination], revision=LAST_REVISION, loud=1, size=0.0, now=now
    )
    lines = [
        ngettext(
            "It comes like an alert: sent with a sound, then revised in place {n} time within {time}",
            "It comes like an alert: sent with a sound, then revised in place {n} times within {time}",
            LAST_REVISION - 1,
        ).format(n=LAST_REVISION - 1, time=duration(LAST_REVISION * EACH)),
        _("Every revision says that it is a drill. It counts nowhere"),
    ]
    if not await desk.store.subscriptions.of(ask.destination):
        lines.append(_("**This chat gets no alerts yet.** `/subscribe weekly`"))
    return Card(
        title=_("A drill is on its way"), lines=tuple(Line(line) for line in lines), footer="`/settings`"
    )
