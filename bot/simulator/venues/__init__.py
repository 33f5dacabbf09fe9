"""How each simulated venue speaks, by the name of its adapter."""

from __future__ import annotations

from collections.abc import Mapping

from bot.simulator.venues import (
    aster,
    binance_coinm,
    binance_usdm,
    bingx,
    bitfinex,
    bitget,
    bitmex,
    bybit,
    coinbase_cde,
    coinbase_intl,
    coinex,
    cryptocom,
    deribit,
    dydx,
    gate,
    htx,
    hyperliquid,
    kraken_futures,
    kucoin,
    lighter,
    mexc,
    okx,
    phemex,
    published,
    whitebit,
)
from bot.simulator.wire import WireFormat

WIRE_FORMATS: Mapping[str, WireFormat] = {
    "binance_usdm": binance_usdm.FORMAT,
    "binance_coinm": binance_coinm.FORMAT,
    "bybit": bybit.FORMAT,
    "okx": okx.FORMAT,
    "deribit": deribit.FORMAT,
    "hyperliquid": hyperliquid.FORMAT,
    "coinbase_cde": coinbase_cde.FORMAT,
    "bitget": bitget.FORMAT,
    "gate": gate.FORMAT,
    "htx": htx.FORMAT,
    "dydx": dydx.FORMAT,
    "kraken_futures": kraken_futures.FORMAT,
    "aster": aster.FORMAT,
    "kucoin": kucoin.FORMAT,
    "lighter": lighter.FORMAT,
    "mexc": mexc.FORMAT,
    "whitebit": whitebit.FORMAT,
    "cryptocom": cryptocom.FORMAT,
    "phemex": phemex.FORMAT,
    "coinex": coinex.FORMAT,
    "bingx": bingx.FORMAT,
    "bitfinex": bitfinex.FORMAT,
    "bitmex": bitmex.FORMAT,
    "coinbase_intl": coinbase_intl.FORMAT,
    "published": published.FORMAT,
}
