"""What the bot can do and how it does: /help, /venues and /status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from bot.domain.cards import Button, Card, Line, Table, Tone, plain
from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import VERDICT_MEANS, Completeness
from bot.errors import AskError
from handlers.cards import latency_line
from handlers.commands.registry import COMMANDS, Ask, command, find
from handlers.desk import Desk
from handlers.drill import drill_begun
from handlers.numbers import clock, coins, duration, many, share
from handlers.past_words import history_line
from handlers.titles import TABLE_WIDTH, narrowed, venue_title
from handlers.words import Parameter, read_text

NAME = Parameter("command", read_text)
VENUE = Parameter("venue", read_text, rest=True)
NAMED_FAULTS = 6
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
QUARANTINE_ROWS = 500
LOG_ROWS = 1000
TOLD_OF_STORE = ("store", "size")
"""Anyone in a group may ask: where the file lies is nobody's affair but the operator's."""
NEWEST = 10


@command("help", "All commands, or one with examples", NAME.optional, examples=("/help", "/help oi"))
async def help_(_desk: Desk, ask: Ask) -> Card:
    if name := ask.get(NAME):
        called, _ = find(name)
        return Card(
            title=called.about,
            lines=(
                Line(f"`{called.usage}`"),
                Line("For example " + ", ".join(f"`{e}`" for e in called.examples)),
            ),
            buttons=tuple(Button(example, example) for example in called.examples),
        )
    return Card(
        title="What you can ask",
        lines=tuple(Line(f"`/{c.name}` {_parameters(c.usage)}– {c.about}") for c in COMMANDS.values()),
        footer="coins as `btc`, periods as `24h` or `7d` · `/help oi` for examples",
    )


def _parameters(usage: str) -> str:
    words = usage.partition(" ")[2]
    return f"{words} " if words else ""


@command(
    "venues",
    "Which venues I see right now, and which not",
    VENUE.optional,
    examples=("/venues", "/venues bybit"),
)
async def venues(desk: Desk, ask: Ask) -> Card:
    feeds = desk.feeds()
    if not feeds:
        return Card(title="No venue is configured", tone=Tone.WARNING, footer="`/status`")
    if name := ask.get(VENUE):
        return _one_venue(desk, _named(desk, name))
    lines = [
        *_faults(desk, feeds),
        *(Line(text) for text in (_completeness(desk), await _quarantined(desk)) if text),
    ]
    blind = desk.blind_since()
    return Card(
        title=_fresh(feeds) if blind is None else "I cannot see the market",
        tone=Tone.ANSWER if blind is None else Tone.WARNING,
        lines=tuple(lines),
        table=_states(desk),
        footer="silence now is not calm" if blind else "a venue that is not fresh is named and never guessed",
    )


def _fresh(feeds: Sequence[SourceHealth]) -> str:
    return f"{sum(feed.state is SourceState.FRESH for feed in feeds)} of {many(len(feeds), 'feed')} fresh"


def _faults(desk: Desk, feeds: Sequence[SourceHealth]) -> list[Line]:
    """Feeds that are not fresh, and why."""
    now, faults = desk.clock(), [feed for feed in feeds if feed.state is not SourceState.FRESH]
    lines = [
        Line(
            f"{feed.title}, {feed.source}: {plain(feed.why) or feed.state} for {duration(now - feed.since)}",
            7,
        )
        for feed in faults[:NAMED_FAULTS]
    ]
    if len(faults) > NAMED_FAULTS:
        lines.append(Line(f"{len(faults) - NAMED_FAULTS} more feeds are not fresh"))
    return lines


def _named(desk: Desk, name: str) -> Sequence[SourceHealth]:
    """The feeds of the venue called so, or of all whose names begin so. Raises ``AskError``."""
    sought = name.casefold()
    called = {venue: (str(venue), title.casefold()) for venue, title in desk.titles().items()}
    found = [venue for venue, names in called.items() if sought in names]
    found = found or [v for v, names in called.items() if any(one.startswith(sought) for one in names)]
    if not found:
        raise AskError(f'I watch no venue "{plain(name[:24])}". All of them: `/venues`', "/venues")
    return [feed for feed in desk.feeds() if feed.venue in found]


def _one_venue(desk: Desk, feeds: Sequence[SourceHealth]) -> Card:
    """Each feed of one venue."""
    titles = " and ".join(dict.fromkeys(feed.title for feed in feeds))
    rows = tuple((feed.source, str(feed.state), _heard(desk, [feed])) for feed in feeds)
    return Card(
        title=f"{titles}: {_fresh(feeds)}",
        lines=tuple(_faults(desk, feeds)),
        table=Table(("feed", "state", "heard"), rows, right=(2,)),
        footer="`/venues` for all",
    )


def _heard(desk: Desk, feeds: Sequence[SourceHealth]) -> str:
    """How long ago any of them answered."""
    newest = max((feed.last_answer for feed in feeds if feed.last_answer), default=None)
    return duration(desk.clock() - newest) if newest else "never"


def _states(desk: Desk) -> Table:
    """Each venue by its worst feed."""
    feeds = desk.feeds()
    venues = sorted({feed.venue for feed in feeds})
    heard = []
    for venue in venues:
        own = [feed for feed in feeds if feed.venue == venue]
        worst = min(own, key=lambda feed: feed.state is SourceState.FRESH).state
        heard.append((str(worst), _heard(desk, own)))
    room = TABLE_WIDTH - sum(
        2 + max(map(len, column)) for column in zip(*heard, ("state", "heard"), strict=True)
    )
    names = narrowed([venue_title(venue, desk.titles()) for venue in venues], room)
    rows = tuple((name, *row) for name, row in zip(names, heard, strict=True))
    return Table(("venue", "state", "heard"), rows, right=(2,))


def _completeness(desk: Desk) -> str:
    """Which liquidation feeds tell everything, and which only a floor."""
    heard = [(f.completeness, f.title) for f in desk.feeds() if f.completeness]
    full = sorted({title for complete, title in heard if complete is Completeness.COMPLETE})
    floor = sorted({title for complete, title in heard if complete is Completeness.THROTTLED})
    parts = [f"complete from {', '.join(full)}"] if full else []
    parts += [f"throttled, so a floor, from {', '.join(floor)}"] if floor else []
    never = sorted({f.title for f in desk.feeds() if f.unheard})
    parts += [f"not told to the public by {', '.join(never)}"] if never else []
    mute = sorted({f.title for f in desk.feeds() if f.unproven})
    parts += [f"unproven, since nothing was heard yet, {', '.join(mute)}"] if mute else []
    lost: Counter[str] = Counter()
    for feed in desk.feeds():
        lost[feed.title] += feed.gaps
    missed = [f"{title} {count:,}" for title, count in sorted(lost.items()) if count]
    parts += [f"messages that never arrived, by the venue's own count, {', '.join(missed)}"] if missed else []
    return f"Liquidations: {'; '.join(parts)}" if parts else ""


async def _quarantined(desk: Desk) -> str:
    kept = await desk.store.journal.quarantined(desk.clock() - HOUR, limit=QUARANTINE_ROWS)
    if not kept:
        return ""
    reasons = Counter(VERDICT_MEANS[rejected.verdict] for rejected in kept).most_common(2)
    said = "; ".join(f"{count} × {why}" for why, count in reasons)
    return f"Held back in the last hour: {said}"


@command("status", "How the bot itself is doing", examples=("/status",))
async def status(desk: Desk, ask: Ask) -> Card:
    store, now, local = desk.store, desk.clock(), desk.now()
    feeds, blind = desk.feeds(), desk.blind_since()
    fresh = sum(feed.state is SourceState.FRESH for feed in feeds)
    running = await store.waves.running()
    here = await store.subscriptions.of(ask.destination)
    log = await store.posts.log(now - DAY, LOG_ROWS, ask.destination)
    told = [line for line in log if not drill_begun(line.subject)]
    aloud = sum(line.loud for line in told)
    facts = await store.facts()
    running_for = duration(desk.wall() - desk.about.started)
    lines = [
        f"Market time {clock(local)}, {local.day} {local:%b %Y}; running for {running_for}",
        f"Feeds: {fresh} of {len(feeds)} fresh" if feeds else "Feeds: none configured",
        await _newest(desk),
        plain(history_line(await desk.remembered())),
        f"Running waves: {', '.join(f'{w.asset} `/wave {w.id}`' for w in running[:4]) or 'none'}",
        f"Told here in the last day: {aloud} with a sound, {len(told) - aloud} quietly",
        await _soonness(desk),
        f"Subscriptions here: {len(here)}, everywhere: {len(await store.subscriptions.all())}",
        " · ".join(f"{name} {plain(facts[name])}" for name in TOLD_OF_STORE if name in facts),
    ]
    return Card(
        title=f"Washout {desk.about.version}" + (" is blind" if blind else " is watching"),
        tone=Tone.WARNING if blind else Tone.ANSWER,
        lines=tuple(Line(line) for line in lines if line),
        footer=f"no venue has answered for {duration(now - blind)}; silence now is not calm"
        if blind
        else "`/venues`",
    )


async def _newest(desk: Desk) -> str:
    known = await desk.known()
    if not known:
        return "Nothing has been recorded yet"
    newest = await desk.latest(known[0])
    age = duration(desk.clock() - newest.at)
    seen = f"{coins(newest.coins, newest.asset)}, {share(newest.coverage)} seen"
    return f"Coins watched: {len(known)}; newest figures {age} old ({seen})"


async def _soonness(desk: Desk) -> str:
    """How soon chats were told of the newest wave that any was told of."""
    for wave in await desk.store.waves.recent(limit=NEWEST):
        if latency := await desk.store.posts.latency(wave.id):
            return f"`/wave {wave.id}`: {latency_line(latency)}"
    return ""
