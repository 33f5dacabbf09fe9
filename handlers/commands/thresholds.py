"""From which size on this chat is told: /threshold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from bot.domain.cards import Button, Card, Line, Table, plain
from bot.domain.posts import Measure, Subscription, Threshold
from bot.domain.waves import Wave
from bot.errors import AskError
from handlers.commands.changes import note
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.numbers import many, percent, short_day, tight
from handlers.subscription_words import (
    CHOICES,
    choice_taps,
    coins_words,
    group_tap,
    subscription_words,
    terms_words,
    told,
    typed,
    typed_whole,
)
from handlers.wanted import Wanted, read_wanted
from handlers.words import Parameter, read_text

HOW_MUCH = Parameter("how often or how large", read_text, rest=True)
ROWS = 8


@command(
    "threshold",
    "From which size on to speak; `try` only shows",
    HOW_MUCH.optional,
    examples=("/threshold 3/week", "/threshold W 2.9", "/threshold 5% 1h", "/threshold try $800m"),
    configures=True,
)
async def threshold(desk: Desk, ask: Ask) -> Card:
    every = await desk.subscriptions_here(ask.destination)
    past = await desk.past()
    number, text = _split(ask.get(HOW_MUCH) or "", "#")
    word, text = _split(text, "try")
    trying = word is not None
    here = every if number is None else _numbered(every, number)
    if not text:
        return _choices(here, past, number)
    beginning = f"threshold{f' #{number}' if number else ''}{' try' if trying else ''}"
    wanted = read_wanted(text, await desk.known(), beginning)
    if wanted.threshold is None and wanted.native_only is None:
        raise AskError(
            "Say how often or how large: `/threshold 3/week`, `/threshold 5% 1h`", "/threshold 3/week"
        )
    before = [s for s in here if number is not None or wanted.assets in (None, s.assets or frozenset())]
    after = [_as_wanted(s, wanted) for s in before]
    if not after:
        raise _nobody(_as_wanted(replace(here[0], assets=wanted.assets or None), wanted))
    if trying:
        meant = f"#{number} {text}" if number else text
        return _compared(
            before, after, past, Button("Save", f"/threshold {meant}"), now=desk.now(), trying=True
        )
    await ask.may_change()
    for subscription in after:
        await desk.store.subscriptions.add(subscription)
    await note(desk, ask, every)
    return _compared(before, after, past, _undo(before), now=desk.now(), trying=False)


def _as_wanted(subscription: Subscription, wanted: Wanted) -> Subscription:
    """What is not said stays as it was."""
    native = subscription.native_only if wanted.native_only is None else wanted.native_only
    threshold = wanted.threshold or subscription.threshold
    return replace(subscription, threshold=threshold, native_only=native)


def _split(text: str, beginning: str) -> tuple[str | None, str]:
    """The first word without ``beginning``, and the rest; ``None`` where it begins otherwise."""
    word, _, rest = text.partition(" ")
    if not word.lower().startswith(beginning):
        return None, text
    return word[len(beginning) :], rest


def _numbered(here: Sequence[Subscription], number: str) -> Sequence[Subscription]:
    found = [s for s in here if str(s.id) == number]
    if not found:
        raise AskError(
            f"There is no subscription #{plain(number[:9])} here. They are listed by `/alerts`", "/alerts"
        )
    return found


def _undo(before: Sequence[Subscription]) -> Button | None:
    """Only where one line can bring back all that there was."""
    first = before[0]
    line = f"{typed(first)} {'native' if first.native_only else 'any group'}"
    if len(before) == 1:
        return Button("Undo", f"/threshold #{first.id} {line}")
    alike = len({(s.threshold, s.native_only) for s in before}) == 1
    return (
        Button("Undo", f"/threshold {line}")
        if alike and first.threshold.measure is not Measure.COINS
        else None
    )


def _nobody(meant: Subscription) -> AskError:
    line = f"/subscribe {typed_whole(meant)}"
    return AskError(f"No subscription here is for just {coins_words(meant.assets)}. Make one: `{line}`", line)


def _compared(
    before: Sequence[Subscription],
    after: Sequence[Subscription],
    past: Sequence[Wave],
    button: Button | None,
    *,
    now: datetime,
    trying: bool,
) -> Card:
    """Which recorded waves the old threshold tells, and which the new one."""
    tried = [(wave, told(before, wave), told(after, wave)) for wave in past]
    words = {(True, True): "both", (True, False): "before", (False, True): "now"}
    rows = [
        (
            short_day(w.onset, now),
            w.asset[:5],
            tight(percent(-w.fall)),
            f"{w.magnitude.w:.1f}",
            words[old, new],
        )
        for w, old, new in tried
        if old or new
    ]
    tried_on = many(len(past), "recorded wave")
    counts = f"Of {tried_on}: before {sum(r[1] for r in tried)}, now {sum(r[2] for r in tried)}"
    olds, news = (dict.fromkeys(map(terms_words, terms)) for terms in (before, after))
    many_terms = f"{many(len(after), 'subscription')} changed" if len(news) > 1 else "; ".join(news)
    return Card(
        title=f"{'Would tell' if trying else 'Now telling'}: {many_terms}",
        lines=(
            Line(f"Before: {'; '.join(olds)}"),
            *((Line(f"Now: {'; '.join(news)}"),) if len(news) > 1 else ()),
            Line(counts if past else "No wave is recorded yet to try it on"),
        ),
        table=Table(("date", "coin", "coins", "W", "told"), tuple(rows[:ROWS]), right=(2, 3))
        if rows
        else None,
        footer="nothing is changed yet" if trying else "saved · `/alerts`",
        buttons=(button,) if button else (),
    )


def _choices(here: Sequence[Subscription], past: Sequence[Wave], number: str | None) -> Card:
    lines = [Line(f"**{s.id}** · {subscription_words(s)}", 7) for s in here]
    if past:
        lines.append(Line(f"What others would have told of {many(len(past), 'recorded wave')}:"))
    else:
        lines.append(Line("No wave is recorded yet to try others on"))
    rows = []
    for choice in CHOICES:
        as_if = [replace(s, threshold=Threshold(Measure.W, choice.w)) for s in here]
        rows.append((choice.often, f"{choice.w:.1f}", str(sum(told(as_if, wave) for wave in past))))
    which = f"#{number}" if number else ""
    return Card(
        title=f"From which size on I speak here{f', subscription {number}' if number else ''}",
        lines=tuple(lines),
        table=Table(("how often", "W", "told"), tuple(rows), right=(1, 2)) if past else None,
        footer="`/threshold 3/week` · `/threshold 5% 1h` · `/threshold try $800m`",
        buttons=(*choice_taps(here, f"/threshold {which}".rstrip()), group_tap(here, which)),
    )
