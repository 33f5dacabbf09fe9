"""One odd row of a frame, or of a past, takes no other with it, and is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.domain.market import Venue
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import lost_of
from tests.exchanges.payloads import NOW, PAYLOADS, book_of

TYPELESS = '"SELL", "size": "0.4021", "price": "80450"'


@pytest.mark.parametrize(
    ("venue", "name", "figure", "odd"),
    [
        ("bitfinex", "liquidations_over_http", "3455.25", "null"),
        ("bybit", "liquidations_linear", '"0.513"', '"?"'),
        ("dydx", "trades", '"SELL", "size": "0.4021", "price": "80450", "type": "LIQUIDATED"', TYPELESS),
        ("gate", "liquidations", '"10.5"', '"?"'),
        ("htx", "liquidations", "1200", '"?"'),
        ("lighter", "trades_both_sides", '"market-settlement"', '"another"'),
        ("okx", "liquidations", '"12"', '"?"'),
    ],
)
def test_the_other_liquidations_of_a_frame_are_heard(venue: str, name: str, figure: str, odd: str) -> None:
    kept = next(p for p in PAYLOADS if (p.venue, p.name) == (venue, name))
    source = kept.what.removeprefix("socket:")
    parse = next(s.parse for s in EXCHANGES[Venue(venue)].sockets if s.name == source)
    frame = json.dumps(json.loads(kept.body))
    assert figure in frame
    spoilt = frame.replace(figure, odd, 1)
    whole = parse(frame.encode(), book_of(Venue(venue)), NOW)
    heard = parse(spoilt.encode(), book_of(Venue(venue)), NOW)
    assert not lost_of(whole)
    counted = venue != "lighter"  # whose settlement of a market is no liquidation
    assert (len(heard), len(lost_of(heard))) == (len(whole) - counted, 1)


@pytest.mark.parametrize(
    ("venue", "name", "figure"),
    [
        ("binance_usdm", "open_interest_hist", "sumOpenInterest"),
        ("bitfinex", "history", 17),
        ("bybit", "open_interest_linear", "openInterest"),
        ("htx", "history_coins", "volume"),
        ("kucoin", "open_interest_history", "openInterest"),
        ("okx", "open_interest_history", 1),
    ],
)
def test_the_other_points_of_a_past_are_kept(venue: str, name: str, figure: Any) -> None:
    kept = next(p for p in PAYLOADS if (p.venue, p.name) == (venue, name))
    history = EXCHANGES[Venue(venue)].history
    assert history is not None
    page = json.loads(kept.body)
    rows = page if isinstance(page, list) else page.get("result") or page["data"]
    rows = rows if isinstance(rows, list) else rows.get("list") or rows["tick"]
    rows[0][figure] = "1e99"
    contract = book_of(Venue(venue))[kept.symbol]
    points = history.parse(json.dumps(page).encode(), contract, NOW)
    assert (len(points), len(lost_of(points))) == (len(rows) - 1, 1)


@pytest.mark.parametrize(
    ("venue", "name", "says"),
    [
        ("coinbase_intl", "book", "type"),
        ("coinex", "book", "contract_type"),
        ("cryptocom", "book", "inst_type"),
        ("cryptocom", "book", "tradable"),
        ("deribit", "book", "kind"),
        ("dydx", "book", "status"),
        ("kraken_futures", "book", "tradeable"),
        ("whitebit", "book", "type"),
    ],
)
def test_a_contract_that_does_not_say_whether_it_is_meant_is_told(venue: str, name: str, says: str) -> None:
    kept = next(p for p in PAYLOADS if (p.venue, p.name) == (venue, name))
    parse = EXCHANGES[Venue(venue)].book.parse
    whole = parse(kept.body)
    one = next(iter(whole))
    listed = parse(json.dumps(_without(json.loads(kept.body), one, says)).encode())
    assert set(whole) - set(listed) == {one}
    assert set(listed.unreadable) - set(whole.unreadable) == {f"{one}: {says} is missing"}


def _without(page: Any, symbol: str, says: str) -> Any:
    """``page`` with the row of ``symbol`` no longer saying that."""
    if isinstance(page, list):
        return [_without(one, symbol, says) for one in page]
    if not isinstance(page, dict):
        return page
    meant = symbol in page.values()
    return {name: _without(one, symbol, says) for name, one in page.items() if not (meant and name == says)}
