"""What an observation is, whoever heard it: two collectors of one venue tell one thing under one name."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b

from bot.domain.market import (
    AccountRatio,
    Funding,
    Liquidation,
    Observation,
    OpenInterest,
    Price,
    Report,
    Supply,
    Volume,
)

Name = tuple[object, ...]


def natural_id(said: Observation) -> Name:
    """Equal for what a venue told once. When we heard it is no part of it."""
    match said:
        case Report():
            return "report", said.venue, said.source, said.asset, said.as_of, said.coins, said.preliminary
        case Liquidation():  # as the tally tells them apart
            return "liquidation", *_of(said), str(said.amount.value), said.number
        case OpenInterest():
            return "open interest", *_of(said), str(said.amount.value), str(said.price)
        case Volume():
            return "volume", *_of(said), str(said.amount.value)
        case Price():
            return "price", *_of(said), str(said.price)
        case Funding():
            return "funding", *_of(said), str(said.rate)
        case AccountRatio():
            return "accounts", *_of(said), str(said.long_per_short)
        case Supply():
            return "supply", *_of(said), str(said.coins)


def _of(said: OpenInterest | Price | Funding | Volume | AccountRatio | Supply | Liquidation) -> Name:
    return said.instrument.venue, said.instrument.symbol, said.at


def natural_key(batch: Sequence[Observation]) -> str:
    """One name for all of a batch, the same in every process."""
    return blake2b(repr([natural_id(said) for said in batch]).encode(), digest_size=16).hexdigest()


def asset_of(said: Observation) -> str:
    return said.asset if isinstance(said, Report) else said.instrument.asset


class Window:
    """The newest ``most`` observations, by fingerprint: two are taken for one with a chance of 1 in 10^9.

    The oldest is found by its place in a ring: a dict looks for its first key behind all that were taken out
    before it, which in a flood held the event loop for a tenth of a second.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._first: dict[int, int] = {}
        self._order = array("q")
        self._oldest = 0

    def fresh(self, batch: Sequence[Observation], number: int = 0) -> Sequence[Observation]:
        """Without what another batch than ``number`` brought before."""
        kept = []
        first = self._first
        for said in batch:
            name = hash(natural_id(said))
            known = first.get(name)
            if known is None:
                self._remember(name, number)
            if known is None or known == number:
                kept.append(said)
        return batch if len(kept) == len(batch) else kept

    def _remember(self, name: int, number: int) -> None:
        self._first[name] = number
        if len(self._order) < self._most:
            self._order.append(name)
            return
        del self._first[self._order[self._oldest]]
        self._order[self._oldest] = name
        self._oldest = (self._oldest + 1) % self._most
