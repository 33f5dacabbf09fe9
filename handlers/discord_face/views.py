"""Buttons, selects and forms. Each says a command as whoever uses it; the command is its ``custom_id``.

So a button goes on working after a restart and for as long as its message exists: nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import discord

from bot.domain.cards import Button, Card, Line
from handlers.discord_face.render import cut, unmarked
from handlers.phrases import clauses
from handlers.speech import N_, _
from handlers.subscription_words import CHOICES

# Discord developer documentation, "Component reference".
MOST_ID = 100
MOST_LABEL = 80
MOST_PLACEHOLDER = 100
MOST_TITLE = 45
"""Of a form, and of a field in it."""
MOST_BUTTONS = 15
"""Three rows of five; the two rows left are for selects."""
MOST_CHOICES = 25
FORM = "form:"
SAY = "say:"


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    example: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """Asks for the words of a command; ``says`` puts them in their places."""

    title: str
    fields: tuple[Field, ...]
    says: str

    def text(self, words: Mapping[str, str]) -> str:
        """The command with what was written; what was left empty is nothing."""
        filled = {field.name: " ".join(words.get(field.name, "").split()) for field in self.fields}
        return " ".join(self.says.format(**filled).split())


HOW_MUCH = (Field("much", N_("How often or how large"), "3/week, W 2.9, 5% 1h, $800m"),)
FORMS = {
    "/quiet": Form(
        N_("Quiet hours"),
        (
            Field("begin", N_("From"), "23:00"),
            Field("end", N_("Until"), "07:00"),
            Field("zone", N_("Time zone"), "Europe/Berlin", required=False),
        ),
        "/quiet {begin}-{end} {zone}",
    ),
    "/threshold": Form(N_("From which size on"), HOW_MUCH, "/threshold {much}"),
    "/subscribe": Form(N_("From which size on"), HOW_MUCH, "/subscribe {much}"),
}
"""A button that says exactly one of these opens its form instead."""

CHOSEN = "✓ "
"""Stands before the choice that is in force."""
HOW_OFTEN = {f"{line} {choice.word}" for line in ("/threshold", "/subscribe") for choice in CHOICES}
"""On the card of ``/settings`` the choices of how often are one select."""
ROLE = "role:"
PING = "/ping"
CLOCK = "/timezone"
"""Without a city it is a button of the card of ``/settings`` and of no other."""


def of_settings(card: Card) -> bool:
    """Whether it shows all that a chat chose, whichever command brought it up."""
    return any(button.command == CLOCK for button in card.buttons)


def fits(button: Button) -> bool:
    return len(button.command) <= MOST_ID - len(FORM) and bool(unmarked(button.label))


class Controls(NamedTuple):
    """What stands under a card; ``crowded`` are buttons that Discord has no room for, shown as text."""

    buttons: list[Button]
    choices: list[Button]
    crowded: list[Button]
    roles: bool = False


def controls(card: Card, *, settings: bool = False, roles: bool = False) -> Controls:
    """``settings`` adds forms and selects; ``roles``: there are some to be pinged."""
    different = list({button.command: button for button in reversed(card.buttons)}.values())[::-1]
    choices = [b for b in different if settings and fits(b) and b.command in HOW_OFTEN]
    choices = choices[:MOST_CHOICES]
    rest = [button for button in different if button not in choices]
    forms: list[Button] = []
    if settings:
        often = choices[0].command.partition(" ")[0] if choices else "/subscribe"
        forms = [Button(_("Quiet hours…"), "/quiet"), Button(_("Other size…"), often)]
    fitting = [button for button in rest if fits(button)][: MOST_BUTTONS - len(forms)]
    crowded = [button for button in rest if button not in fitting]
    return Controls([*fitting, *forms], choices, crowded, settings and roles)


def view(under: Controls) -> discord.ui.View | None:
    """Never times out, and the library need not remember it: presses arrive by their ``custom_id``."""
    if not under.buttons and not under.choices:
        return None
    made = discord.ui.View(timeout=None)
    for button in under.buttons:
        kind = FORM if button.command in FORMS else SAY
        label = cut(unmarked(button.label), MOST_LABEL)
        made.add_item(discord.ui.Button(label=label, custom_id=kind + button.command))
    if under.choices:
        options = [
            discord.SelectOption(
                label=cut(unmarked(choice.label.removeprefix(CHOSEN)), MOST_LABEL),
                value=choice.command,
                default=choice.label.startswith(CHOSEN),
            )
            for choice in under.choices
        ]
        placeholder = cut(_("How often may I speak here?"), MOST_PLACEHOLDER)
        made.add_item(discord.ui.Select(custom_id=SAY, placeholder=placeholder, options=options))
    if under.roles:
        placeholder = cut(_("Ping a role…"), MOST_PLACEHOLDER)
        made.add_item(discord.ui.RoleSelect(custom_id=ROLE + PING, placeholder=placeholder))
    made.stop()
    return made


def form(command: str, filled: Mapping[str, str]) -> discord.ui.Modal:
    """``filled`` is what stands in its fields at first."""
    asked = FORMS[command]
    modal = discord.ui.Modal(title=cut(_(asked.title), MOST_TITLE), custom_id=FORM + command)
    for field in asked.fields:
        modal.add_item(
            discord.ui.TextInput(
                label=cut(_(field.label), MOST_TITLE),
                custom_id=field.name,
                placeholder=field.example,
                default=filled.get(field.name) or None,
                required=field.required,
                max_length=MOST_ID,
            )
        )
    modal.stop()
    return modal


def said(data: Mapping[str, Any]) -> str:
    """The command that a press, a choice or a form stands for; empty where it is none of ours."""
    custom_id = str(data.get("custom_id", ""))
    if custom_id.startswith(FORM) and "components" in data:
        command = custom_id.removeprefix(FORM)
        written = {str(c["custom_id"]): str(c.get("value") or "") for c in _inputs(data["components"])}
        return FORMS[command].text(written) if command in FORMS else ""
    if custom_id == SAY:
        return str(next(iter(data.get("values") or ()), ""))
    return custom_id.removeprefix(SAY) if custom_id.startswith(SAY) else ""


def picked_role(data: Mapping[str, Any]) -> str:
    """The role that was picked to be pinged; empty where it was none."""
    if data.get("custom_id") != ROLE + PING or not data.get("values"):
        return ""
    return str(data["values"][0])


def severities(role: str) -> Card:
    """From which size on a role is to be pinged, each a button."""
    sizes = (
        Button(clauses(_(choice.label), _(choice.often)), f"{PING} {role} {choice.word}")
        for choice in CHOICES
    )
    mentioned = _("{role} is mentioned beside each alert at least that large, never with a revision")
    return Card(
        title=_("From which size on is this role pinged?"),
        lines=(
            Line(mentioned.format(role=f"<@&{role}>"), 9),
            Line(_("Any other size: `/ping` with the role and `3/week` or `W 3.5`")),
        ),
        buttons=(*sizes, Button(_("Never"), f"{PING} {role} off"), Button(_("All settings"), "/settings")),
        private=True,
    )


def asks_for(data: Mapping[str, Any]) -> str:
    """The form that a press wants to see; empty where it wants none."""
    command = str(data.get("custom_id", "")).removeprefix(FORM)
    return command if command in FORMS and data.get("custom_id") == FORM + command else ""


def _inputs(components: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Text inputs, whether they stand in rows or behind labels."""
    for component in components:
        if "value" in component:
            yield component
        inner = component.get("components") or ([component["component"]] if "component" in component else [])
        yield from _inputs(inner)
