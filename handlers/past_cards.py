"""Past waves in words: their table, each in a line, what followed such resets, and how the alerts did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.cards import Button, Card, Line, Table
from bot.domain.market import Group, Position
from bot.domain.waves import FROM_HISTORY, Kind, Lead, Outcome, Stage, Wave
from bot.pipeline.aftermath import LEAST, Aftermath
from bot.pipeline.score import Fate, Scorecard, Scored, Soon
from handlers.cards import shown_ends, usd_split
from handlers.hindsight import Alike, OpenThen
from handlers.numbers import (
    HOUR,
    Scale,
    as_of,
    day,
    duration,
    number,
    percent,
    short_day,
    shortly,
    tight,
)
from handlers.phrases import clauses, sentences
from handlers.speech import (
    N_,
    _,
    ngettext,
    pgettext,
)

DAY = timedelta(days=1)
SIDES = {Position.LONG: N_("L"), Position.SHORT: N_("S")}
LEADS = {Lead.NATIVE: N_("native-led"), Lead.INSTITUTION: N_("institution-led"), Lead.MIXED: N_("mixed")}
LOST = {Position.LONG: N_("longs lost"), Position.SHORT: N_("shorts lost")}
KINDS = {
    Kind.FLUSH: N_("long flushes"),
    Kind.SQUEEZE: N_("short squeezes"),
    Kind.UNWIND: N_("unwinds"),
    Kind.UNPRICED: N_("falls without a price"),
}
FATES = {
    Fate.CONFIRMED: N_("true"),
    Fate.RETRACTED: N_("false"),
    Fate.RUNNING: N_("running"),
    Fate.MISSED: N_("missed"),
}
SCORED_ROWS = 10
LEAST_SPREAD = 5
"""Of fewer outcomes eight of ten say nothing."""
NOT_KNOWN = "–"


# --- a table on a phone ------------------------------------------------------------------------------------


def resets_table(waves: Sequence[Wave], known: Mapping[str, Sequence[Outcome]], now: datetime) -> Table:
    """Of one coin: at most 34 characters a line."""
    rows = tuple(
        (short_day(w.onset, now), _fall(w), _strength(w), _next_day(known[w.id], w), _id(w)) for w in waves
    )
    return Table((_("date"), _("coins"), "W", _("+24 h"), "id"), rows, (1, 2, 3))


def resets_of_all_table(waves: Sequence[Wave], now: datetime) -> Table:
    rows = tuple((short_day(w.onset, now), w.asset[:5], _fall(w), _strength(w), _id(w)) for w in waves)
    return Table((_("date"), _("coin"), _("coins"), "W", "id"), rows, (2, 3))


def marks(waves: Sequence[Wave]) -> str:
    """What the letters of the table mean."""
    texts = [_("L: longs lost, S: shorts")]
    if any(wave.from_history for wave in waves):
        texts.append(_("{mark}…: from history").format(mark=FROM_HISTORY))
    return " · ".join(texts)


def _fall(wave: Wave) -> str:
    return _narrow(-wave.fall)


def _narrow(fraction: float) -> str:
    """``−9.9%``, ``−19%``: five characters."""
    return tight(percent(fraction, digits=0 if abs(fraction) >= 0.0995 else 1))


def _strength(wave: Wave) -> str:
    """``4.7 L``: how rare, and which side lost."""
    side = SIDES.get(wave.flushed) if wave.flushed else None
    return f"{number(wave.magnitude.w, 1)}{_(side) if side else ' '}"


def _next_day(known: Sequence[Outcome], wave: Wave) -> str:
    if wave.stage is not Stage.OVER:
        return _("now")
    move = next((told.price_move for told in known if told.after == DAY), None)
    return NOT_KNOWN if move is None else _narrow(move)


def _id(wave: Wave) -> str:
    return wave.id[:6]


# --- one wave in a line ------------------------------------------------------------------------------------


def reset_line(wave: Wave, known: Sequence[Outcome], now: datetime) -> str:
    """All of a wave that a list has room for where lines are long."""
    scale, before, low = shown_ends(wave)
    closed = f"{scale.show(low - before, signed=True)} {wave.asset} ({percent(-wave.fall)})"
    change = wave.usd_change
    parts = [
        f"**{as_of(wave.onset, now)}** {closed}",
        _("in dollars {split}").format(split=usd_split(change)) if change else "",
        f"W {number(wave.magnitude.w, 1)}",
        _(LOST[wave.flushed]) if wave.flushed else "",
        _verdict(wave),
        _moves(known),
        rebuilt_words(known),
        f"`/wave {wave.id}`",
    ]
    return " · ".join(part for part in parts if part)


def _verdict(wave: Wave) -> str:
    lead = _(LEADS[wave.lead])
    if wave.provisional:
        return _("{lead} (provisional)").format(lead=lead)
    return _("{lead} (confirmed)").format(lead=lead)


def _moves(known: Sequence[Outcome]) -> str:
    """``price +0.4 % after 1 h, +3.2 % after 24 h``."""
    told = [(one.after, one.price_move) for one in known if one.price_move is not None]
    if not told:
        return ""
    moves = [_("{move} after {time}").format(move=percent(m), time=_after(after)) for after, m in told]
    return _("price {moves}").format(moves=clauses(*moves))


def rebuilt_words(known: Sequence[Outcome]) -> str:
    """``12 % of the closed coins open again after 24 h``: the latest time that is known."""
    told = [(one.after, one.rebuilt) for one in known if one.rebuilt is not None]
    if not told:
        return ""
    after, part = told[-1]
    if part < 0:
        return _("still fewer coins open after {time}").format(time=_after(after))
    return _("{share} of the closed coins open again after {time}").format(
        share=percent(part, signed=False, digits=0), time=_after(after)
    )


def _after(after: timedelta) -> str:
    """``1 h``, ``24 h``, ``7 days``."""
    return duration(after)


def outcome_lines(known: Sequence[Outcome]) -> Iterable[str]:
    """What came next, one line a time; times that have not passed are left out."""
    for told in known:
        if facts := outcome_words(told):
            yield _("{time} after the end: {facts}").format(time=_after(told.after), facts=facts)


def outcome_words(told: Outcome) -> str:
    """``price +3.2 %, 12 % of the closed coins open again, funding +2 % a year``."""
    parts = []
    if told.price_move is not None:
        parts.append(_("price {move}").format(move=percent(told.price_move)))
    parts += [_rebuilt(told.rebuilt)] if told.rebuilt is not None else []
    if told.funding is not None:
        parts.append(_("funding {rate} a year").format(rate=percent(told.funding, digits=0)))
    return clauses(*parts)


def _rebuilt(part: float) -> str:
    if part < 0:
        return _("fewer coins open than at the low")
    return _("{share} of the closed coins open again").format(share=percent(part, signed=False, digits=0))


def group_lines(wave: Wave) -> Iterable[str]:
    """What each group of venues closed of what it had."""
    names = {Group.OFFSHORE: _("Offshore"), Group.DEX: _("decentralised"), Group.REGULATED: _("regulated")}
    parts = []
    scale = Scale.coins(wave.coins_before)
    for group, name in names.items():
        before = sum(venue.coins_before for venue in wave.venues if venue.group is group)
        now = sum(venue.coins_now for venue in wave.venues if venue.group is group)
        if before > 0:
            closed = scale.show(now - before, signed=True)
            parts.append(f"{name} {closed} ({percent(now / before - 1)})")
    if len(parts) > 1:
        yield " · ".join(parts)


MOST_OF_DAYS = 0.995
"""Of a year of days: more is all of them."""
_AMONG_DAYS = {
    (True, True): N_("Open interest before: the highest in {time}; at the low: the lowest"),
    (True, False): N_("Open interest before: the highest in {time}; at the low: above {after} of those days"),
    (False, True): N_("Open interest before: above {before} of the last {time}; at the low: the lowest"),
    (False, False): N_("Open interest before: above {before} of the last {time}; at the low: above {after}"),
}
"""By whether it was the highest before, and the lowest at the low."""


def leverage_line(before: OpenThen, after: OpenThen) -> str:
    """How much was open, against the year before, and funding: before the onset and at the low."""
    texts = []
    if before.more_than is not None and after.more_than is not None:
        texts.append(
            _(_AMONG_DAYS[before.more_than >= MOST_OF_DAYS, after.more_than <= 1 - MOST_OF_DAYS]).format(
                before=_part(before.more_than),
                after=_part(after.more_than),
                time=duration(timedelta(days=before.days)),
            )
        )
    if before.funding is not None and after.funding is not None:
        ends = f"{percent(before.funding, signed=False)} → {percent(after.funding, signed=False)}"
        texts.append(_("Funding {ends} a year").format(ends=ends))
    return sentences(*texts)


def _part(fraction: float) -> str:
    return percent(fraction, signed=False, digits=0)


# --- what usually follows ----------------------------------------------------------------------------------


def aftermath_card(found: Alike, now: datetime) -> Card:
    coin = found.wave.asset.lower()
    lines = [aftermath_line(one) for one in found.after]
    if not lines:
        lines = [_("What followed is not known of any of them yet, so **no clear edge**")]
    else:
        if found.all_coins:
            alone = _("Those of {coin} alone are too few, so all coins count")
            lines.append(alone.format(coin=found.wave.asset))
        lines.append(_("An edge would be a median further off than 19 of 20 medians of as many random times"))
    footer = [
        _("history since {day}").format(day=day(found.since, now)) if found.since else "",
        _("moves of the past promise nothing"),
    ]
    return Card(
        title=_title(found),
        lines=tuple(Line(text) for text in lines),
        footer=" · ".join(part for part in footer if part),
        buttons=(
            Button(_("The wave"), f"/wave {found.wave.id}"),
            Button(_("Resets of {coin}").format(coin=found.wave.asset), f"/resets {coin} full"),
        ),
    )


def _title(found: Alike) -> str:
    w, kind = number(found.least_w, 1), _(KINDS[found.wave.kind])
    if found.all_coins:
        return _("After {kind} of all coins, W {w} and more").format(kind=kind, w=w)
    return _("After {kind} of {coin}, W {w} and more").format(kind=kind, coin=found.wave.asset, w=w)


def aftermath_line(told: Aftermath) -> str:
    """n, median, interval, random times, and whether that is more than chance."""
    text = ngettext("**{time} after** {n} reset: {moves}", "**{time} after** {n} resets: {moves}", told.n)
    text = text.format(time=_after(told.after), n=told.n, moves=_spread(told))
    return sentences(text, edge_words(told))


def _spread(told: Aftermath) -> str:
    """``median +2.1 %, 8 of 10 from −4.0 % to +9.5 %; random times +0.3 %``."""
    if told.n == 1:
        text = percent(told.median)
    elif told.n < LEAST_SPREAD:
        text = _("median {median}").format(median=percent(told.median))
    else:
        text = _("median {median}, 8 of 10 from {low} to {high}").format(
            median=percent(told.median), low=percent(told.low), high=percent(told.high)
        )
    if told.usual is None:
        return text
    return _("{moves}; random times {usual}").format(moves=text, usual=percent(told.usual))


def edge_words(told: Aftermath) -> str:
    if told.edge:
        return _("**More than chance**")
    if told.n < LEAST:
        return _("Too few to tell: **no clear edge**")
    if told.usual is None:
        return _("The history is too short to compare: **no clear edge**")
    return _("**No clear edge**")


def compared(found: Alike, after: timedelta) -> str:
    """One sentence for a follow-up; empty where nothing is known."""
    told = next((one for one in found.after if one.after == after), None)
    if told is None:
        return ""
    text = ngettext("After {n} reset like it: {moves}", "After {n} resets like it: {moves}", told.n)
    return sentences(text.format(n=told.n, moves=_spread(told)), edge_words(told))


# --- the scorecard -----------------------------------------------------------------------------------------


def scorecard_card(found: Scorecard, now: datetime) -> Card:
    period = duration(found.until - found.since)
    counts = _("**Confirmed {confirmed} · taken back {retracted} · missed {missed}**")
    if found.count(Fate.RUNNING):
        counts = _("**Confirmed {confirmed} · taken back {retracted} · missed {missed} · running {running}**")
    counts = counts.format(
        confirmed=found.count(Fate.CONFIRMED),
        retracted=found.count(Fate.RETRACTED),
        missed=found.missed,
        running=found.count(Fate.RUNNING),
    )
    lines = [
        counts if found.scored else _("No wave was told, and none was missed"),
        _late(found.count(Fate.LATE)),
        _soon(_("From the onset to the chat: half within {p50}, 99 of 100 within {p99}"), found.from_onset),
        _soon(_("From the alarm to the chat: half within {p50}, 99 of 100 within {p99}"), found.from_alarm),
        _deliveries(found),
    ]
    more = len(found.scored) - SCORED_ROWS
    return Card(
        title=ngettext(
            "Scorecard of {period}: {n} alert", "Scorecard of {period}: {n} alerts", found.sent
        ).format(period=period, n=found.sent),
        lines=tuple(Line(text) for text in lines if text),
        table=_scored_table(found.scored[:SCORED_ROWS], now) if found.scored else None,
        footer=(_("{n} more").format(n=more) + " · " if more > 0 else "")
        + _("false: taken back; late: told after its low; missed: nobody was told"),
        buttons=tuple(Button(span, f"/scorecard {span}") for span in ("7d", "30d", "1y")),
    )


def _late(count: int) -> str:
    if not count:
        return ""
    text = ngettext(
        "Of the missed {n} was told, but after its low",
        "Of the missed {n} were told, but after their low",
        count,
    )
    return text.format(n=count)


def _soon(text: str, told: Soon | None) -> str:
    return text.format(p50=_wait(told.p50), p99=_wait(told.p99)) if told is not None else ""


def _wait(span: timedelta) -> str:
    return shortly(span) if span < HOUR else duration(span)


def _deliveries(found: Scorecard) -> str:
    if not found.deliveries:
        return ""
    return ngettext(
        "Counted over {n} first message to a chat",
        "Counted over {n} first messages to chats",
        found.deliveries,
    ).format(n=number(found.deliveries))


def _fate(fate: Fate) -> str:
    return pgettext("alert", "late") if fate is Fate.LATE else _(FATES[fate])


def _scored_table(scored: Sequence[Scored], now: datetime) -> Table:
    rows = tuple(
        (
            short_day(one.wave.onset, now),
            one.wave.asset[:5],
            number(one.wave.magnitude.w, 1),
            _fate(one.fate),
            _id(one.wave),
        )
        for one in scored
    )
    return Table((_("date"), _("coin"), "W", _("alert"), "id"), rows, (2,))
