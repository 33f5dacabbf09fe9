"""From which size on this chat is told: /threshold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from bot.domain.cards import Button, Card, Line, Table, plain
from bot.domain.posts import MONTHLY_W, WEEKLY_W, YEARLY_W, Measure, Subscription, Threshold
from bot.domain.waves import Wave
from bot.errors import AskError
from handlers.commands.changes import note
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.numbers import many, percent, short_day, tight
from handlers.subscription_words import coins_words, subscription_words, threshold_words, told, typed
from handlers.words import Parameter, read_text, read_wanted

HOW_MUCH = Parameter("how often or how large", read_text, rest=True)
ROWS = 8
CHOICES = (("weekly", WEEKLY_W), ("monthly", MONTHLY_W), ("yearly", YEARLY_W))


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
    here = _numbered(every, number) if number else every
    if not text:
        return _choices(here, past, number)
    wanted = read_wanted(text, await desk.known(), "threshold")
    if wanted.threshold is None:
        raise AskError(
            "Say how often or how large: `/threshold 3/week`, `/threshold 5% 1h`", "/threshold 3/week"
        )
    before = [s for s in here if number or wanted.assets in (None, s.assets)]
    after = [replace(s, threshold=wanted.threshold) for s in before]
    if not after:
        raise _nobody(replace(here[0], assets=wanted.assets or None, threshold=wanted.threshold))
    if trying:
        meant = f"#{number} {text}" if number else text
        return _compared(
            before, after, past, Button("Save", f"/threshold {meant}"), now=desk.now(), trying=True
        )
    await ask.may_change()
    for subscription in after:
        await desk.store.subscriptions.add(subscription)
    await note(desk, ask, "alerts changed: " + "; ".join(subscription_words(s) for s in after))
    return _compared(before, after, past, _undo(before), now=desk.now(), trying=False)


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
            f"There is no subscription {plain(number[:9])} here. They are listed by `/alerts`", "/alerts"
        )
    return found


def _undo(before: Sequence[Subscription]) -> Button | None:
    """Only where one line can bring back all that there was."""
    if len(before) == 1:
        return Button("Undo", f"/threshold #{before[0].id} {typed(before[0])}")
    alike = len({s.threshold for s in before}) == 1 and before[0].threshold.measure is not Measure.COINS
    return Button("Undo", f"/threshold {typed(before[0])}") if alike else None


def _nobody(meant: Subscription) -> AskError:
    names = coins_words(meant.assets)
    coins = (
        ""
        if meant.threshold.measure is Measure.COINS
        else names.replace(", ", " ").replace("every coin", "all")
    )
    line = f"/subscribe {coins.lower()} {typed(meant)}".replace("  ", " ")
    return AskError(f"No subscription here is for just {names}. Make one: `{line}`", line)


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
    olds = dict.fromkeys(threshold_words(s.threshold) for s in before)
    return Card(
        title=f"{'Would tell' if trying else 'Now telling'}: {threshold_words(after[0].threshold)}",
        lines=(
            Line(f"Before: {' · '.join(olds)}"),
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
    which = f"#{number} " if number else ""
    rows = []
    for name, w in CHOICES:
        as_if = [replace(s, threshold=Threshold(Measure.W, w)) for s in here]
        rows.append((name, f"{w:.1f}", str(sum(told(as_if, wave) for wave in past))))
    return Card(
        title=f"From which size on I speak here{f', subscription {number}' if number else ''}",
        lines=(*lines, Line(f"What others would have told of {many(len(past), 'recorded wave')}:")),
        table=Table(("how often", "W", "told"), tuple(rows), right=(1, 2)),
        footer="`/threshold 3/week` · `/threshold 5% 1h` · `/threshold try $800m`",
        buttons=tuple(Button(name, f"/threshold {which}{name}") for name, _ in CHOICES),
    )
