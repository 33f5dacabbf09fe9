"""The words and addresses by which a venue's sources are found."""

from __future__ import annotations

import pytest

from bot.__main__ import main as washout
from bot.decode import read_otherwise
from bot.decode.addresses import at_address
from bot.decode.sources import sources_of, the_source, the_venue
from bot.errors import UsageError
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Exchange
from tests.exchanges.payloads import PAYLOADS


@pytest.mark.parametrize(
    ("venue", "asked", "found"),
    [
        ("binance_usdm", "OI", "open-interest"),
        ("binance-usdm", "open_interest", "open-interest"),
        ("binance_usdm", "contracts", "book"),
        ("binance_usdm", "ws", "liquidations"),
        ("bybit", "liquidations", "liquidations-linear"),
        ("bybit", "open-interest", "tickers"),
        ("deribit", "oi", "summaries"),
        ("okx", "open-interest-history", "history"),
        ("binance_usdm", "premiumIndex", "prices"),
        ("binance_usdm", "funding", "prices"),
        ("lighter", "orderBookDetails", "details"),
        ("dydx", "perpetualMarkets", "markets"),
        ("lighter", "oi", "details"),
        ("hyperliquid", "tickers", "contexts"),
        ("whitebit", "funding-rate", "futures"),
        ("cryptocom", "prices", "marks"),
        ("coinex", "liquidations", "liquidation-history"),
        ("coinbase_cde", "volume", "products"),
        ("kucoin", "tickers", "active"),
        ("kucoin", "contracts", "book"),
        ("okx", "tickers", "volume"),
        ("bingx", "ticker", "volume"),
        ("gate", "contracts", "book"),
        ("gate", "contract_stats", "history"),
        ("gate", "public_liquidates", "liquidations-usdt"),
        ("htx", "swap_open_interest", "open-interest"),
        ("htx", "swap_his_open_interest", "history"),
        ("mexc", "detail", "book"),
        ("phemex", "tickers", "linear"),
        ("binance_usdm", "openInterestHist", "history"),
        ("htx", "linear-swap-notification", "liquidations-linear"),
        ("hyperliquid", "metaAndAssetCtxs", "contexts"),
        ("bybit", "open_interest_history_inverse", "history"),
        ("bitget", "tickers_v3_usdt_futures", "tickers-v3"),
        ("okx", "instruments_swap", "book"),
        ("okx", "ws_liquidation_orders", "liquidations"),
        ("bitget", "account-long-short", "accounts"),
        (
            "bitget",
            "https://api.bitget.com/api/v3/market/open-interest?category=USDT-FUTURES",
            "open-interest-v3",
        ),
        ("bybit", "/v5/market/open-interest", "history"),
        ("gate", "/api/v4/delivery/usdt/tickers", "tickers"),
        ("gate", "futures/usdt/liq_orders", "liq-orders"),
        ("htx", "https://api.hbdm.vn/swap-api/v1/swap_open_interest", "coin-margined"),
        ("htx", "/v5/market/open_interest", "open-interest-v5"),
        ("htx", "wss://api.hbdm.com/notification", "liquidations-coin-futures"),
        ("kraken_futures", "/api/charts/v1/analytics/PF_XBTUSD/open-interest", "history"),
        ("kucoin", "contracts/active", "active"),
        ("mexc", "https://contract.mexc.com/api/v1/contract/ticker", "tickers"),
    ],
)
def test_a_word_that_means_one_source_finds_it(venue: str, asked: str, found: str) -> None:
    assert the_source(the_venue(venue), asked).name == found


@pytest.mark.parametrize(
    ("venue", "address", "found"),
    [
        ("binance_usdm", "https://fapi.binance.com/fapi/v1/openInterest?symbol=BTCUSDT", "open-interest"),
        ("binance_usdm", "GET /futures/data/openInterestHist", "history"),
        ("binance_usdm", "wss://fstream.binance.com/market/stream?streams=!forceOrder@arr", "liquidations"),
        ("bybit", "/v5/market/open-interest", "history"),
        ("bybit", "market/tickers", "tickers"),
        ("bybit", "wss://stream.bybit.com/v5/public/inverse", "liquidations-inverse"),
        ("bitget", "https://api.bitget.com/api/v3/market/tickers", "tickers-v3"),
        ("htx", "https://api.hbdm.com/swap-api/v1/swap_open_interest", "coin-margined"),
        ("htx", "https://api.hbdm.vn/linear-swap-api/v1/swap_open_interest", "open-interest"),
        ("hyperliquid", "POST https://api.hyperliquid.xyz/info", "contexts"),
        ("kraken_futures", "/api/charts/v1/analytics/PF_XBTUSD/open-interest", "history"),
        ("bitfinex", "https://api-pub.bitfinex.com/v2/status/deriv/tBTCF0:USTF0/hist?limit=100", "history"),
        ("bitfinex", "https://api-pub.bitfinex.com/v2/status/deriv?keys=ALL", "open-interest"),
        ("kucoin", "https://api-futures.kucoin.com/api/v1/contracts/active", "active"),
    ],
)
def test_an_address_finds_what_is_told_there(venue: str, address: str, found: str) -> None:
    assert the_source(the_venue(venue), address).name == found


@pytest.mark.parametrize(
    ("venue", "address", "told"),
    [
        (
            "cryptocom",
            "/public/get-valuations",
            "more than one thing at /public/get-valuations: say marks or funding",
        ),
        (
            "okx",
            "/api/v5/public/time",
            "okx is not asked at /api/v5/public/time (its sources are: book, prices,",
        ),
        ("okx", "/", "okx is not asked at /"),
    ],
)
def test_an_address_of_several_things_or_of_none_says_so(venue: str, address: str, told: str) -> None:
    with pytest.raises(UsageError) as fault:
        the_source(the_venue(venue), address)
    assert told in str(fault.value)


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
def test_each_source_is_told_at_the_address_that_the_list_gives(
    exchange: Exchange, capsys: pytest.CaptureFixture[str]
) -> None:
    washout(["decode", "--list"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    sources = {name: source.of for name, source in sources_of(exchange).items()}
    for venue, name, kind, *where in rows:
        if venue == exchange.venue and kind != "book" and where and where[0] != exchange.base_url:
            assert name in at_address(exchange, sources, where[0])


@pytest.mark.parametrize(
    ("venue", "asked", "why"),
    [
        ("bitget", "liquidations", "its liquidation channel is unproven"),
        ("mexc", "liquidation-orders", "there is no public feed of liquidations"),
        ("bingx", "history", "its past is not told"),
    ],
)
def test_what_a_venue_does_not_tell_is_said(venue: str, asked: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"has no source {asked}: {why}"):
        the_source(the_venue(venue), asked)


def test_a_word_that_means_two_sources_finds_none() -> None:
    with pytest.raises(UsageError, match="it has"):
        the_source(EXCHANGES["binance_usdm"], "o")  # type: ignore[index]


def test_the_list_names_every_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert washout(["decode", "--list"]) == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    for venue, exchange in EXCHANGES.items():
        for poll in (*exchange.polls, *exchange.unasked):
            assert [venue, poll.name] in rows
        assert [venue, "book"] in rows
    for of, name in rows:
        assert the_source(the_venue(of), name).name == name


@pytest.mark.parametrize(
    ("venue", "asked", "found"),
    [
        ("binance_usdm", "forceOrder", "liquidations"),
        ("aster", "/fapi/v3/openInterest", "open-interest"),
        ("aster", "https://fapi.asterdex.com/fapi/v3/ticker/24hr", "volume"),
        ("aster", "btcusdt@forceOrder", "liquidations"),
        ("binance_coinm", "ticker24hr", "volume"),
        ("binance_usdm", "globalLongShortAccountRatio", "accounts"),
        ("okx", "account_ratio", "accounts"),
        ("bybit", "allLiquidation.BTCUSDT", "liquidations-linear"),
        ("deribit", "trades.BTC-PERPETUAL.100ms", "liquidations"),
        ("deribit", "public/get_last_trades_by_currency", "liquidations"),
        ("deribit", "ticker", "summaries"),
        ("bitfinex", "liq:global", "liquidations"),
        ("bitfinex", "https://api-pub.bitfinex.com/v2/liquidations/hist?limit=500", "liquidations"),
        ("bitfinex", "/v2/status/deriv/tBTCF0:USTF0/hist", "history"),
        ("kraken_futures", "trade_snapshot", "liquidations"),
        ("kraken_futures", "/derivatives/api/v3/history?symbol=PI_XBTUSD", "trades"),
        ("kraken_futures", "history", "history"),
        ("dydx", "v4_trades", "liquidations"),
        ("dydx", "/v4/trades/perpetualMarket/BTC-USD", "trades"),
        ("hyperliquid", "activeAssetCtx", "contexts"),
        ("hyperliquid", "meta", "book"),
        ("lighter", "trade/1", "liquidations"),
        ("lighter", "market_stats/all", "market-stats"),
        ("phemex", "/md/v1/ticker/24hr?symbol=BTCUSD", "inverse"),
        ("phemex", "/md/v3/ticker/24hr/all", "linear"),
        ("bitmex", "/api/v1/instrument/active", "instruments"),
        ("coinbase_cde", "/api/v3/brokerage/market/products/BIP-20DEC30-CDE", "products"),
    ],
)
def test_a_venues_own_name_finds_its_source(venue: str, asked: str, found: str) -> None:
    assert the_source(the_venue(venue), asked).name == found


def test_a_word_of_two_sources_names_both() -> None:
    with pytest.raises(UsageError, match="has no source get-valuations: say marks or funding"):
        the_source(the_venue("cryptocom"), "get-valuations")


@pytest.mark.parametrize(
    ("name", "asked", "others"),
    [("liq_orders", "liquidations", ["liq-orders"]), ("contract_stats", "tickers", ["history"])],
)
def test_a_payload_of_another_source_is_told_which(name: str, asked: str, others: list[str]) -> None:
    gate = the_venue("gate")
    payload, book = (next(p.body for p in PAYLOADS if str(p) == f"gate/{n}") for n in (name, "book_usdt"))
    assert read_otherwise(gate, the_source(gate, asked), payload, books=[book]) == others
    assert read_otherwise(gate, the_source(gate, asked), b"<html>") == []
