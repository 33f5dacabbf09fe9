"""The payloads of the shared folder through the command: what is known of them is what it prints."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bot.decode import UNREADABLE
from tests.exchanges.payloads import PAYLOADS
from tests.test_decode import BTC, run

SHARED = Path(__file__).parents[2] / "shared" / "payloads"

DELIVERIES = [
    "PERPETUAL",
    "21SEP26",
    "22SEP26",
    "23SEP26",
    "24SEP26",
    "25SEP26",
    "2OCT26",
    "9OCT26",
    "30OCT26",
    "27NOV26",
    "25DEC26",
    "26MAR27",
    "25JUN27",
]
RECORDED: dict[str, tuple[str, ...]] = {
    "binance_coinm/open_interest": ("oi", "ETHUSD_PERP,ETH,inverse,10,usd"),
    "binance_coinm/open_interest_hist": ("history", "BTCUSD_PERP,BTC,inverse,100,usd"),
    "binance_usdm/open_interest": ("oi", "ETHUSDT_230331,ETH,linear,,coin"),
    "binance_usdm/open_interest_hist": ("history", BTC),
    "binance_usdm/ws_force_order_combined": ("liquidations", "XRPUSDT,XRP,linear,,coin"),
    "binance_usdm/ws_force_order_raw": ("liquidations", "MANTAUSDT,MANTA,linear,,coin"),
    "bitget/open_interest_v2": ("open-interest", BTC),
    "bitget/tickers_v2_mix": ("tickers", BTC),
    "bitget/tickers_v3_usdt_futures": ("tickers-v3", BTC),
    "bitmex/instrument_xbtusd": ("instruments", "XBTUSD,XBT,inverse,1,usd"),
    "bybit/open_interest_history_inverse": ("history", "BTCUSD,BTC,inverse,,usd"),
    "bybit/tickers_inverse": ("tickers", "BTCUSD,BTC,inverse,,usd"),
    "bybit/ws_all_liquidation": ("liquidations", "STRKUSDT,STRK,linear,,coin"),
    "bybit/ws_ticker_linear": ("tickers", BTC),
    "coinbase_cde/products_future": ("products", ""),
    "deribit/book_summary_btc_future": (
        "summaries",
        *(f"BTC-{when},BTC,inverse,,usd" for when in DELIVERIES),
    ),
    "deribit/ticker_btc_perpetual": ("ticker", "BTC-PERPETUAL,BTC,inverse,,usd"),
    "gate/contract_stats": ("history", "ADA_USDT,ADA,linear,10,coin"),
    "gate/liq_orders": ("liq-orders", "BTC_USDT,BTC,linear,0.0001,coin"),
    "gate/tickers": ("tickers", "BTC_USDT,BTC,linear,0.0001,coin"),
    "htx/open_interest_coin_swap": ("coin-margined", "BTC-USD,BTC,inverse,100,usd"),
    "htx/open_interest_v5_linear": ("open-interest-v5", "BTC-USDT,BTC,linear,0.001,coin"),
    "htx/ws_liquidation_orders": ("liquidations", "ETH-USDT,ETH,linear,0.01,coin"),
    "hyperliquid/meta_and_asset_ctxs": ("contexts", ""),
    "kraken_futures/tickers": (
        "tickers",
        "PI_XBTUSD,XBT,inverse,1,usd",
        "PF_ETHUSD,ETH,linear,1,coin",
    ),
    "okx/open_interest_history_4col": ("history", "BTC-USDT-SWAP,BTC,linear,0.01,coin"),
    "okx/open_interest_swap": ("oi", "BTC-USDT-SWAP,BTC,linear,0.01,coin"),
    "okx/ws_liquidation_orders": ("liquidations", "CNPY-USDT-SWAP,CNPY,linear,,coin"),
}
"""Payloads of the shared folder: their source, and the contracts that the venue's book would tell."""
REFUSED = {
    "binance_usdm/error_invalid_symbol": ("oi", "HTTP 400"),
    "hyperliquid/meta_and_asset_ctxs_misaligned": ("contexts", "2 names for 1"),
    "okx/open_interest_volume_3col": ("history", "length 4"),
}


def shared(name: str) -> Path:
    file = SHARED / f"{name}.json"
    if not file.is_file():
        pytest.skip("the shared folder with recorded payloads is not here")
    return file


def near(told: float | None, expected: str | None) -> bool:
    if told is None or expected is None:
        return expected is None
    return told == pytest.approx(float(expected), rel=1e-3)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_payload_gives_what_is_known_of_it(capsys: pytest.CaptureFixture[str], name: str) -> None:
    source, *contracts = RECORDED[name]
    file = shared(name)
    given = [word for contract in contracts if contract for word in ("--instrument", contract)]
    code, lines, _ = run(capsys, name.partition("/")[0], source, str(file), *given)
    assert code == 0
    expected = json.loads(file.read_text())["expected"]
    rows = [{"symbol": s, **facts} for s, facts in expected.items() if isinstance(facts, dict)]
    rows = rows or sorted(expected.get("points", [expected]), key=lambda row: row.get("timestamp_ms", 0))
    told = [line for line in lines if line["kind"] in ("open_interest", "liquidation")]
    assert len(told) == len(rows)
    for line, row in zip(told, rows, strict=True):
        check(line, row)


def check(line: dict[str, Any], row: dict[str, Any]) -> None:
    # Where the size of a contract is not known, no dollars are.
    unsized = "notional_usd" in row and row["notional_usd"] is None
    assert line["verdict"] == ("unpriced" if unsized else "accept")
    assert line["symbol"] == row.get("symbol", line["symbol"])
    for ours, names in {
        "coins": ("open_interest_base", "qty_base"),
        "usd": ("open_interest_usd", "notional_usd"),
        "contracts": ("open_interest_contracts",),
        "price": ("mark_price", "price", "bankruptcy_price"),
    }.items():
        for known in names:
            assert near(line[ours], row.get(known)), f"{ours}: {line[ours]} is not {row.get(known)}"
    assert line["position"] == row.get("liquidated_position")
    if "timestamp_ms" in row:
        told_at = datetime.fromisoformat(line["exchange_at"])
        assert told_at.timestamp() * 1000 == row["timestamp_ms"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_recorded_payload_that_must_be_rejected_is(capsys: pytest.CaptureFixture[str], name: str) -> None:
    source, words = REFUSED[name]
    contract = "BTC-USDT-SWAP,BTC,linear,0.01,coin"
    code, lines, _ = run(capsys, name.partition("/")[0], source, str(shared(name)), "--instrument", contract)
    assert code == UNREADABLE
    assert words in lines[-1]["reason"]


def test_of_a_position_closed_in_parts_the_first_counts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = next(p for p in PAYLOADS if (p.venue, p.name) == ("bitfinex", "liquidation_in_parts"))
    file = tmp_path / "liquidations.json"
    file.write_bytes(kept.body)
    contract = "tBTCF0:USTF0,BTC,linear,1,coin"
    _, lines, _ = run(capsys, "bitfinex", "liquidations", str(file), "--instrument", contract)
    assert [(line["coins"], line["verdict"]) for line in lines] == [
        (0.0392, "accept"),
        (0.03908247, "repeated"),
    ]


@pytest.mark.parametrize(
    ("venue", "contract"),
    [("kraken_futures", "PI_XBTUSD,BTC,inverse,1,usd"), ("dydx", "BTC-USD,BTC,linear,1,coin")],
)
def test_trades_over_http_are_of_the_contract_that_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, venue: str, contract: str
) -> None:
    kept = next(p for p in PAYLOADS if (p.venue, p.name) == (venue, "trades_of_one"))
    file = tmp_path / "trades.json"
    file.write_bytes(kept.body)
    _, lines, _ = run(capsys, venue, "trades", str(file), "--instrument", contract)
    assert {line["symbol"] for line in lines} == {kept.symbol}
    assert lines[0]["position"] == "short"
    code, (line,), _ = run(capsys, venue, "liquidations", str(file), "--instrument", contract)
    assert code == UNREADABLE
    assert "the source trades" in line["reason"]


def test_a_recorded_ping_is_answered_with_its_own_stamp(capsys: pytest.CaptureFixture[str]) -> None:
    file = shared("htx/ws_ping_string_ts")
    _, (line,), _ = run(capsys, "htx", "liquidations", str(file))
    assert json.loads(line["reply"]) == json.loads(file.read_text())["expected"]["reply"]


def test_no_recorded_payload_of_a_venue_is_left_out() -> None:
    if not SHARED.is_dir():
        pytest.skip("the shared folder with recorded payloads is not here")
    names = {f"{file.parent.name}/{file.stem}" for file in SHARED.glob("*/*.json")}
    elsewhere = {
        "cftc/cot_legacy_combined_row",  # another report, of another market
        "htx/ws_ping_string_ts",
        "hyperliquid/meta_and_asset_ctxs_hip3",  # stocks and indices
        "okx/instruments_swap",
    }
    left = {name for name in names if not name.startswith("spot_reference/")}
    assert left - {*RECORDED, *REFUSED} - elsewhere == set()


@pytest.mark.parametrize(
    ("venue", "source", "payload"),
    [
        ("bybit", "liquidations", {"success": True, "ret_msg": "", "conn_id": "1", "op": "subscribe"}),
        (
            "lighter",
            "liquidations",
            {"type": "subscribed/trade", "channel": "trade:0"},
        ),
        ("deribit", "summaries", {"jsonrpc": "2.0", "result": []}),
    ],
)
def test_where_nothing_counts_that_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, venue: str, source: str, payload: object
) -> None:
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(payload))
    code, lines, said = run(capsys, venue, source, str(file))
    assert (code, lines) == (0, [])
    assert "nothing in it counts" in said
