"""Which contracts a poll asks in a round, where a venue answers for one at a time and its budget is short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.domain.market import Observation, OpenInterest, Price
from bot.domain.units import measure
from bot.exchanges.spec import Book, Exchange, Poll, Request

USABLE = 0.8
"""Of a budget: the rest is for asking again, for the past, and for whoever else shares this address."""
FOR_THE_LARGEST = 4
"""At least one place in so many is for contracts that are asked every round."""


class Sizes:
    """The last known open interest of each of a venue's contracts, in dollars."""

    def __init__(self) -> None:
        self._prices: dict[str, float] = {}
        self._figures: dict[str, OpenInterest] = {}

    def take(self, told: Iterable[Observation]) -> None:
        for one in told:
            if isinstance(one, OpenInterest):
                self._figures[one.instrument.symbol] = one
            if isinstance(one, OpenInterest | Price) and one.price is not None:
                self._prices[one.instrument.symbol] = float(one.price)

    def usd(self, symbol: str) -> float | None:
        """``None`` where it is not known."""
        figure = self._figures.get(symbol)
        if figure is None:
            return None
        contract = figure.instrument.contract
        return measure(figure.amount, contract, self._prices.get(symbol)).usd


class Rotation:
    """Takes turns: the largest every round, the others by how long ago they were asked.

    As few rounds as can be pass until every contract was asked. One that was never asked goes first.
    """

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self._round = 0
        self._asked: dict[str, int] = {}

    def choose(self, symbols: Iterable[str], places: int) -> Sequence[str]:
        """At most ``places`` of ``symbols`` for the next round."""
        self._round += 1
        every = list(symbols)
        if len(every) <= places:
            return every
        known = [(usd, symbol) for symbol in every if (usd := self._sizes.usd(symbol)) is not None]
        known.sort(key=lambda one: -one[0])
        unmet = sum(symbol not in self._asked for symbol in every)
        most = min(always(len(every), places), max(0, places - unmet))
        largest = [symbol for _, symbol in known[:most]]
        chosen = set(largest)
        others = [symbol for symbol in every if symbol not in chosen]
        others.sort(key=lambda symbol: self._asked.get(symbol, 0))
        return largest + others[: places - len(largest)]

    def asked(self, symbol: str) -> None:
        self._asked[symbol] = self._round


def always(symbols: int, places: int) -> int:
    """How many of ``symbols`` can be asked every round, if all are to be asked within few rounds.

    Within N rounds ``places`` can ask L always and N × (``places`` − L) others: enough for all while
    L ≤ (N × ``places`` − ``symbols``) ÷ (N − 1). N is the smallest that leaves the largest their share.
    """
    rounds = 2
    while (most := (rounds * places - symbols) // (rounds - 1)) < places // FOR_THE_LARGEST:
        rounds += 1
    return most


def places(exchange: Exchange, poll: Poll, book: Book, symbols: int) -> int:
    """How many of its ``symbols`` a rotating poll may ask in a round; at least one.

    What the venue's other polls leave of the budget is shared among those that rotate, by what each of
    them would need for all of its contracts.
    """
    spare = exchange.budget.weight * (poll.every / exchange.budget.per) * USABLE
    spare -= _weight(exchange.book.requests()) * (poll.every / exchange.book.every)
    needed = float(_weight(poll.requests(book)))
    for other in exchange.polls:
        if other is poll or other.stands_in_for:
            continue
        weight = _weight(other.requests(book)) * (poll.every / other.every)
        if other.rotates:
            needed += weight
        else:
            spare -= weight
    return symbols if needed <= spare else max(1, int(symbols * spare / needed))


def _weight(requests: Iterable[Request]) -> int:
    return sum(request.weight for request in requests)
