"""CoinEx: one call gives every market; inverse markets count dollars, linear ones coins."""

from __future__ import annotations

from collections.abc import Sequence

from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import Ask, View, WireFormat, text, whole

FUNDING_MS = 28_800_000


def _envelope(rows: Sequence[object]) -> object:
    return {"code": 0, "data": rows, "message": "OK"}


def _market(view: View, _: Ask) -> object:
    return _envelope([_listed(h.contract) for h in view.holdings])


def _listed(contract: Contract) -> object:
    return {
        "market": contract.symbol,
        "contract_type": "inverse" if contract.inverse else "linear",
        "taker_fee_rate": "0.0005",
        "maker_fee_rate": "0.0003",
        "min_amount": "10" if contract.inverse else "0.0001",
        "base_ccy": contract.coin,
        "quote_ccy": "USD" if contract.inverse else "USDT",
        "base_ccy_precision": 8,
        "quote_ccy_precision": 2,
        "tick_size": "0.01",
        "is_market_available": True,
        "leverage": ["3", "100"],
    }


def _tickers(view: View, _: Ask) -> object:
    return _envelope([_ticker(h) for h in view.holdings])


def _ticker(holding: Holding) -> object:
    price, inverse = text(holding.price_usd), holding.contract.inverse
    traded_usd = holding.volume_coins * holding.price_usd
    return {
        "market": holding.contract.symbol,
        "last": price,
        "open": price,
        "close": price,
        "high": price,
        "low": price,
        "volume": whole(traded_usd) if inverse else text(holding.volume_coins, 4),
        "value": text(holding.volume_coins if inverse else traded_usd, 4),
        "index_price": price,
        "mark_price": price,
        "open_interest_volume": whole(holding.counted) if inverse else text(holding.counted, 4),
        "period": 86_400,
    }


def _funding(view: View, _: Ask) -> object:
    last = view.ms // FUNDING_MS * FUNDING_MS
    return _envelope(
        [
            {
                "market": h.contract.symbol,
                "mark_price": text(h.price_usd),
                "latest_funding_rate": text(h.funding_8h, 12),
                "next_funding_rate": text(h.funding_8h, 12),
                "latest_funding_time": last,
                "next_funding_time": last + FUNDING_MS,
            }
            for h in view.holdings
        ]
    )


def _lists(coin: str) -> Sequence[Contract]:
    linear = Contract("coinex", coin, f"{coin}USDT", 0.9)
    return [linear, Contract("coinex", coin, f"{coin}USD", 0.1, inverse=True)]


FORMAT = WireFormat(
    {
        "/v2/futures/market": _market,
        "/v2/futures/ticker": _tickers,
        "/v2/futures/funding-rate": _funding,
    },
    lists=_lists,
)
