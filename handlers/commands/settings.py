"""Everything this chat chose, with a button for each choice: /settings and /ping."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from bot.domain.cards import Button, Card, Line, plain
from bot.domain.chats import ChatSettings, RolePing
from bot.domain.posts import Measure, Subscription
from bot.errors import AskError
from handlers.commands.changes import change_words, choose
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.later_cards import digest_words
from handlers.numbers import moment
from handlers.phrases import titled
from handlers.quiet_words import EXAMPLE, clock_words, is_muted, mute_words, quiet_words
from handlers.speech import LANGUAGES, N_, _, ngettext, spoken
from handlers.subscription_words import (
    choice_taps,
    followed_words,
    group_tap,
    pings_words,
    subscription_words,
)
from handlers.wanted import read_wanted
from handlers.words import Parameter, read_text

WHAT = Parameter("log|managers", read_text, rest=True)
ROLE = Parameter("role", read_text)
FROM = Parameter("how often|off", read_text, rest=True)
LOG_ROWS = 10
MOST_PINGS = 5
_ROLE = re.compile(r"<@&([0-9]{1,20})>|([0-9]{1,20})")
HAS_ROLES = "discord"
"""The one platform with roles; their ids are numbers, their mentions ``<@&…>`` (Discord, "Formatting")."""


@command(
    "settings",
    N_("Everything of this chat, each with a button"),
    WHAT.optional,
    examples=("/settings", "/settings log"),
    configures=True,
)
async def settings(desk: Desk, ask: Ask) -> Card:
    text = (ask.get(WHAT) or "").lower()
    if not text:
        return await settings_card(desk, ask)
    what, _space, choice = text.partition(" ")
    if what == "log":
        return await _log(desk, ask)
    if what == "managers" and choice:
        return await _managers(desk, ask, choice)
    unknown = _('I know no setting "{text}". All of them: `/settings`')
    raise AskError(unknown.format(text=plain(text[:24])), "/settings")


async def settings_card(desk: Desk, ask: Ask, title: str = "") -> Card:
    """All of it, as it is now."""
    chosen, here = await desk.settings(ask.destination), await desk.store.subscriptions.of(ask.destination)
    now = desk.wall()
    alerts = [_("**Alerts** {n}: {words}").format(n=s.id, words=subscription_words(s)) for s in here]
    lines = [
        _("**Quiet hours**: {hours}").format(hours=quiet_words(chosen)),
        _("**Muted**: {until}").format(until=mute_words(chosen, now)),
        _("**Clock**: {clock}").format(clock=clock_words(chosen, now)),
        _("**Follow-ups**: {times}").format(times=followed_words(chosen)),
        _("**Digest**: {when}").format(when=digest_words(chosen.digest)),
        _("**Language**: {language}").format(language=LANGUAGES[spoken()]),
    ]
    if ask.destination.platform == HAS_ROLES:
        pings = _("**Role pings**: {pings}")
        if chosen.manager_role:
            pings = _("**Role pings**: {pings}; {role} may change this too")
        lines.append(pings.format(pings=pings_words(chosen), role=f"<@&{chosen.manager_role}>"))
    line = "/threshold" if here else "/subscribe"  # where there are several subscriptions it changes all
    return Card(
        title=title or _("What this chat chose"),
        lines=(
            *(Line(text, 7) for text in alerts or [_("**Alerts**: none")]),
            *(Line(text) for text in lines),
        ),
        footer=_("`/settings log` says who changed what · `/alerts` · `/timezone` · `/test`"),
        buttons=(*choice_taps(here, line, shortly=True), *_silence(desk, chosen), *_more(here, chosen)),
    )


def _silence(desk: Desk, chosen: ChatSettings) -> tuple[Button, ...]:
    muted = is_muted(chosen, desk.wall())
    mute = Button(_("Unmute"), "/mute off") if muted else Button(_("Mute 4 h"), "/mute 4h")
    if chosen.quiet is None:
        return (Button(_("Quiet 23:00–07:00"), EXAMPLE), mute)
    through = (_("Hold every wave"), "off") if chosen.break_through else (_("Let W ≥ 3.9 through"), "on")
    return (
        Button(_("No quiet hours"), "/quiet off"),
        Button(through[0], f"/quiet breakthrough {through[1]}"),
        mute,
    )


def _more(here: Sequence[Subscription], chosen: ChatSettings) -> tuple[Button, ...]:
    buttons = [
        Button(_("Clock"), "/timezone"),
        Button(_("Language"), "/language"),
        Button(_("Digest"), "/digest"),
    ]
    if here:
        buttons += [
            group_tap(here),
            Button(_("Edit alerts"), "/alerts"),
            Button(_("Follow-ups"), "/followups"),
            Button(_("Drill"), "/test"),
            Button(_("End all alerts"), "/unsubscribe all"),
        ]
    for number, ping in enumerate(chosen.pings, 1):
        buttons.append(Button(_("End ping {n}").format(n=number), f"/ping {ping.role} off"))
    return tuple(buttons)


async def _log(desk: Desk, ask: Ask) -> Card:
    """English chosen where it was spoken anyway is no change that anybody could read."""
    changes = await desk.store.chats.changes(ask.destination, LOG_ROWS)
    now, somebody = desk.wall(), _("somebody")
    told = [(change, words) for change in changes if (words := change_words(change))]
    lines = [
        Line(f"{moment(desk.here(change.at), now)} · {titled(plain(change.who) or somebody, plain(words))}")
        for change, words in told
    ]
    return Card(
        title=_("Who changed what here, newest first") if told else _("Nobody has changed anything here yet"),
        lines=tuple(lines),
        footer="`/settings`",
        buttons=(Button(_("All settings"), "/settings"),),
    )


async def _managers(desk: Desk, ask: Ask, choice: str) -> Card:
    _needs_roles(ask)
    role = "" if choice == "off" else _role(choice)
    chosen = replace(await desk.settings(ask.destination), manager_role=role)
    await choose(desk, ask, chosen)
    if role:
        title = _("They and those with Manage Server change settings now")
    else:
        title = _("Only those with Manage Server change settings now")
    return await settings_card(desk, ask, title)


@command(
    "ping",
    N_("Which role is pinged, from which size on (Discord)"),
    ROLE.optional,
    FROM.optional,
    examples=("/ping 4242 monthly", "/ping 4242 W 3.5", "/ping 4242 off"),
    configures=True,
)
async def ping(desk: Desk, ask: Ask) -> Card:
    _needs_roles(ask)
    chosen = await desk.settings(ask.destination)
    text = ask.get(ROLE)
    if text is None:
        return Card(
            title=_("Roles that are pinged"),
            lines=(Line(pings_words(chosen)),),
            footer=_("`/ping` with a role and how often, such as `monthly`, `W 3.5` or `off`"),
            buttons=tuple(
                Button(_("End {role}").format(role=p.role), f"/ping {p.role} off") for p in chosen.pings
            ),
        )
    role, wanted = _role(text), (ask.get(FROM) or "monthly").lower()
    others = tuple(p for p in chosen.pings if p.role != role)
    if wanted == "off":
        after = replace(chosen, pings=others)
    else:
        from_w = await _from_w(desk, wanted, role)
        if len(others) >= MOST_PINGS:
            raise AskError(
                ngettext(
                    "No more than {n} role is pinged. End one first: `/settings`",
                    "No more than {n} roles are pinged. End one first: `/settings`",
                    MOST_PINGS,
                ).format(n=MOST_PINGS),
                "/settings",
            )
        after = replace(chosen, pings=(*others, RolePing(role, from_w)))
    await choose(desk, ask, after)
    return await settings_card(desk, ask, _("Role pings are changed"))


def _needs_roles(ask: Ask) -> None:
    if ask.destination.platform != HAS_ROLES:
        raise AskError(
            _("There are no roles here. They are for Discord; `/settings` has the rest"), "/settings"
        )


def _role(text: str) -> str:
    found = _ROLE.fullmatch(text.strip())
    if not found:
        unknown = _('"{text}" is no role. Pick one, or give its number: `/ping 4242 monthly`')
        raise AskError(unknown.format(text=plain(text[:24])))
    return found[1] or found[2]


async def _from_w(desk: Desk, text: str, role: str) -> float:
    with suppress(AskError):
        threshold = read_wanted(text, await desk.known(), "ping").threshold
        if threshold is not None and threshold.measure is Measure.W:
            return threshold.value
    line = f"/ping {role} monthly"
    text = _("Pings go by how often or by W: `{line}`, `{other}`")
    raise AskError(text.format(line=line, other=f"/ping {role} W 3.5"), line)
