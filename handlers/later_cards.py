"""Follow-ups and digests as cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from bot.domain.assets import Asset
from bot.domain.cards import Button, Card, Line, Table
from bot.domain.chats import Digest
from bot.domain.waves import Kind, Outcome, Wave
from handlers.hindsight import Alike
from handlers.numbers import day, duration, moment, number, percent, tight, weekday
from handlers.past_cards import NOT_KNOWN, compared, outcome_words
from handlers.phrases import capital
from handlers.speech import N_, _, ngettext

KINDS = {
    Kind.FLUSH: N_("{time} after the {coin} long flush of {day} (W {w})"),
    Kind.SQUEEZE: N_("{time} after the {coin} short squeeze of {day} (W {w})"),
    Kind.UNWIND: N_("{time} after the {coin} unwind of {day} (W {w})"),
    Kind.UNPRICED: N_("{time} after the {coin} fall of open interest of {day} (W {w})"),
}
TOLD = {
    Kind.FLUSH: N_("{coin} flush W {w} at {at}, {move} of coins"),
    Kind.SQUEEZE: N_("{coin} squeeze W {w} at {at}, {move} of coins"),
}
NAMED = 5
MONDAY = date(2024, 1, 1)


def follow_up_card(wave: Wave, seen: Outcome, like: Alike | None, now: datetime) -> Card:
    """What price, open interest and funding have done, and what they usually did."""
    facts = outcome_words(seen)
    lines = [capital(facts), compared(like, seen.after) if like is not None else ""]
    title = _(KINDS[wave.kind]).format(
        time=duration(seen.after), coin=wave.asset, day=day(wave.onset, now), w=number(wave.magnitude.w, 1)
    )
    return Card(
        title=title,
        lines=tuple(Line(text) for text in lines if text),
        footer=_("`/wave {id}` · `/followups` says when I come back to a wave").format(id=wave.id),
        buttons=(Button(_("Details"), f"/wave {wave.id}"), Button(_("What follows"), f"/after {wave.id}")),
    )


class DigestRow(NamedTuple):
    """One coin: what open interest and price did, on which share of a year's days less was open, funding."""

    asset: Asset
    coins_move: float | None
    price_move: float | None
    more_than: float | None
    funding: float | None


def digest_card(
    digest: Digest,
    rows: Sequence[DigestRow],
    waves: Sequence[Wave],
    funding: Sequence[tuple[Asset, float]],
    now: datetime,
) -> Card:
    """``funding`` is sorted, the lowest first."""
    since = now - digest.period
    title = _("The day to {time}") if digest.weekday is None else _("The week to {time}")
    lines = [*_waves(waves, digest.period, now), _extremes(funding) if len(funding) > len(rows) else ""]
    table = Table(
        (_("coin"), _("OI"), _("price"), _("lev"), _("fund")), tuple(map(_cells, rows)), (1, 2, 3, 4)
    )
    notes = [_("OI in coins"), _("lev: on so many of 100 days less was open"), _("fund: funding a year")]
    return Card(
        title=title.format(time=moment(now, since)),
        lines=tuple(Line(text) for text in lines if text),
        table=table if rows else None,
        footer=" · ".join((*(notes if rows else ()), "`/digest off`")),
        buttons=(Button(_("Past resets"), "/resets"), Button(_("Change it"), "/digest")),
    )


def _waves(waves: Sequence[Wave], period: timedelta, now: datetime) -> Sequence[str]:
    if not waves:
        return [_("No wave in {time}").format(time=duration(period))]
    largest = sorted(waves, key=lambda wave: wave.magnitude.w, reverse=True)
    lines = [
        f"{_told(wave, now)} · `/wave {wave.id}`"
        for wave in sorted(largest[:NAMED], key=lambda wave: (wave.onset, wave.id))
    ]
    if more := len(waves) - NAMED if len(waves) > NAMED else 0:
        lines.append(ngettext("and {n} smaller", "and {n} smaller", more).format(n=more))
    return lines


def _told(wave: Wave, now: datetime) -> str:
    return _(TOLD[wave.kind]).format(
        coin=wave.asset,
        w=number(wave.magnitude.w, 1),
        at=moment(wave.onset, now),
        move=percent(-wave.fall),
    )


def _extremes(funding: Sequence[tuple[Asset, float]]) -> str:
    if len(funding) < 2:
        return ""
    (low_coin, low), (high_coin, high) = funding[0], funding[-1]
    return _("Funding a year: highest {high_coin} {high}, lowest {low_coin} {low}").format(
        high_coin=high_coin, high=percent(high, digits=0), low_coin=low_coin, low=percent(low, digits=0)
    )


def _cells(row: DigestRow) -> tuple[str, ...]:
    return (
        row.asset[:5],
        _move(row.coins_move),
        _move(row.price_move),
        NOT_KNOWN if row.more_than is None else f"{100 * row.more_than:.0f}",
        NOT_KNOWN if row.funding is None else tight(percent(row.funding, digits=0)),
    )


def _move(fraction: float | None) -> str:
    if fraction is None:
        return NOT_KNOWN
    return tight(percent(fraction, digits=0 if abs(fraction) >= 0.0995 else 1))


def digest_words(digest: Digest | None) -> str:
    """``daily at 08:00``, ``weekly on Mon at 08:00``, ``none``."""
    if digest is None:
        return _("none")
    if digest.weekday is None:
        return _("daily at {time}").format(time=f"{digest.at:%H:%M}")
    name = weekday(MONDAY + timedelta(days=digest.weekday))
    return _("weekly on {weekday} at {time}").format(weekday=name, time=f"{digest.at:%H:%M}")
