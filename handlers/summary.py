"""One message for the waves that a chat was not told of while they ran."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.domain.cards import Button, Card, Line
from bot.domain.chats import ChatSettings
from bot.domain.waves import Kind, Wave
from handlers.numbers import moment, number, percent
from handlers.phrases import titled
from handlers.phrases import waves as waves_words
from handlers.speech import N_, _, ngettext

KINDS = {
    Kind.FLUSH: N_("{asset} flush W {w} at {at}, {share} of coins"),
    Kind.SQUEEZE: N_("{asset} squeeze W {w} at {at}, {share} of coins"),
    Kind.UNWIND: N_("{asset} unwind W {w} at {at}, {share} of coins"),
    Kind.UNPRICED: N_("{asset} fall, price unknown, W {w} at {at}, {share} of coins"),
}
NAMED = 8
"""So many waves are named, the rarest of them; the rest are counted."""


def summary_card(waves: Sequence[Wave], settings: ChatSettings, now: datetime) -> Card:
    """What the chat was spared, oldest first. ``now`` is the market's time, as ``waves`` count it."""
    rarest = sorted(waves, key=lambda wave: wave.magnitude.w, reverse=True)[:NAMED]
    lines = [Line(_told(wave, now)) for wave in sorted(rarest, key=lambda wave: (wave.onset, wave.id))]
    if left := len(waves) - len(rarest):
        lines.append(Line(ngettext("and {n} smaller", "and {n} smaller", left).format(n=number(left))))
    return Card(
        title=titled(_why(settings), waves_words(len(waves))),
        lines=tuple(lines),
        footer=_("All of them are over. `/resets`"),
        buttons=(Button(_("Past resets"), "/resets"),),
    )


def _why(settings: ChatSettings) -> str:
    if settings.quiet is not None:
        hours = f"{settings.quiet.begin:%H:%M}–{settings.quiet.end:%H:%M}"
        return _("While you were quiet ({hours})").format(hours=hours)
    return _("While you were muted") if settings.muted_until else _("While I could not speak here")


def _told(wave: Wave, now: datetime) -> str:
    told = _(KINDS[wave.kind]).format(
        asset=wave.asset,
        w=number(wave.magnitude.w, 1),
        at=moment(wave.onset, now),
        share=percent(-wave.fall),
    )
    return f"{told} · `/wave {wave.id}`"
