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
from handlers.numbers import number, percent, short_day, tight
from handlers.phrases import recorded_waves, semicolons
from handlers.phrases import subscriptions as subscriptions_words
from handlers.speech import (
    N_,
    _,
    pgettext,
)
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
    N_("From which size on to speak; `try` only shows"),
    HOW_MUCH.optional,
    examples=("/threshold 3/week", "/threshold W 2.9", "/threshold 5% 1h", "/threshold try $800m"),
    configures=True,
)
async def threshold(desk: Desk, ask: Ask) -> Card:
    every = await desk.subscriptions_here(ask.destination)
    past = await desk.past()
    chosen, text = _split(ask.get(HOW_MUCH) or "", "#")
    word, text = _split(text, "try")
    trying = word is not None
    here = every if chosen is None else _numbered(every, chosen)
    if not text:
        return _choices(here, past, chosen)
    beginning = f"threshold{f' #{chosen}' if chosen else ''}{' try' if trying else ''}"
    wanted = read_wanted(text, await desk.known(), beginning)
    if wanted.threshold is None and wanted.native_only is None:
        raise AskError(
            _("Say how often or how large: `/threshold 3/week`, `/threshold 5% 1h`"), "/threshold 3/week"
        )
    before = [s for s in here if chosen is not None or wanted.assets in (None, s.assets or frozenset())]
    after = [_as_wanted(s, wanted) for s in before]
    if not after:
        raise _nobody(_as_wanted(replace(here[0], assets=wanted.assets or None), wanted))
    if trying:
        meant = f"#{chosen} {text}" if chosen else text
        return _compared(
            before, after, past, Button(_("Save"), f"/threshold {meant}"), now=desk.now(), trying=True
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
    word, _space, rest = text.partition(" ")
    if not word.lower().startswith(beginning):
        return None, text
    return word[len(beginning) :], rest


def _numbered(here: Sequence[Subscription], chosen: str) -> Sequence[Subscription]:
    found = [s for s in here if str(s.id) == chosen]
    if not found:
        text = _("There is no subscription #{n} here. They are listed by `/alerts`")
        raise AskError(text.format(n=plain(chosen[:9])), "/alerts")
    return found


def _undo(before: Sequence[Subscription]) -> Button | None:
    """Only where one line can bring back all that there was."""
    first = before[0]
    line = f"{typed(first)} {'native' if first.native_only else 'any group'}"
    if len(before) == 1:
        return Button(_("Undo"), f"/threshold #{first.id} {line}")
    alike = len({(s.threshold, s.native_only) for s in before}) == 1
    return (
        Button(_("Undo"), f"/threshold {line}")
        if alike and first.threshold.measure is not Measure.COINS
        else None
    )


def _nobody(meant: Subscription) -> AskError:
    line = f"/subscribe {typed_whole(meant)}"
    text = _("No subscription here is for just {coins}. Make one: `{line}`")
    return AskError(text.format(coins=coins_words(meant.assets), line=line), line)


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
    # For translators: in the column "told": by which threshold, the old or the new one.
    words = {
        (True, True): pgettext("threshold", "both"),
        (True, False): pgettext("threshold", "before"),
        (False, True): pgettext("threshold", "now"),
    }
    rows = [
        (
            short_day(w.onset, now),
            w.asset[:5],
            tight(percent(-w.fall)),
            number(w.magnitude.w, 1),
            words[old, new],
        )
        for w, old, new in tried
        if old or new
    ]
    counts = _("Of {waves}: before {before}, now {now}").format(
        waves=recorded_waves(len(past)), before=sum(r[1] for r in tried), now=sum(r[2] for r in tried)
    )
    olds, news = (dict.fromkeys(map(terms_words, terms)) for terms in (before, after))
    terms = semicolons(news)
    if len(news) > 1:
        terms = _("{subscriptions} changed").format(subscriptions=subscriptions_words(len(after)))
    title = _("Would tell: {terms}") if trying else _("Now telling: {terms}")
    heads = (_("date"), _("coin"), _("coins"), "W", _("told"))
    return Card(
        title=title.format(terms=terms),
        lines=(
            Line(_("Before: {terms}").format(terms=semicolons(olds))),
            *((Line(_("Now: {terms}").format(terms=semicolons(news))),) if len(news) > 1 else ()),
            Line(counts if past else _("No wave is recorded yet to try it on")),
        ),
        table=Table(heads, tuple(rows[:ROWS]), right=(2, 3)) if rows else None,
        footer=_("nothing is changed yet") if trying else _("saved · `/alerts`"),
        buttons=(button,) if button else (),
    )


def _choices(here: Sequence[Subscription], past: Sequence[Wave], chosen: str | None) -> Card:
    lines = [Line(f"**{s.id}** · {subscription_words(s)}", 7) for s in here]
    if past:
        others = _("What others would have told of {waves}:")
        lines.append(Line(others.format(waves=recorded_waves(len(past)))))
    else:
        lines.append(Line(_("No wave is recorded yet to try others on")))
    rows = []
    for choice in CHOICES:
        as_if = [replace(s, threshold=Threshold(Measure.W, choice.w)) for s in here]
        rows.append((_(choice.often), number(choice.w, 1), str(sum(told(as_if, wave) for wave in past))))
    which = f"#{chosen}" if chosen else ""
    title = _("From which size on I speak here")
    if chosen:
        title = _("From which size on I speak here, subscription {n}").format(n=chosen)
    return Card(
        title=title,
        lines=tuple(lines),
        table=Table((_("how often"), "W", _("told")), tuple(rows), right=(1, 2)) if past else None,
        footer="`/threshold 3/week` · `/threshold 5% 1h` · `/threshold try $800m`",
        buttons=(*choice_taps(here, f"/threshold {which}".rstrip()), group_tap(here, which)),
    )
