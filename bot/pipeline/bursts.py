"""A burst: so much of a coin liquidated within a minute that something is being flushed out right now.

Pure: time comes with what was heard. A minute slides by seconds and holds only what was told live by feeds
that have been listened to for a while, so a feed that joins, comes back or repeats its past is no burst.
Sizes are shares of the coin's open interest; docs/detection.md says where the constants come from.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping

import msgspec

from bot.domain.market import Venue
from bot.domain.waves import Burst, Magnitude
from bot.pipeline.horizons import moment

WINDOW_S = 60
LIVE_S = 60.0
"""What was told later than this after it happened is the past, told again."""
SETTLING_S = 600.0
ABSENT_S = 6 * 3600.0
"""A feed counts after it was heard for ten minutes; after six silent hours it begins anew."""

LEAST_SHARE = 0.002
"""Of the coin's open interest, in one minute: less is never a burst."""
LEAST_MULTIPLE = 20.0
"""Of the coin's own normal minute."""
COMPANY = 10.0
"""One venue counts for at most nine tenths of a burst: alone is who has more."""
ALONE = 20.0
"""A burst on one venue alone must be so many times as large."""
MOST_OF_ONE = 0.5
"""One liquidation counts for at most so much of the least burst: a single figure may be a slip."""
MOST_OF_VENUE = 0.25
"""A venue that loses a larger share of its own open interest in a minute counts in other units."""

PRIOR_MINUTE = 2.4e-6
"""Of the coin's open interest: a normal minute, until ``PRIOR_MINUTES`` of its own weigh as much."""
PRIOR_MINUTES = 1440.0
HOUR_MINUTES = 240.0
"""An hour of the week is itself once four weeks of it were heard; until then it is like all hours."""
CLIP = 8.0
"""No minute counts for more than so many normal ones: a burst is not what is normal."""
REMEMBER_MINUTES = 60 * 1440.0
HOURS = 168

PRIOR_RATE = 1 / 58.0
"""Minutes of ``LEAST_SHARE``, an hour: at most."""
PRIOR_SPREAD = 0.65
"""Mean of ln(share / ``LEAST_SHARE``) among them."""
PRIOR_HOURS = 14 * 24.0
PRIOR_EVENTS = 8.0
CLUSTER_GAP_S = 6 * 3600.0
NINETY = 1.645

PRICES_KEPT_S = 900.0


class Feeds:
    """Since when each venue's liquidations are listened to, over all coins."""

    def __init__(self) -> None:
        self.spans: dict[Venue, tuple[float, float]] = {}

    def hear(self, venue: Venue, now_s: float) -> bool:
        """The venue told a liquidation; says whether it has been heard for long enough to count."""
        since_s, last_s = self.spans.get(venue, (now_s, now_s))
        if now_s - last_s > ABSENT_S:
            since_s = now_s
        self.spans[venue] = (since_s, now_s)
        return now_s - since_s >= SETTLING_S

    def listening(self, now_s: float) -> bool:
        return any(s <= now_s - SETTLING_S and now_s - last <= ABSENT_S for s, last in self.spans.values())


class _Pane:
    """Dollars of the last ``WINDOW_S`` seconds by the second.

    In arrays: there are thousands of panes in a flood, and a list is looked through for garbage cell by cell.
    """

    __slots__ = ("at", "long", "long_usd", "short", "short_usd")

    def __init__(self) -> None:
        self.at = 0
        self._clear()

    def _clear(self) -> None:
        self.long = array("d", bytes(8 * WINDOW_S))
        self.short = array("d", bytes(8 * WINDOW_S))
        self.long_usd = self.short_usd = 0.0

    def spans(self) -> list[tuple[int, float, float]]:
        """(second, long, short) of each second in which something was told."""
        seconds = range(self.at - WINDOW_S + 1, self.at + 1)
        rows = ((at, self.long[at % WINDOW_S], self.short[at % WINDOW_S]) for at in seconds)
        return [row for row in rows if row[1] or row[2]]

    def advance(self, second: int) -> None:
        gone = second - self.at
        if gone <= 0:
            return
        if gone >= WINDOW_S:
            self._clear()
        else:
            for passed in range(self.at + 1, second + 1):
                place = passed % WINDOW_S
                self.long_usd -= self.long[place]
                self.short_usd -= self.short[place]
                self.long[place] = self.short[place] = 0.0
        self.at = second

    def add(self, second: int, usd: float, *, long: bool) -> None:
        self.advance(second)
        if long:
            self.long[self.at % WINDOW_S] += usd
            self.long_usd += usd
        else:
            self.short[self.at % WINDOW_S] += usd
            self.short_usd += usd


class BurstsState(msgspec.Struct):
    means: list[float]
    minutes: list[float]
    hours: float
    events: float
    excess: float
    peak: float
    last_s: float
    learned_s: float
    oi_usd: float
    prices: list[tuple[float, float]]
    minute: dict[Venue, list[tuple[int, float, float]]]
    """What each venue told in the last minute, by the second."""


class Bursts:
    """One coin's liquidations against its own normal minute."""

    def __init__(self) -> None:
        self._panes: dict[Venue, _Pane] = {}
        self._all = _Pane()
        self._since_usd = 0.0
        self._look_at_usd = math.inf
        self._looked_s = 0
        nothing = [0.0] * (HOURS + 1)
        self.restore(BurstsState(nothing, list(nothing), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, [], {}))

    def state(self) -> BurstsState:
        return msgspec.structs.replace(
            self._known,
            means=list(self._known.means),
            minutes=list(self._known.minutes),
            minute={venue: spans for venue, pane in self._panes.items() if (spans := pane.spans())},
        )

    def restore(self, state: BurstsState) -> None:
        self._known = state
        for venue, spans in state.minute.items():
            for second, long_usd, short_usd in spans:
                self._add(venue, second, long_usd, long=True)
                self._add(venue, second, short_usd, long=False)

    def hear(self, venue: Venue, at_s: float, usd: float, *, long: bool) -> bool:
        """Count one liquidation told live; says whether a look is worth it."""
        second = int(at_s)
        if second != self._looked_s:
            self._looked_s = second
            self._look_at_usd = LEAST_SHARE * self._known.oi_usd or math.inf
        usd = min(usd, MOST_OF_ONE * LEAST_SHARE * self._known.oi_usd)
        self._since_usd += usd
        self._add(venue, second, usd, long=long)
        return self._all.long_usd + self._all.short_usd >= self._look_at_usd

    def _add(self, venue: Venue, second: int, usd: float, *, long: bool) -> None:
        pane = self._panes.get(venue)
        if pane is None:
            pane = self._panes[venue] = _Pane()
        pane.add(second, usd, long=long)
        self._all.add(second, usd, long=long)

    def look(self, now_s: float, held_usd: Mapping[Venue, float]) -> Burst | None:
        """The burst that is going on, if there is one. ``held_usd`` is each venue's open interest."""
        second, oi_usd = int(now_s), self._known.oi_usd
        told: list[tuple[float, Venue, float]] = []
        for venue, pane in self._panes.items():
            pane.advance(second)
            # Added up anew, since what is left of running sums depends on what went before.
            long_usd = math.fsum(pane.long)
            usd = long_usd + math.fsum(pane.short)
            if 0 < usd <= MOST_OF_VENUE * held_usd.get(venue, oi_usd):
                told.append((usd, venue, long_usd))
        self._look_at_usd = 1.02 * (self._all.long_usd + self._all.short_usd)
        total = math.fsum(usd for usd, _, _ in told)
        if not told or not oi_usd:
            return None
        first = max(told)[0]
        share = max(min(total, COMPANY * (total - first)), first / ALONE) / oi_usd
        multiple = total / oi_usd / self.normal(now_s)
        if share < LEAST_SHARE or multiple < LEAST_MULTIPLE:
            return None
        magnitude = self.magnitude(share)
        self._remember(share, now_s)
        return Burst(
            at=moment(now_s),
            usd=total,
            multiple=multiple,
            long_share=math.fsum(long for _, _, long in told) / total,
            venues=tuple(venue for _, venue, _ in sorted(told, key=lambda row: (-row[0], row[1]))),
            magnitude=magnitude,
        )

    def normal(self, now_s: float) -> float:
        """The normal minute of this hour of the week, as a share of open interest."""
        known, hour = self._known, int(now_s // 3600) % HOURS
        heard = known.minutes[HOURS]
        usual = (known.means[HOURS] * heard + PRIOR_MINUTE * PRIOR_MINUTES) / (heard + PRIOR_MINUTES)
        own = known.minutes[hour]
        return (known.means[hour] * own + usual * HOUR_MINUTES) / (own + HOUR_MINUTES)

    def magnitude(self, share: float) -> Magnitude:
        """W of a minute that took so large a share of open interest: a lower estimate."""
        known = self._known
        rate_weight = known.events + PRIOR_RATE * PRIOR_HOURS
        rate = rate_weight / (known.hours + PRIOR_HOURS)
        tail_weight = known.events + PRIOR_EVENTS
        spread = (known.excess + PRIOR_EVENTS * PRIOR_SPREAD) / tail_weight
        beyond = math.log(share / LEAST_SHARE) / spread
        w = (beyond - math.log(rate)) / math.log(10)
        doubt = NINETY * math.sqrt(1 / rate_weight + beyond * beyond / tail_weight) / math.log(10)
        return Magnitude(w, w - doubt, w + doubt)

    def _remember(self, share: float, now_s: float) -> None:
        """A burst becomes history when it is six hours past; those in between are the same event."""
        known = self._known
        known.peak, known.last_s = max(known.peak, share), now_s

    def learn(self, now_s: float, oi_usd: float, price_usd: float | None, *, listening: bool) -> None:
        """A step has passed: what was heard since the last one is what such a time brings."""
        known = self._known
        usd, self._since_usd = self._since_usd, 0.0
        minutes = min((now_s - known.learned_s) / 60, 15.0) if known.learned_s else 0.0
        known.learned_s, known.oi_usd = now_s, oi_usd
        if price_usd is not None:
            kept = [(at, price) for at, price in known.prices if at >= now_s - PRICES_KEPT_S]
            known.prices = [*kept, (now_s, price_usd)]
        if known.peak and now_s - known.last_s >= CLUSTER_GAP_S:
            known.events += 1
            known.excess += math.log(known.peak / LEAST_SHARE)
            known.peak = 0.0
        if not listening or minutes <= 0 or not oi_usd:
            return
        known.hours += minutes / 60
        share = min(usd / minutes / oi_usd, CLIP * self.normal(now_s))
        for place in (int(now_s // 3600) % HOURS, HOURS):
            known.minutes[place] = min(known.minutes[place] + minutes, REMEMBER_MINUTES)
            known.means[place] += (share - known.means[place]) * minutes / known.minutes[place]

    def price_before(self, now_s: float, *, long: bool) -> tuple[float, float] | None:
        """When price stood best for who is losing now, within a quarter of an hour, and where."""
        near = [(at, price) for at, price in self._known.prices if at >= now_s - PRICES_KEPT_S]
        if not near:
            return None
        # Of equal prices the newest: the fall began after it.
        return max(near, key=lambda point: (point[1] if long else -point[1], point[0]))
