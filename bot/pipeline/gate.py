"""Believe a figure, or say why not.

Pure: time comes with the observations. Amounts are judged in the venue's own unit, where a price move
alone changes nothing. What is not believed moves no index; what is believed again later brings its change
with it, unless it is a new beginning (the venue counts in other units, or the contract was re-sized).
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from bot.domain.market import Instrument, OpenInterest, Price, Reading
from bot.domain.units import Amount, measure
from bot.domain.verdicts import Verdict

FUTURE_TOLERANCE = timedelta(minutes=2)
JUMP_AT_A_MINUTE = 0.35
"""|ln| change within a minute that is held until the next reading agrees: −30 % or +42 %."""
JUMP_AT_MOST = 1.5
AGREES = 0.15
"""|ln| distance within which two readings tell the same."""
RECOUNT = math.log(5)
"""A larger confirmed jump, or one by exactly two, is taken for a change of counting, never for a fall."""
RECOUNT_AFTER = timedelta(hours=1)
"""So long the larger ones must agree: a venue that is wrong by a thousand for some minutes must not outweigh
all others in every sum meanwhile."""
TWICE = 0.002
FROZEN_CHANCE = 2e-3
FROZEN_AFTER_S = 600.0
PRICE_JUMP = math.log(2)
"""A price that doubles or halves between two readings is held until the next one agrees."""


def _number(told: Decimal) -> float:
    """As a float; NaN where it is none (a signalling NaN would raise)."""
    try:
        return float(told)
    except ValueError:
        return math.nan


def _possible(price: Decimal) -> float | None:
    number = _number(price)
    return number if number > 0 and math.isfinite(number) else None


def _jump_after(elapsed: timedelta) -> float:
    """The |ln| change that is held until confirmed, where the last change was so long ago."""
    minutes = max(1.0, elapsed.total_seconds() / 60)
    return min(JUMP_AT_MOST, JUMP_AT_A_MINUTE * math.sqrt(math.sqrt(minutes)))


class _Track(msgspec.Struct):
    """What the gate remembers of one instrument's amount."""

    instrument: Instrument
    value: Decimal | None = None
    native: float = 0.0
    at: datetime | None = None
    changed_at: datetime | None = None
    pending: float = 0.0
    pending_at: datetime | None = None
    run: int = 0
    repeats: int = 1
    seen: int = 2
    told: bool = False


class _PriceTrack(msgspec.Struct):
    price: float = 0.0
    at: datetime | None = None
    pending: float = 0.0


class GateState(msgspec.Struct):
    tracks: list[_Track]
    prices: list[tuple[str, str, _PriceTrack]]


class Gate:
    """Judges observations of every venue, one instrument at a time.

    ``fresh`` is how old a figure or a price may be to count.
    """

    def __init__(self, fresh: timedelta) -> None:
        self._fresh = fresh
        self._tracks: dict[tuple[str, str], _Track] = {}
        self._prices: dict[tuple[str, str], _PriceTrack] = {}

    def state(self) -> GateState:
        return GateState(
            list(self._tracks.values()),
            [(venue, symbol, track) for (venue, symbol), track in self._prices.items()],
        )

    def restore(self, state: GateState) -> None:
        self._tracks = {(t.instrument.venue, t.instrument.symbol): t for t in state.tracks}
        self._prices = {(venue, symbol): track for venue, symbol, track in state.prices}

    def price(self, said: Price) -> Verdict:
        """Keep a price for the instrument's next open interest, if it can be believed."""
        key = (said.instrument.venue, said.instrument.symbol)
        return self._price(key, said.price, said.at, said.received)

    def _price(self, key: tuple[str, str], told: Decimal, at: datetime, received: datetime) -> Verdict:
        price = _number(told)
        if not (price > 0 and math.isfinite(price)):
            return Verdict.IMPOSSIBLE
        if at is not received:
            if at - received > FUTURE_TOLERANCE:
                return Verdict.FUTURE
            if received - at > self._fresh:
                return Verdict.STALE
        track = self._prices.get(key)
        if track is None:
            track = self._prices[key] = _PriceTrack()
        if track.at is not None:
            if at < track.at:
                return Verdict.BACKWARDS
            if (
                abs(math.log(price / track.price)) > PRICE_JUMP
                and at - track.at <= 4 * self._fresh
                and not (track.pending and abs(math.log(price / track.pending)) < AGREES)
            ):
                track.pending = price
                return Verdict.JUMPED
        track.price, track.at, track.pending = price, at, 0.0
        return Verdict.ACCEPT

    def open_interest(self, said: OpenInterest) -> tuple[Verdict, Reading | None]:
        """The verdict, and the reading when it is ``ACCEPT``."""
        instrument = said.instrument
        key = (instrument.venue, instrument.symbol)
        verdict = self._timely(said)
        if verdict is not Verdict.ACCEPT:
            return verdict, None
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = _Track(instrument)
        elif track.instrument is not instrument and track.instrument != instrument:
            before, track.instrument = track.instrument, instrument
            if not before.counts_as(instrument):
                track = self._tracks[key] = _Track(instrument)
                if before.contract != instrument.contract:
                    return Verdict.RESIZED, None
        verdict, anew = self._judge(track, said)
        if verdict is not Verdict.ACCEPT:
            return verdict, None
        price = self._price_for(key, said)
        size = measure(said.amount, instrument.contract, price, instrument.coins_per_base)
        if size.coins is None:
            return Verdict.UNPRICED, None
        anew = anew or not track.told
        track.told = True
        coin_price = price / instrument.coins_per_base if price else None
        return verdict, Reading(instrument, size.coins, coin_price, said.at, said.received, anew)

    def recounting(self, instrument: Instrument, now: datetime) -> bool:
        """Is its open interest held back because it seems to be told in other units?

        Whatever else is told of it may be in those units as well. Where no more open interest is told, that
        is forgotten once it would have been believed.
        """
        track = self._tracks.get((instrument.venue, instrument.symbol))
        if track is None or not track.pending or track.pending_at is None:
            return False
        jump = abs(math.log(track.pending / track.native))
        return jump > RECOUNT and now - track.pending_at <= RECOUNT_AFTER + self._fresh

    def _timely(self, said: OpenInterest) -> Verdict:
        at, received = said.at, said.received
        if at is not received:
            if at - received > FUTURE_TOLERANCE:
                return Verdict.FUTURE
            if received - at > self._fresh:
                return Verdict.STALE
        expiry = said.instrument.expiry
        if expiry is not None and at >= expiry:
            return Verdict.EXPIRED
        return Verdict.ACCEPT

    def _price_for(self, key: tuple[str, str], said: OpenInterest) -> float | None:
        if said.price is not None:
            self._price(key, said.price, said.at, said.received)
        track = self._prices.get(key)
        if track is None or track.at is None or said.at - track.at > self._fresh:
            implied = said.implied_price
            return None if implied is None else _possible(implied)
        return track.price

    def _judge(self, track: _Track, said: OpenInterest) -> tuple[Verdict, bool]:
        """The verdict on the amount alone, and whether it is a new beginning."""
        value = said.amount.value
        native = _number(value)
        if not math.isfinite(native) or native < 0:
            return Verdict.IMPOSSIBLE, False
        before, last_at = track.value, track.at
        if native == 0:
            return Verdict.ZERO, False
        if before is None or last_at is None:
            self._accept(track, said.amount, native, said.at)
            return Verdict.ACCEPT, True
        if said.at <= last_at:
            return (Verdict.REPEATED if said.at == last_at else Verdict.BACKWARDS), False
        if value == before:
            return self._same(track, said), False
        anew = False
        ratio = math.log(native / track.native)
        if abs(ratio) > JUMP_AT_A_MINUTE and abs(ratio) > _jump_after(
            said.at - (track.changed_at or last_at)
        ):
            held, since = track.pending, track.pending_at
            if not held or since is None or abs(math.log(native / held)) > AGREES:
                track.pending, track.pending_at = native, said.at
                return Verdict.JUMPED, False
            if abs(ratio) > RECOUNT and said.at - since < RECOUNT_AFTER:
                track.pending = native
                return Verdict.JUMPED, False
            anew = abs(ratio) > RECOUNT or abs(abs(math.log(held / track.native)) - math.log(2)) < TWICE
        self._accept(track, said.amount, native, said.at)
        return Verdict.ACCEPT, anew

    @staticmethod
    def _accept(track: _Track, amount: Amount, native: float, at: datetime) -> None:
        track.value, track.native, track.at, track.changed_at = amount.value, native, at, at
        track.pending = 0.0
        track.run = 0
        track.seen += 1

    @staticmethod
    def _same(track: _Track, said: OpenInterest) -> Verdict:
        """Frozen when this instrument has shown it practically never stands still this long.

        With ``p`` the share of its readings that repeated the one before, ``n`` repeats in a row have
        probability ``p ** n``.
        """
        track.run += 1
        track.repeats += 1
        track.seen += 1
        track.at = said.at
        track.pending = 0.0
        changed_at = track.changed_at or said.at
        # The run itself must not teach the gate that standing still is normal.
        usual = (track.repeats - track.run) / max(1, track.seen - track.run)
        if usual**track.run < FROZEN_CHANCE and (said.at - changed_at).total_seconds() >= FROZEN_AFTER_S:
            return Verdict.FROZEN
        return Verdict.ACCEPT
