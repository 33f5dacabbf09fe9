"""KuCoin Futures: one call lists the contracts with their figures, in lots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import PERIODS, Ask, View, WireFormat, millis, moment, whole

EXPIRY = datetime(2025, 12, 26, 8, tzinfo=UTC)
FUNDING_MS = 28_800_000


def _envelope(rows: object) -> object:
    return {"code": "200000", "data": rows}


def _active(view: View, _: Ask) -> object:
    return _envelope([_contract(h, view.ms) for h in view.holdings])


def _contract(holding: Holding, ms: int) -> object:
    contract, price = holding.contract, holding.price_usd
    perpetual = contract.expiry is None
    coins, dollars = holding.volume_coins, holding.volume_coins * price
    return {
        "symbol": contract.symbol,
        "rootSymbol": "USDT",
        "type": "FFWCSX" if perpetual else "FFICSX",
        "expireDate": millis(contract.expiry) if contract.expiry else None,
        "baseCurrency": _name(contract.coin),
        "quoteCurrency": "USD" if contract.inverse else "USDT",
        "settleCurrency": _name(contract.coin) if contract.inverse else "USDT",
        "lotSize": 1,
        "multiplier": -contract.size if contract.inverse else contract.size,
        "isQuanto": not contract.inverse,
        "isInverse": contract.inverse,
        "status": "Open",
        "fundingFeeRate": round(holding.funding_8h, 10) if perpetual else None,
        "fundingRateGranularity": FUNDING_MS if perpetual else None,
        "currentFundingRateGranularity": FUNDING_MS if perpetual else None,
        "openInterest": whole(holding.counted),
        "turnoverOf24h": round(coins if contract.inverse else dollars, 4),
        "volumeOf24h": round(dollars / contract.size if contract.inverse else coins, 6),
        "markPrice": round(price, 8),
        "indexPrice": round(price, 8),
        "nextFundingRateTime": FUNDING_MS - ms % FUNDING_MS if perpetual else None,
        "marketStage": "NORMAL",
        "marketType": "CRYPTO",
        "assetClass": "CRYPTO",
    }


def _open_interest(view: View, ask: Ask) -> object:
    """All contracts now, or one in steps, newest first."""
    interval, name = ask.query.get("interval"), ask.query.get("symbol", "")
    if interval is None:
        return _envelope([_row(h, view.ms) for h in view.holdings])
    holding = view.holding(name)
    if holding is None:
        return {"code": "400100", "msg": "symbol not exists"}
    since, until = moment(ask.query.get("startAt")), moment(ask.query.get("endAt"))
    limit = min(200, int(ask.query.get("pageSize", "30")))
    past = view.past(holding.contract, PERIODS[interval], since, until, limit)
    return _envelope([_row(h, ms) for ms, h in reversed(past)])


def _row(holding: Holding, ms: int) -> object:
    return {"symbol": holding.contract.symbol, "openInterest": whole(holding.counted), "ts": ms}


def _name(coin: str) -> str:
    return {"BTC": "XBT"}.get(coin, coin)


def _lists(coin: str) -> Sequence[Contract]:
    name = _name(coin)
    return (
        Contract("kucoin", coin, f"{name}USDTM", 0.9, size=0.001),
        Contract("kucoin", coin, f"{name}USDM", 0.07, inverse=True),
        Contract("kucoin", coin, f"{name}MZ25", 0.03, inverse=True, expiry=EXPIRY, basis=0.005),
    )


FORMAT = WireFormat(
    {"/api/v1/contracts/active": _active, "/api/ua/v1/market/open-interest": _open_interest}, lists=_lists
)
