"""One message for the waves that a chat was not told of while they ran."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.domain.cards import Button, Card, Line
from bot.domain.chats import ChatSettings
from bot.domain.waves import Kind, Wave
from handlers.numbers import moment, percent

NAMED = 8
"""So many waves are named, the rarest of them; the rest are counted."""


def summary_card(waves: Sequence[Wave], settings: ChatSettings, now: datetime) -> Card:
    """What the chat was spared, oldest first. ``now`` is the market's time, as ``waves`` count it."""
    count = f"{len(waves)} wave{'' if len(waves) == 1 else 's'}"
    rarest = sorted(waves, key=lambda wave: wave.magnitude.w, reverse=True)[:NAMED]
    lines = [Line(_told(wave, now)) for wave in sorted(rarest, key=lambda wave: (wave.onset, wave.id))]
    if left := len(waves) - len(rarest):
        lines.append(Line(f"and {left} smaller"))
    return Card(
        title=f"{_why(settings)}: {count}",
        lines=tuple(lines),
        footer="All of them are over. `/resets`",
        buttons=(Button("Past resets", "/resets"),),
    )


def _why(settings: ChatSettings) -> str:
    if settings.quiet is not None:
        return f"While you were quiet ({settings.quiet.begin:%H:%M}–{settings.quiet.end:%H:%M})"
    return "While you were muted" if settings.muted_until else "While I could not speak here"


def _told(wave: Wave, now: datetime) -> str:
    kind = "fall, price unknown," if wave.kind is Kind.UNPRICED else str(wave.kind)
    size = f"W {wave.magnitude.w:.1f} at {moment(wave.onset, now)}, {percent(-wave.fall)} of coins"
    return f"{wave.asset} {kind} {size} · `/wave {wave.id}`"
