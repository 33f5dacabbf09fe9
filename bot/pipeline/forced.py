"""How much was forced: what was seen is a floor, what throttled feeds left out is estimated with bounds.

A throttled feed tells the largest of each second, so in calm minutes nearly all and in a cascade little. What
its venue is usually worth beside the complete ones is therefore learned in calm hours, and in a wave the
complete feeds show what it must have been. Nothing is estimated without a complete feed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bot.domain.market import Completeness, Venue
from bot.domain.waves import Forced
from bot.pipeline.tally import Minute, Tally

LEARNED_HOURS = 24
LEAST_HOURS = 6
"""Hours before the wave in which both kinds of feed must have told something."""
UNLEARNED = (0.5, 1.5)
"""Until then: a venue loses as much of its open interest as complete ones, within a half."""
QUARTILES = (0.25, 0.75)


def forced(
    tally: Tally,
    since_s: float,
    until_s: float,
    coins_before: Mapping[Venue, float],
    feeds: Mapping[Venue, Completeness | None],
) -> Forced | None:
    """What was forced from ``since_s`` to ``until_s``; ``None`` where nothing was heard at all.

    ``coins_before`` is each venue's open interest at the onset; ``feeds`` says which tell everything. A venue
    that is not named in it is taken for throttled.
    """
    minutes = list(tally.within(since_s, until_s))
    if not minutes:
        return None
    seen = _sums(minutes)
    low = high = None
    complete = [v for v in coins_before if feeds.get(v) is Completeness.COMPLETE]
    held = sum(coins_before[v] for v in complete)
    told = sum(seen.get(v, (0.0, 0.0))[0] for v in complete)
    if held > 0 and told > 0:
        low = high = sum(usd for usd, _ in seen.values())
        hours = _hours(tally, since_s)
        for venue, coins in coins_before.items():
            if feeds.get(venue) is not Completeness.THROTTLED:
                continue
            usd = seen.get(venue, (0.0, 0.0))[0]
            few, many = _worth(venue, hours, complete, coins / held)
            low += max(0.0, few * told - usd)
            high += max(0.0, many * told - usd)
    return Forced(
        seen_usd=math.fsum(usd for usd, _ in seen.values()),
        seen_coins=math.fsum(coins for _, coins in seen.values()),
        likely_low_usd=low,
        likely_high_usd=high,
        deleveraged_usd=math.fsum(c.deleveraged_usd for m in minutes for c in m.cells.values()),
    )


def _sums(minutes: Sequence[Minute]) -> dict[Venue, tuple[float, float]]:
    """Dollars and coins by venue."""
    sums: dict[Venue, tuple[float, float]] = {}
    for minute in minutes:
        for venue, cell in minute.cells.items():
            usd, coins = sums.get(venue, (0.0, 0.0))
            sums[venue] = (usd + cell.usd, coins + cell.coins)
    return sums


def _hours(tally: Tally, until_s: float) -> list[Mapping[Venue, float]]:
    """Each venue's dollars in each of the whole hours before the wave."""
    last = int(until_s) // 3600
    return [tally.hour(number) for number in range(last - LEARNED_HOURS, last)]


def _worth(
    venue: Venue,
    hours: Sequence[Mapping[Venue, float]],
    complete: Sequence[Venue],
    share: float,
) -> tuple[float, float]:
    """A venue's dollars as multiples of all complete ones' together: from and to.

    ``share`` is the same relation of their open interest, which stands for it until it is learned.
    """
    learned = []
    for hour in hours:
        told = sum(hour[v] for v in complete if v in hour)
        if told > 0 and venue in hour:
            learned.append(hour[venue] / told)
    if len(learned) < LEAST_HOURS:
        return UNLEARNED[0] * share, UNLEARNED[1] * share
    learned.sort()
    few, many = (learned[round(q * (len(learned) - 1))] for q in QUARTILES)
    return few, many
