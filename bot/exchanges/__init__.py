"""The registry: one file per venue, one line here."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.market import Venue
from bot.exchanges import (
    aster,
    binance_coinm,
    binance_usdm,
    bingx,
    bitfinex,
    bitget,
    bitmex,
    bybit,
    cftc,
    cme,
    coinalyze,
    coinbase_cde,
    coinbase_intl,
    coinex,
    coinglass,
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
from bot.exchanges.spec import Exchange

EXCHANGES: Mapping[Venue, Exchange] = {
    binance_usdm.VENUE: binance_usdm.EXCHANGE,
    binance_coinm.VENUE: binance_coinm.EXCHANGE,
    bybit.VENUE: bybit.EXCHANGE,
    okx.VENUE: okx.EXCHANGE,
    deribit.VENUE: deribit.EXCHANGE,
    hyperliquid.VENUE: hyperliquid.EXCHANGE,
    coinbase_cde.VENUE: coinbase_cde.EXCHANGE,
    bitget.VENUE: bitget.EXCHANGE,
    gate.VENUE: gate.EXCHANGE,
    htx.VENUE: htx.EXCHANGE,
    dydx.VENUE: dydx.EXCHANGE,
    kraken_futures.VENUE: kraken_futures.EXCHANGE,
    aster.VENUE: aster.EXCHANGE,
    kucoin.VENUE: kucoin.EXCHANGE,
    lighter.VENUE: lighter.EXCHANGE,
    mexc.VENUE: mexc.EXCHANGE,
    whitebit.VENUE: whitebit.EXCHANGE,
    cryptocom.VENUE: cryptocom.EXCHANGE,
    phemex.VENUE: phemex.EXCHANGE,
    coinex.VENUE: coinex.EXCHANGE,
    bingx.VENUE: bingx.EXCHANGE,
    bitfinex.VENUE: bitfinex.EXCHANGE,
    bitmex.VENUE: bitmex.EXCHANGE,
    coinbase_intl.VENUE: coinbase_intl.EXCHANGE,
    cme.VENUE: cme.EXCHANGE,
    cftc.VENUE: cftc.EXCHANGE,
    coinglass.VENUE: coinglass.EXCHANGE,
    coinalyze.VENUE: coinalyze.EXCHANGE,
    published.VENUE: published.EXCHANGE,
}
"""Every venue that is known, in the order in which they are shown."""
