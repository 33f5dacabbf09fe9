"""From an interaction to its answer. The first is due within 3 seconds, the whole within 15 minutes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiohttp
import discord
from msgspec.structs import replace

from bot.domain.cards import Card, Line
from bot.domain.chats import whole
from bot.domain.posts import Destination
from bot.errors import AskError
from handlers.commands import COMMANDS, Ask, answer
from handlers.desk import Desk
from handlers.discord_face.faults import Reaction, reaction
from handlers.discord_face.pictures import Pictures
from handlers.discord_face.render import PICTURE, Rendered, render
from handlers.discord_face.views import (
    asks_for,
    controls,
    form,
    of_settings,
    picked_role,
    said,
    severities,
    view,
)
from handlers.own_cards import error_card
from handlers.phrases import titled
from handlers.speech import _, speaking
from handlers.zones import zone_typed

log = logging.getLogger(__name__)

PLATFORM = "discord"
DEFER_AFTER_S = 1.5
"""Half of the 3 s in which a first answer is due (Discord developer documentation, "Interactions")."""
MOST_UPLOAD = 20 * 1024 * 1024
ACKNOWLEDGED = 40060
SHOW_ALERTS = ("start", "alerts")
"""Beside the commands that change something: said where the bot may write, what was put aside goes on."""
NEEDED = discord.Permissions(view_channel=True, send_messages=True, embed_links=True, attach_files=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """A card with its picture drawn, ready to be shown anywhere on Discord."""

    card: Card
    rendered: Rendered
    png: bytes | None
    view: discord.ui.View | None

    def parts(self) -> dict[str, Any]:
        """Arguments that every way of showing a message takes. A file can be read only once: ask anew."""
        return {"embed": self.rendered.embed, "view": self.view}

    def files(self) -> list[discord.File]:
        files = [picture_file(self.png, self.rendered.alt)] if self.png is not None else []
        if attached := self.card.attachment:
            files.append(discord.File(BytesIO(attached.body), filename=attached.name))
        return files


def picture_file(png: bytes, alt: str) -> discord.File:
    return discord.File(BytesIO(png), filename=PICTURE, description=alt)


async def prepared(card: Card, pictures: Pictures, *, settings: bool = False, roles: bool = False) -> Reply:
    """Everything but the sending. A picture that cannot be drawn is left out: its words are in the card."""
    with speaking(card.language):
        return await _prepared(card, pictures, settings=settings, roles=roles)


async def _prepared(card: Card, pictures: Pictures, *, settings: bool, roles: bool) -> Reply:
    under = controls(card, settings=settings, roles=roles)
    lines = (Line(titled(button.label, f"`{button.command}`"), 6) for button in under.crowded)
    card = replace(card, lines=(*card.lines, *lines))
    png = await pictures.drawn(card.picture.chart) if card.picture else None
    if png is None or len(png) > MOST_UPLOAD:
        card, png = replace(card, picture=None), None
    return Reply(card, render(card), png, view(under))


def place_of(interaction: discord.Interaction[Any]) -> Destination:
    """The channel, and the thread in it where it is one."""
    channel = interaction.channel
    if isinstance(channel, discord.Thread) and channel.parent_id:
        return Destination(PLATFORM, str(channel.parent_id), str(channel.id))
    return Destination(PLATFORM, str(interaction.channel_id))


def language_of(interaction: discord.Interaction[Any]) -> str:
    """Discord's code: the server's own, in direct messages the person's."""
    return str(interaction.guild_locale or interaction.locale)


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers interactions from ``desk``. ``defer_after_s`` is how long the first answer may take."""

    desk: Desk
    pictures: Pictures
    defer_after_s: float = DEFER_AFTER_S

    async def typed(self, interaction: discord.Interaction[Any], text: str) -> None:
        """A slash command."""
        work = self._answered(interaction, text)
        await self._answer(interaction, text, work, private=_for_one(text), replaces=False)

    async def used(self, interaction: discord.Interaction[Any]) -> None:
        """A button, a select or a form. In a message only its presser sees, the answer takes its place."""
        data: Any = interaction.data or {}
        if interaction.type is discord.InteractionType.component and (wanted := asks_for(data)):
            here = await self.desk.store.chats.settings(whole(place_of(interaction)))
            with unanswered("a form"), speaking(here.language or language_of(interaction)):
                await interaction.response.send_modal(form(wanted, {"zone": zone_typed(here.zone)}))
            return
        message = interaction.message
        own = message is not None and message.flags.ephemeral
        if role := picked_role(data):
            work = self._severities(interaction, role)
            await self._answer(interaction, "a role", work, private=True, replaces=own)
        elif text := said(data):
            work = self._answered(interaction, text)
            await self._answer(interaction, text, work, private=True, replaces=own)

    async def apologise(self, interaction: discord.Interaction[Any]) -> None:
        """After a fault of ours, which is in the log."""
        with speaking(language_of(interaction)):
            sorry = error_card(AskError(_("That went wrong on my side, and is noted. Please try again.")))
            reply = await prepared(self.desk.sign(sorry), self.pictures)
        with unanswered("an apology"):
            await _show(interaction, reply, private=True, replaces=False)

    async def _answer(
        self,
        interaction: discord.Interaction[Any],
        what: str,
        reply_of: Coroutine[Any, Any, Reply],
        *,
        private: bool,
        replaces: bool,
    ) -> None:
        work = asyncio.ensure_future(reply_of)
        try:
            done, _ = await asyncio.wait({work}, timeout=self.defer_after_s)
            with unanswered(what):
                if not done:
                    await _defer(interaction, private=private, replaces=replaces)
                reply = await work
                await _show(interaction, reply, private=private or reply.card.private, replaces=replaces)
        finally:
            work.cancel()

    async def _severities(self, interaction: discord.Interaction[Any], role: str) -> Reply:
        with speaking(await self._language(interaction)):
            return await prepared(self.desk.sign(severities(role)), self.pictures)

    async def _language(self, interaction: discord.Interaction[Any]) -> str:
        here = await self.desk.store.chats.settings(whole(place_of(interaction)))
        return here.language or language_of(interaction)

    async def _answered(self, interaction: discord.Interaction[Any], text: str) -> Reply:
        with speaking(await self._language(interaction)):
            return await self._spoken(interaction, text)

    async def _spoken(self, interaction: discord.Interaction[Any], text: str) -> Reply:
        place = place_of(interaction)
        if _configures(text) and not _is_member(interaction):
            card = self.desk.sign(
                replace(
                    error_card(
                        AskError(
                            _(
                                "I am not a member here, so I could not post alerts. Add me to this server, "
                                "or subscribe in a direct message with me."
                            )
                        )
                    ),
                    private=True,
                )
            )
            return await prepared(card, self.pictures)
        alerts = _about_alerts(text) and _is_member(interaction)
        lacking = _lacking(interaction)
        if alerts and not lacking:
            await self.desk.store.chats.back(whole(place), self.desk.wall())
        card = await answer(self.desk, self._ask(interaction, place), text)
        if alerts and lacking:
            needs = _("**No alert can come here before I have: {permissions}**")
            card = replace(card, lines=(*card.lines, Line(needs.format(permissions=lacking), 9)))
        in_server = interaction.guild_id is not None
        return await prepared(card, self.pictures, settings=of_settings(card), roles=in_server)

    def _ask(self, interaction: discord.Interaction[Any], place: Destination) -> Ask:
        async def may_configure() -> bool:
            return await self._may_configure(interaction, place)

        me = interaction.client.user
        return Ask(
            destination=place,
            person=str(interaction.user.id),
            person_name=interaction.user.display_name,
            may_configure=may_configure,
            is_group=interaction.guild_id is not None,
            private_chat=f"https://discord.com/users/{me.id}" if me else "",
            language=language_of(interaction),
        )

    async def _may_configure(self, interaction: discord.Interaction[Any], place: Destination) -> bool:
        """Manage Server, or the role this chat has named. In a direct message: whoever is there."""
        if interaction.guild_id is None:
            return True
        theirs = interaction.permissions
        if theirs.manage_guild or theirs.administrator:
            return True
        role = (await self.desk.store.chats.settings(whole(place))).manager_role
        user = interaction.user
        return role.isdigit() and isinstance(user, discord.Member) and user.get_role(int(role)) is not None


def _command(text: str) -> str:
    return text.split()[0].removeprefix("/").lower() if text.split() else ""


def _configures(text: str) -> bool:
    command = COMMANDS.get(_command(text))
    return command is not None and command.configures


def _for_one(text: str) -> bool:
    command = COMMANDS.get(_command(text))
    return command is not None and (command.configures or command.discreet)


def _about_alerts(text: str) -> bool:
    return _configures(text) or _command(text) in SHOW_ALERTS


def _is_member(interaction: discord.Interaction[Any]) -> bool:
    """Whether the bot itself is where it is asked; one who installed it for himself can ask anywhere."""
    if interaction.guild_id is None:
        return not interaction.context.private_channel
    known = interaction.client.get_guild(interaction.guild_id)
    return known is not None or interaction.is_guild_integration()


def _lacking(interaction: discord.Interaction[Any]) -> str:
    """What the bot may not do here and would have to, in the words of Discord's settings."""
    if interaction.guild_id is None or interaction.app_permissions.administrator:
        return ""
    needed = NEEDED
    if isinstance(interaction.channel, discord.Thread):
        needed = discord.Permissions(NEEDED.value, send_messages=False, send_messages_in_threads=True)
    lacking = discord.Permissions(needed.value & ~interaction.app_permissions.value)
    return ", ".join(name.replace("_", " ").title() for name, missing in lacking if missing)


async def _defer(interaction: discord.Interaction[Any], *, private: bool, replaces: bool) -> None:
    """Say that it takes longer. Whether all may see the answer is decided here already."""
    try:
        if replaces:
            await interaction.response.defer()
        else:
            await interaction.response.defer(ephemeral=private, thinking=True)
    except discord.HTTPException as fault:
        if fault.code != ACKNOWLEDGED:  # a repeated request of ours had arrived the first time
            raise


async def _show(
    interaction: discord.Interaction[Any], reply: Reply, *, private: bool, replaces: bool
) -> None:
    async def edit() -> None:
        await interaction.edit_original_response(**reply.parts(), attachments=reply.files())

    if interaction.response.is_done():
        await edit()
        return
    try:
        await _first(interaction, reply, private=private, replaces=replaces)
    except discord.HTTPException as fault:
        if fault.code != ACKNOWLEDGED:
            raise
        await edit()


async def _first(
    interaction: discord.Interaction[Any], reply: Reply, *, private: bool, replaces: bool
) -> None:
    if replaces:
        await interaction.response.edit_message(**reply.parts(), attachments=reply.files())
        return
    more: dict[str, Any] = {"files": reply.files()} if reply.files() else {}
    shown = {name: part for name, part in reply.parts().items() if part is not None}
    await interaction.response.send_message(**shown, **more, ephemeral=private)


class unanswered:  # noqa: N801 - reads as a statement
    """What Discord refuses of an answer is logged: the person sees that nothing came, and asks again."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> bool:
        if isinstance(fault, discord.HTTPException):
            expected = reaction(fault.status, fault.code) is Reaction.UNANSWERED
            log.log(
                logging.INFO if expected else logging.WARNING,
                "no answer to %s: Discord answered %s, code %s",
                self._what.split()[0] if self._what.startswith("/") else self._what,
                fault.status,
                fault.code,
                extra={"event": "discord.unanswered"},
            )
            return True
        if isinstance(fault, aiohttp.ClientError | OSError | TimeoutError):
            log.warning(
                "no answer: Discord was not reached (%s)",
                type(fault).__name__,
                extra={"event": "discord.unanswered"},
            )
            return True
        return False
