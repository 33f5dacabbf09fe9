"""What the bot can do and how it does: /help, /venues and /status."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import timedelta

from bot.domain.cards import Button, Card, Line, Table, Tone, plain
from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import Completeness, Venue
from bot.errors import AskError
from handlers.cards import latency_line
from handlers.commands.registry import COMMANDS, Ask, command, find
from handlers.core_words import retold, state_words, verdict_words
from handlers.desk import Desk
from handlers.drill import drill_begun
from handlers.misread import misread_at, misread_lines
from handlers.numbers import clock, coins, dated, duration, listed, number, share
from handlers.past_words import history_line
from handlers.phrases import clauses, enumerated, semicolons, titled
from handlers.speech import N_, _, ngettext
from handlers.titles import (
    TABLE_WIDTH,
    narrowed,
    venue_title,
    width,
)
from handlers.words import Parameter, read_text

NAME = Parameter("command", read_text)
VENUE = Parameter("venue", read_text, rest=True)
NAMED_FAULTS = 6
NAMED_REASONS = 4
NAMED_VENUES = 3
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
QUARANTINE_ROWS = 500
LOG_ROWS = 1000
_MEASURE = re.compile(r"(\d+\.\d) (\w?B)")
TOLD_OF_STORE = {"store": N_("store {what}"), "size": N_("size {what}")}
"""Anyone in a group may ask: where the file lies is nobody's affair but the operator's."""
NEWEST = 10


@command("help", N_("All commands, or one with examples"), NAME.optional, examples=("/help", "/help oi"))
async def help_(_desk: Desk, ask: Ask) -> Card:
    if name := ask.get(NAME):
        called, _words = find(name)
        return Card(
            title=_(called.about),
            lines=(
                Line(f"`{called.usage}`"),
                Line(_("For example {lines}").format(lines=enumerated(f"`{e}`" for e in called.examples))),
            ),
            buttons=tuple(Button(example, example) for example in called.examples),
        )
    return Card(
        title=_("What you can ask"),
        lines=tuple(Line(f"`/{c.name}` {_parameters(c.usage)}– {_(c.about)}") for c in COMMANDS.values()),
        footer=_("coins as `btc`, periods as `24h` or `7d` · `/help oi` for examples"),
    )


def _parameters(usage: str) -> str:
    words = usage.partition(" ")[2]
    return f"{words} " if words else ""


@command(
    "venues",
    N_("Which venues I see right now, and which not"),
    VENUE.optional,
    examples=("/venues", "/venues bybit"),
)
async def venues(desk: Desk, ask: Ask) -> Card:
    feeds = desk.feeds()
    if not feeds:
        return Card(title=_("No venue is configured"), tone=Tone.WARNING, footer="`/status`")
    if name := ask.get(VENUE):
        return await _one_venue(desk, _named(desk, name))
    asked = [feed for feed in feeds if not feed.idle]
    lines = [
        *_faults(desk, asked),
        *await _misread(desk, None),
        *(Line(text) for text in (_completeness(desk), _doubted(feeds), await _quarantined(desk)) if text),
    ]
    blind = desk.blind_since()
    return Card(
        title=_fresh(feeds) if blind is None else _("I cannot see the market"),
        tone=Tone.ANSWER if blind is None else Tone.WARNING,
        lines=tuple(lines),
        table=_states(desk),
        footer=_("silence now is not calm")
        if blind
        else _("a venue that is not fresh is named and never guessed"),
    )


def _fresh(feeds: Sequence[SourceHealth]) -> str:
    feeds = [feed for feed in feeds if not feed.idle]
    fresh = sum(feed.state is SourceState.FRESH for feed in feeds)
    return ngettext("{fresh} of {n} feed fresh", "{fresh} of {n} feeds fresh", len(feeds)).format(
        fresh=fresh, n=number(len(feeds))
    )


def _faults(desk: Desk, feeds: Sequence[SourceHealth]) -> list[Line]:
    """Feeds that are not fresh, and why."""
    now, faults = desk.clock(), [feed for feed in feeds if feed.state is not SourceState.FRESH]
    lines = [
        Line(
            _("{feed}: {why} for {time}").format(
                feed=clauses(feed.title, feed.source),
                why=retold(plain(feed.why)) or state_words(feed.state),
                time=duration(now - feed.since),
            ),
            7,
        )
        for feed in faults[:NAMED_FAULTS]
    ]
    if len(faults) > NAMED_FAULTS:
        left = len(faults) - NAMED_FAULTS
        text = ngettext("{n} more feed is not fresh", "{n} more feeds are not fresh", left)
        lines.append(Line(text.format(n=number(left))))
    return lines


def _named(desk: Desk, name: str) -> Sequence[SourceHealth]:
    """The feeds of the venue called so, or of all whose names begin so. Raises ``AskError``."""
    sought = name.casefold()
    called = {feed.venue: (str(feed.venue), feed.title.casefold()) for feed in desk.feeds()}
    found = [venue for venue, names in called.items() if sought in names]
    found = found or [v for v, names in called.items() if any(one.startswith(sought) for one in names)]
    if not found:
        unknown = _('I watch no venue "{name}". All of them: `/venues`')
        raise AskError(unknown.format(name=plain(name[:24])), "/venues")
    return [feed for feed in desk.feeds() if feed.venue in found]


async def _misread(desk: Desk, feeds: Sequence[SourceHealth] | None) -> list[Line]:
    """What does not fit what is told beside it, at the venues of ``feeds`` or at all."""
    found = await misread_at(desk, None if feeds is None else {feed.venue for feed in feeds})
    return [Line(text, 8) for text in misread_lines(found, desk.titles())]


async def _one_venue(desk: Desk, feeds: Sequence[SourceHealth]) -> Card:
    """Each feed of one venue."""
    titles = listed(list(dict.fromkeys(feed.title for feed in feeds)))
    held = await _quarantined(desk, {feed.venue for feed in feeds})
    rows = tuple((feed.source, state_words(feed.state), _heard(desk, [feed])) for feed in feeds)
    return Card(
        title=titled(titles, _fresh(feeds)),
        lines=(
            *_faults(desk, feeds),
            *await _misread(desk, feeds),
            *([Line(held, 6)] if held else []),
            *_doubts(feeds),
        ),
        table=Table((_("feed"), _("state"), _("heard")), rows, right=(2,)),
        footer=_("`/venues` for all"),
    )


def _heard(desk: Desk, feeds: Sequence[SourceHealth]) -> str:
    """How long ago any of them answered."""
    newest = max((feed.last_answer for feed in feeds if feed.last_answer), default=None)
    return duration(desk.clock() - newest) if newest else _("never")


def _states(desk: Desk) -> Table:
    """Each venue by its worst feed, of those that have something to tell."""
    feeds = [feed for feed in desk.feeds() if not feed.idle]
    venues = sorted({feed.venue for feed in feeds})
    heard = []
    for venue in venues:
        own = [feed for feed in feeds if feed.venue == venue]
        worst = min(own, key=lambda feed: feed.state is SourceState.FRESH).state
        heard.append((state_words(worst), _heard(desk, own)))
    heads = (_("state"), _("heard"))
    room = TABLE_WIDTH - sum(2 + max(map(width, column)) for column in zip(*heard, heads, strict=True))
    names = narrowed([venue_title(venue, desk.titles()) for venue in venues], room)
    rows = tuple((name, *row) for name, row in zip(names, heard, strict=True))
    return Table((_("venue"), *heads), rows, right=(2,))


def _completeness(desk: Desk) -> str:
    """Which liquidation feeds tell everything, and which only a floor."""
    heard = [(f.completeness, f.title) for f in desk.feeds() if f.completeness and not f.idle]
    full = sorted({title for complete, title in heard if complete is Completeness.COMPLETE})
    floor = sorted({title for complete, title in heard if complete is Completeness.THROTTLED})
    never = sorted({f.title for f in desk.feeds() if f.unheard})
    proven = {f.venue for f in desk.feeds() if f.told}  # by another of its feeds
    silent = [f for f in desk.feeds() if f.unproven]
    mute = sorted({f"{f.title} {f.source}" if f.venue in proven else f.title for f in silent})
    told = (
        (_("complete from {venues}"), full),
        (_("throttled, so a floor, from {venues}"), floor),
        (_("not told to the public by {venues}"), never),
        (_("unproven, since nothing was heard yet, {venues}"), mute),
    )
    parts = [text.format(venues=enumerated(titles)) for text, titles in told if titles]
    lost: Counter[str] = Counter()
    for feed in desk.feeds():
        lost[feed.title] += feed.gaps
    missed = [f"{title} {number(count)}" for title, count in sorted(lost.items()) if count]
    if missed:
        text = _("messages that never arrived, by the venue's own count, {counts}")
        parts.append(text.format(counts=enumerated(missed)))
    return _("Liquidations: {parts}").format(parts=semicolons(parts)) if parts else ""


def _doubted(feeds: Sequence[SourceHealth]) -> str:
    """Which venues' figures may be wrong in a way that is known."""
    titles = sorted({feed.title for feed in feeds if feed.doubts})
    if not titles:
        return ""
    text = _("In doubt in part: {venues}. `/venues {name}` says why")
    name = min(feed.venue for feed in feeds if feed.doubts)
    return text.format(venues=enumerated(titles), name=name)


def _doubts(feeds: Sequence[SourceHealth]) -> list[Line]:
    doubts = dict.fromkeys((feed.title, doubt) for feed in feeds for doubt in feed.doubts)
    return [
        Line(_("In doubt at {venue}: {why}").format(venue=title, why=retold(plain(doubt))), 6)
        for title, doubt in doubts
    ]


async def _quarantined(desk: Desk, of: Collection[Venue] | None = None) -> str:
    """What was not believed lately, and of whom; or only what these venues told."""
    rows = await desk.store.journal.quarantined(desk.clock() - HOUR, limit=QUARANTINE_ROWS)
    kept = [(row.venue, row.verdict) for row in rows if of is None or row.venue in of]
    if not kept:
        return ""
    reasons = []
    for why, count in Counter(verdict for _venue, verdict in kept).most_common(NAMED_REASONS):
        said = f"{number(count)} × {verdict_words(why)}"
        if of is None:
            often = Counter(venue for venue, verdict in kept if verdict is why)
            titles = [venue_title(venue, desk.titles()) for venue, _count in often.most_common()]
            more = [f"+{number(len(titles) - NAMED_VENUES)}"] if len(titles) > NAMED_VENUES else []
            said += f" ({enumerated(titles[:NAMED_VENUES] + more)})"
        reasons.append(said)
    return _("Held back in the last hour: {reasons}").format(reasons=semicolons(reasons))


def _measured(fact: str) -> str:
    """A size with the marks of the language."""
    found = _MEASURE.fullmatch(fact)
    return f"{number(float(found[1]), 1)} {found[2]}" if found else fact


@command("status", N_("How the bot itself is doing"), examples=("/status",))
async def status(desk: Desk, ask: Ask) -> Card:
    store, now, local = desk.store, desk.clock(), desk.now()
    feeds, blind = desk.feeds(), desk.blind_since()
    running = await store.waves.running()
    here = await store.subscriptions.of(ask.destination)
    log = await store.posts.log(now - DAY, LOG_ROWS, ask.destination)
    told = [line for line in log if not drill_begun(line.subject)]
    aloud = sum(line.loud for line in told)
    facts = await store.facts()
    waves = enumerated(f"{w.asset} `/wave {w.id}`" for w in running[:4])
    lines = [
        _("Market time {at}, {day}; running for {time}").format(
            at=clock(local), day=dated(local), time=duration(desk.wall() - desk.about.started)
        ),
        _feeds_line(feeds),
        await _newest(desk),
        plain(history_line(await desk.remembered())),
        _("Running waves: {waves}").format(waves=waves or _("none")),
        _("Told here in the last day: {aloud} with a sound, {quietly} quietly").format(
            aloud=number(aloud), quietly=number(len(told) - aloud)
        ),
        await _soonness(desk),
        _("Subscriptions here: {here}, everywhere: {everywhere}").format(
            here=number(len(here)), everywhere=number(len(await store.subscriptions.all()))
        ),
        *await _fleet(desk),
        " · ".join(
            _(text).format(what=plain(_measured(facts[name])))
            for name, text in TOLD_OF_STORE.items()
            if name in facts
        ),
    ]
    title = _("Washout {version} is blind") if blind else _("Washout {version} is watching")
    footer = "`/venues`"
    if blind:
        text = _("no venue has answered for {time}; silence now is not calm")
        footer = text.format(time=duration(now - blind))
    return Card(
        title=title.format(version=desk.about.version),
        tone=Tone.WARNING if blind else Tone.ANSWER,
        lines=tuple(Line(line) for line in lines if line),
        footer=footer,
    )


async def _fleet(desk: Desk) -> Sequence[str]:
    """Who shares the work, who holds what, what waits and what lanes send; nothing of one process."""
    members = desk.members()
    if not members:
        return ()
    roles = Counter(role.value for member in members for role in member.roles)
    locks = [f"{lock.name} {plain(_process(lock.holder))}" for lock in await desk.store.locks.holders()]
    waiting: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    for member in members:
        waiting.update(member.waiting)
        sent.update(member.sent)
    played = enumerated(f"{role} {count}" for role, count in sorted(roles.items()))
    queues = enumerated(f"{queue} {number(count)}" for queue, count in sorted(waiting.items()))
    lanes = enumerated(f"{lane} {number(count)}" for lane, count in sorted(sent.items()))
    return (
        _("Processes: {n} ({roles})").format(n=number(len(members)), roles=played),
        _("Only-one roles: {locks}").format(locks=enumerated(locks) or _("none")),
        _("Waiting: {queues}").format(queues=queues or _("none")),
        _("Sent within a minute: {lanes}").format(lanes=lanes or _("none")),
    )


def _process(holder: str) -> str:
    """The machine and the process's number, without the mark that only programs need."""
    return ":".join(holder.split(":")[:2])


def _feeds_line(feeds: Sequence[SourceHealth]) -> str:
    if not feeds:
        return _("Feeds: none configured")
    feeds = [feed for feed in feeds if not feed.idle]
    fresh = sum(feed.state is SourceState.FRESH for feed in feeds)
    return _("Feeds: {fresh} of {n} fresh").format(fresh=number(fresh), n=number(len(feeds)))


async def _newest(desk: Desk) -> str:
    known = await desk.known()
    if not known:
        return _("Nothing has been recorded yet")
    newest = await desk.latest(known[0])
    return _("Coins watched: {n}; newest figures {age} old ({coins}, {share} seen)").format(
        n=number(len(known)),
        age=duration(desk.clock() - newest.at),
        coins=coins(newest.coins, newest.asset),
        share=share(newest.coverage),
    )


async def _soonness(desk: Desk) -> str:
    """How soon chats were told of the newest wave that any was told of."""
    for wave in await desk.store.waves.recent(limit=NEWEST):
        if latency := await desk.store.posts.latency(wave.id):
            return f"{latency_line(latency)} · `/wave {wave.id}`"
    return ""
