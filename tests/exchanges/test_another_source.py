"""What one source of a venue tells is not taken for another's, where both speak in the same words."""

from __future__ import annotations

import pytest

from bot.domain.market import Venue
from bot.errors import SourceChanged
from bot.exchanges import EXCHANGES
from tests.exchanges.payloads import NOW, PAYLOADS, book_of


@pytest.mark.parametrize(
    ("asked", "payload"),
    [
        ("htx open-interest", "htx/liquidations"),
        ("htx open-interest", "htx/liq_orders_older"),
        ("htx open-interest-v5", "htx/liq_orders_newer"),
        ("htx coin-margined", "htx/liquidations_coin_swaps"),
        ("bitfinex volume", "bitfinex/statuses"),
        ("cryptocom funding", "cryptocom/mark_price"),
    ],
)
def test_a_payload_of_another_source_is_not_read(asked: str, payload: str) -> None:
    venue, name = asked.split()
    exchange = EXCHANGES[Venue(venue)]
    (poll,) = (one for one in (*exchange.polls, *exchange.unasked) if one.name == name)
    (body,) = (one.body for one in PAYLOADS if str(one) == payload)
    with pytest.raises(SourceChanged):
        poll.parse(body, book_of(exchange.venue), NOW)
