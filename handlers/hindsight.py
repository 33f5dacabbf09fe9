"""What came of past waves, asked of the store: outcomes, the aftermath of such resets, and the scorecard."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from math import exp, log
from typing import NamedTuple, TypeVar

import msgspec

from bot.domain.assets import Asset
from bot.domain.health import LIVE_SINCE
from bot.domain.market import Snapshot, Venue
from bot.domain.posts import summed_waves
from bot.domain.statistics import totals
from bot.domain.waves import AFTER, SAID_WITHIN, Kind, Outcome, Stage, Wave
from bot.known import SAME_EVENT_DAYS, published
from bot.pipeline.aftermath import LEAST, Aftermath, Followed, Prices, Reset, aftermath
from bot.pipeline.score import Scorecard, score
from bot.ports import Store

K = TypeVar("K")
V = TypeVar("V")

MINUTE = timedelta(minutes=1)
SETTLED = 10 * MINUTE
"""So soon after live figures began every contract has been read."""
ONE_COUNT = 0.03
"""A venue that moves by more than this fraction where live figures take over counts other contracts."""
STALE = timedelta(minutes=75)
"""Old snapshots are kept once an hour: an older one does not stand for a moment asked about."""
EXACT = timedelta(minutes=2)
"""The snapshot of an end is that of its step; an older one, after thinning, may be from before the fall."""
LIKE_W = 0.5
"""Resets are alike from half a magnitude below: at least a third as rare."""
MOST_RESETS = 200
MOST_WAVES = 5_000
MOST_ALIKE = 64
MOST_LEVERS = 64
ANEW = timedelta(minutes=10)
MOST_COINS = 12
"""So many coins' histories are read where those of one are not enough."""
HISTORY = timedelta(days=5 * 366)
YEAR = timedelta(days=365)
LEAST_DAYS = 14
"""A percentile of fewer days would be one of chance."""
HOUR = timedelta(hours=1)
COURSE = tuple(sorted({*AFTER, 4 * HOUR, 12 * HOUR, timedelta(days=3)}))
"""What followed is drawn at these times, and told in words at those of ``AFTER``."""
DAY = timedelta(days=1)
TOLD_AHEAD = timedelta(minutes=1)


async def near(store: Store, asset: Asset, at: datetime) -> Snapshot | None:
    """The snapshot that stands for a moment; ``None`` where nothing was seen near it."""
    found = await store.journal.snapshot(asset, at)
    return found if found and at - found.at <= STALE else None


class Recount(NamedTuple):
    """When live figures took over, and the venues whose past counts other contracts than are watched live.

    Some venues remember perpetuals alone. Where live figures took over, such a venue's coins jump.
    """

    at: datetime
    venues: frozenset[Venue]

    def without(self, before: Snapshot) -> Snapshot:
        """What can be compared with now."""
        kept = tuple(venue for venue in before.venues if venue.venue not in self.venues)
        return msgspec.structs.replace(before, venues=kept, coins=sum(venue.coins for venue in kept))


async def recount(store: Store, now: Snapshot, before: Snapshot) -> Recount | None:
    """``None`` where no venue counts otherwise, or both ends are of the same time."""
    began = await store.journal.kept(LIVE_SINCE)
    since = datetime.fromisoformat(began.decode()) if began else before.at
    if not before.at < since < now.at:
        return None
    told = await store.journal.snapshot(now.asset, since - MINUTE)
    soon = await store.journal.snapshots(now.asset, since, min(since + SETTLED, now.at), MINUTE)
    if told is None or not soon:
        return None
    was = {venue.venue: venue.coins for venue in told.venues}
    jumped = frozenset(
        venue.venue
        for venue in soon[-1].venues
        if (old := was.get(venue.venue)) and abs(venue.coins / old - 1) > ONE_COUNT
    )
    return Recount(since, jumped) if jumped else None


async def comparable(store: Store, now: Snapshot, before: Snapshot) -> Snapshot:
    """``before`` without the venues whose past counts other contracts than are watched live."""
    found = await recount(store, now, before)
    return found.without(before) if found else before


# --- outcomes --------------------------------------------------------------------------------------------


async def outcomes(store: Store, wave: Wave, now: datetime) -> Sequence[Outcome]:
    """What price and coin OI did after the end; unknown where that time has not come or was not seen.

    What was seen when it was due is kept for ever and goes first: older snapshots lie further apart.
    """
    if wave.stage is not Stage.OVER or wave.over_at is None:
        return ()
    kept = {outcome.after: outcome for outcome in await store.waves.outcomes(wave.id)}
    return [kept.get(after) or await outcome(store, wave, after, now) for after in AFTER]


async def outcome(store: Store, wave: Wave, after: timedelta, now: datetime) -> Outcome:
    """By the recorded market. Price counts from that of the low, which the wave states."""
    end = wave.over_at or wave.low_at
    later = await near(store, wave.asset, end + after) if end + after <= now else None
    if later is None:
        return Outcome(after, None, None)
    index = await _index_at_the_end(store, wave, end)
    move = exp(later.index - index) - 1 if index is not None else None
    return Outcome(
        after,
        later.price_usd / wave.price_now_usd - 1 if later.price_usd and wave.price_now_usd else None,
        move,
        move * wave.coins_now / wave.coins_closed if move is not None and wave.coins_closed > 0 else None,
        await funding(store, later),
    )


async def _index_at_the_end(store: Store, wave: Wave, end: datetime) -> float | None:
    """Where snapshots were thinned since, from the calm before the fall and the fall itself."""
    known = await near(store, wave.asset, end)
    if known is not None and end - known.at <= EXACT:
        return known.index
    before = await near(store, wave.asset, wave.onset)
    return before.index + log(1 - wave.fall) if before is not None and wave.fall < 1 else None


class Hindsight:
    """What was counted before, so that the next who asks need not wait: outcomes whose times have all passed
    are the same for ever, and what follows resets alike is counted anew after ``ANEW``.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._outcomes: OrderedDict[tuple[str, int], Sequence[Outcome]] = OrderedDict()
        self._alike: OrderedDict[tuple[str, Asset, Kind, float, int], Alike] = OrderedDict()
        self._levers: OrderedDict[tuple[str, datetime], tuple[OpenThen, OpenThen]] = OrderedDict()
        self._turn = asyncio.Lock()

    async def outcomes(self, wave: Wave, now: datetime) -> Sequence[Outcome]:
        """As the function of that name."""
        name = (wave.id, wave.revision)
        if name in self._outcomes:
            return self._outcomes[name]
        known = await outcomes(self.store, wave, now)
        if wave.over_at is not None and now - wave.over_at > AFTER[-1] + SAID_WITHIN[AFTER[-1]]:
            _remember(self._outcomes, name, known, MOST_WAVES)
        return known

    async def alike(self, wave: Wave, now: datetime, *, least_w: float | None = None) -> Alike:
        """As the function of that name; one after the other, since each reads much."""
        least = wave.magnitude.w - LIKE_W if least_w is None else least_w
        without = wave.id if least_w is None else ""
        name = (without, wave.asset, wave.kind, round(least, 2), int(now.timestamp() // ANEW.total_seconds()))
        async with self._turn:
            if name not in self._alike:
                _remember(self._alike, name, await alike(self, wave, now, least_w=least_w), MOST_ALIKE)
            return msgspec.structs.replace(self._alike[name], wave=wave)

    async def leverage(self, wave: Wave) -> tuple[OpenThen, OpenThen]:
        """Before the onset, and at the low."""
        name = (wave.id, wave.low_at)
        async with self._turn:
            if name not in self._levers:
                before = await open_then(self.store, wave.asset, wave.onset)
                ends = before, await open_then(self.store, wave.asset, wave.low_at)
                _remember(self._levers, name, ends, MOST_LEVERS)
            return self._levers[name]


def _remember(kept: OrderedDict[K, V], name: K, thing: V, most: int) -> None:
    kept[name] = thing
    while len(kept) > most:
        kept.popitem(last=False)


# --- what usually follows --------------------------------------------------------------------------------


class Alike(msgspec.Struct, frozen=True):
    """What followed resets like ``wave``: one entry of ``after`` for each time that is known of any.

    ``all_coins`` where resets of its own coin were too few, ``least_w`` the smallest that counted, ``since``
    when the history begins. ``course`` is told at every time of ``COURSE`` that is known, and ``moves`` are
    those of price after each of the resets at all of them.
    """

    wave: Wave
    least_w: float
    all_coins: bool
    since: datetime | None
    after: tuple[Aftermath, ...]
    course: tuple[Aftermath, ...] = ()
    moves: tuple[tuple[float | None, ...], ...] = ()


async def alike(hindsight: Hindsight, wave: Wave, now: datetime, *, least_w: float | None = None) -> Alike:
    """Resets of the same kind from ``LIKE_W`` below on, of the same coin where those are enough.

    ``wave`` itself is not among them, since it would stand in its own history; it is where ``least_w`` is
    given, which asks about all resets of that kind and size.
    """
    least = wave.magnitude.w - LIKE_W if least_w is None else least_w
    without = wave.id if least_w is None else ""
    own = await _like(hindsight.store, wave.kind, least, wave.asset, without)
    told = await _told(hindsight, wave, own, least, now, all_coins=False)
    if any(one.n >= LEAST for one in told.after):
        return told
    of_all = await _like(hindsight.store, wave.kind, least, None, without)
    if len(of_all) == len(own):
        return told
    more = await _told(hindsight, wave, of_all, least, now, all_coins=True)
    return more if more.after else told


async def _like(store: Store, kind: Kind, least_w: float, asset: Asset | None, without: str) -> list[Wave]:
    return [
        other
        for other in await store.waves.recent(asset, limit=MOST_RESETS)
        if other.stage is Stage.OVER
        and other.id != without
        and other.kind is kind
        and other.magnitude.w >= least_w
    ]


async def _told(
    hindsight: Hindsight, wave: Wave, like: Sequence[Wave], least_w: float, now: datetime, *, all_coins: bool
) -> Alike:
    coins = list(dict.fromkeys(chain([wave.asset], (other.asset for other in like))))[:MOST_COINS]
    points = {asset: await hindsight.store.journal.series(asset, now - HISTORY, now, HOUR) for asset in coins}
    outcomes_of = [(one, await hindsight.outcomes(one, now)) for one in like if one.asset in points]

    def compare() -> Alike:
        history = {asset: Prices(series) for asset, series in points.items()}
        moves = [(one, _course(one, known, history[one.asset])) for one, known in outcomes_of]
        found = []
        for place, after in enumerate(COURSE):
            followed = [*_followed(moves, place), *_of_published(wave, like, history, after)]
            if (told := aftermath(followed, history, after)) is not None:
                found.append(told)
        first = min((series[0].at for series in points.values() if series), default=None)
        return Alike(
            wave,
            least_w,
            all_coins,
            first,
            after=tuple(told for told in found if told.after in AFTER),
            course=tuple(found),
            moves=tuple(course for _one, course in moves),
        )

    return await asyncio.to_thread(compare)


Course = tuple[float | None, ...]


def _course(wave: Wave, known: Sequence[Outcome], prices: Prices) -> Course:
    """What price did until each time of ``COURSE``; between those of ``AFTER`` by the hours of the record."""
    told = {one.after: one.price_move for one in known}
    end, begin = wave.over_at or wave.low_at, wave.price_now_usd

    def move(after: timedelta) -> float | None:
        if after in told:
            return told[after]
        later = prices.later(end, after)
        return later / begin - 1 if later and begin else None

    return tuple(move(after) for after in COURSE)


def _followed(moves: Sequence[tuple[Wave, Course]], place: int) -> list[Followed]:
    return [
        Followed(Reset(wave.over_at or wave.low_at, wave.asset, wave.magnitude.w), move)
        for wave, course in moves
        if (move := course[place]) is not None
    ]


def _of_published(
    wave: Wave, like: Sequence[Wave], history: dict[Asset, Prices], after: timedelta
) -> list[Followed]:
    """Published resets of a day that was recorded, told from its end; not those that are among the waves."""
    if wave.kind is not Kind.FLUSH or after < DAY:
        return []
    days = {other.low_at.astimezone(UTC).date() for other in (*like, wave)}
    found = []
    for event in published(wave.asset, date.min):
        end = datetime.combine(event.day, time(), UTC) + DAY
        known = any(abs((event.day - day).days) <= SAME_EVENT_DAYS for day in days)
        move = None if known or event.kind != Kind.FLUSH else history[wave.asset].move(end.timestamp(), after)
        if move is not None:
            found.append(Followed(Reset(end, wave.asset, 0.0), move))
    return found


# --- leverage --------------------------------------------------------------------------------------------


class OpenThen(msgspec.Struct, frozen=True):
    """How much was open at one time: on which share of ``days`` before it was less (a fraction), and funding.

    ``None`` where that is not known; ``funding`` is a fraction per year.
    """

    more_than: float | None
    days: int
    funding: float | None


async def open_then(store: Store, asset: Asset, at: datetime) -> OpenThen:
    """Coin OI like with like against each day of the year before."""
    then = await near(store, asset, at)
    if then is None:
        return OpenThen(None, 0, None)
    days = await store.journal.series(asset, at - YEAR, at - DAY, DAY)
    less = sum(point.index < then.index for point in days)
    known = len(days) >= LEAST_DAYS
    return OpenThen(less / len(days) if known else None, len(days), await funding(store, then))


async def funding(store: Store, then: Snapshot) -> float | None:
    """Of that time, a fraction per year; the statistics tell it in steps of five minutes."""
    if then.funding is not None:
        return then.funding
    told = await store.statistics.newest(then.asset, then.at)
    return totals(told).funding if told is not None and then.at - told.at <= STALE else None


# --- the scorecard ---------------------------------------------------------------------------------------


async def scorecard(store: Store, since: datetime, until: datetime, speed: float) -> Scorecard:
    """How the alerts did of waves that began from ``since`` to ``until`` (the market's time).

    ``speed`` is how many of the market's seconds pass in a real one.
    """
    subscriptions = await store.subscriptions.all()
    told = await store.posts.told(since - TOLD_AHEAD)
    spared = {wave for one in told for wave in summed_waves(one.subject)}
    for platform in {one.destination.platform for one in subscriptions}:
        spared |= set(chain.from_iterable((await store.chats.held(platform)).values()))
    waves = [wave for wave in await store.waves.between(since, until) if not wave.from_history]
    return score(waves, told, subscriptions, spared, since, until, speed)
