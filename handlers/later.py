"""What delivery shows later: the follow-ups of a wave, and the digest a chat asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import exp
from typing import TYPE_CHECKING

from bot.domain.assets import Asset
from bot.domain.market import Snapshot
from bot.domain.posts import Destination, Shown
from bot.domain.statistics import totals
from bot.domain.waves import SAID_WITHIN, Kind, Stage, Wave
from handlers.hindsight import near, open_then
from handlers.later_cards import DigestRow, digest_card, follow_up_card

if TYPE_CHECKING:
    from handlers.desk import Desk

HOUR = timedelta(hours=1)
DIGEST_SHOWN_WITHIN = timedelta(hours=12)
COINS = 6
WAVES = 200


async def follow_up_shown(
    desk: Desk, wave_id: str, after: timedelta, destination: Destination
) -> Shown | None:
    """Nothing where the chat does not want it, shows no such wave, or where it is much too late."""
    wave = await desk.store.waves.get(wave_id)
    if wave is None or wave.stage is not Stage.OVER or wave.over_at is None:
        return None
    if desk.clock() - (wave.over_at + after) > SAID_WITHIN[after]:
        return None
    if after in (await desk.settings(destination)).unfollowed:
        return None
    shown = await desk.store.posts.get(wave_id, destination)
    if shown is None or shown.message is None:
        return None
    known = await desk.outcomes(wave)
    seen = next(told for told in known if told.after == after)
    if seen.price_move is None and seen.rebuilt is None:
        return None
    like = await desk.hindsight.alike(wave, desk.clock()) if after > HOUR else None
    card = desk.sign(follow_up_card(desk.here(wave), seen, like, desk.now()))
    return Shown(revision=1, loud=1, over=False, card=card, quiet=True, reply_to=shown.message)


async def digest_shown(desk: Desk, due: datetime, destination: Destination) -> Shown | None:
    """The last day or week of the coins that the chat follows, else of the largest."""
    digest = (await desk.settings(destination)).digest
    if digest is None or desk.wall() - due > DIGEST_SHOWN_WITHIN:
        return None
    now = desk.clock()
    since = now - digest.period
    coins = await _coins(desk, destination)
    rows = [row for coin in coins[:COINS] if (row := await _row(desk, coin, since, now)) is not None]
    waves = [wave for wave in await desk.store.waves.between(since, now) if _is_told(wave, coins)]
    card = digest_card(digest, rows, desk.here(tuple(waves)), await _funding(desk, now), desk.now())
    return Shown(revision=1, loud=1, over=False, card=desk.sign(card), quiet=True)


async def _coins(desk: Desk, destination: Destination) -> Sequence[Asset]:
    known = await desk.known()
    here = await desk.store.subscriptions.of(destination)
    if not here or any(one.assets is None for one in here):
        return known
    wanted = {asset for one in here for asset in one.assets or ()}
    return [asset for asset in known if asset in wanted]


def _is_told(wave: Wave, coins: Sequence[Asset]) -> bool:
    told = wave.stage is not Stage.RETRACTED and wave.kind in (Kind.FLUSH, Kind.SQUEEZE)
    return told and not wave.from_history and wave.asset in coins


async def _row(desk: Desk, asset: Asset, since: datetime, now: datetime) -> DigestRow | None:
    latest, before = await near(desk.store, asset, now), await near(desk.store, asset, since)
    if latest is None:
        return None
    held = await open_then(desk.store, asset, latest.at)
    coins_move = exp(latest.index - before.index) - 1 if before else None
    return DigestRow(asset, coins_move, _price_move(before, latest), held.more_than, held.funding)


def _price_move(before: Snapshot | None, latest: Snapshot) -> float | None:
    if before is None or not before.price_usd or not latest.price_usd:
        return None
    return latest.price_usd / before.price_usd - 1


async def _funding(desk: Desk, now: datetime) -> Sequence[tuple[Asset, float]]:
    """Of every coin that tells it, a fraction per year, the lowest first."""
    newest = await desk.store.statistics.newest_of_all(now - HOUR)
    known = [(asset, totals(told).funding) for asset, told in newest.items()]
    return sorted(((asset, rate) for asset, rate in known if rate is not None), key=lambda pair: pair[1])
