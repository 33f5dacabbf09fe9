"""Changing what a chat chose: who may, and that it is kept who did what."""

from __future__ import annotations

from bot.domain.chats import ChatSettings, SettingsChange, whole
from handlers.commands.registry import Ask
from handlers.desk import Desk


async def choose(desk: Desk, ask: Ask, settings: ChatSettings, what: str) -> None:
    """Keep ``settings``; ``what`` is the line of ``/settings log``.

    Raises ``AskError`` for a person who may not.
    """
    await ask.may_change()
    await desk.store.chats.choose(settings, _change(desk, ask, what))


async def note(desk: Desk, ask: Ask, what: str) -> None:
    """Keep who changed subscriptions, which are stored elsewhere."""
    await desk.store.chats.note(_change(desk, ask, what))


def _change(desk: Desk, ask: Ask, what: str) -> SettingsChange:
    return SettingsChange(destination=whole(ask.destination), at=desk.wall(), who=ask.who, what=what)
