from __future__ import annotations

import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main as washout
from bot.decode import UNREADABLE, decoded
from bot.decode.payload import instrument_from
from bot.decode.sources import the_source
from bot.errors import UsageError
from bot.exchanges import EXCHANGES
from tests.exchanges.payloads import PAYLOADS

ROOT = Path(__file__).parents[1]
BTC = "BTCUSDT,BTC,linear,,coin"
TICKS = {"symbol": "BTCUSDT", "openInterest": "23581.677", "time": 1677356872265}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    code = washout(["decode", *arguments])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


@pytest.fixture
def kept(tmp_path: Path) -> Any:
    def keep(payload: object, name: str = "payload.json") -> str:
        file = tmp_path / name
        if isinstance(payload, bytes):
            file.write_bytes(payload)
        else:
            file.write_text(payload if isinstance(payload, str) else json.dumps(payload))
        return str(file)

    return keep


def test_a_bare_payload_is_read_with_a_contract_that_is_named(
    capsys: pytest.CaptureFixture[str], kept: Any
) -> None:
    code, (line,), _ = run(capsys, "binance_usdm", "open-interest", kept(TICKS), "--instrument", BTC)
    assert code == 0
    assert line == {
        "kind": "open_interest",
        "venue": "binance_usdm",
        "symbol": "BTCUSDT",
        "asset": "BTC",
        "coins": 23581.677,
        "usd": None,
        "contracts": None,
        "price": None,
        "position": None,
        "exchange_at": "2023-02-25T20:27:52.265000Z",
        "verdict": "accept",
        "unit": "base",
    }


@pytest.mark.parametrize("form", ["response", "envelope", "text", "gzip"])
def test_every_form_of_file_holds_the_same_payload(
    capsys: pytest.CaptureFixture[str], kept: Any, form: str
) -> None:
    forms: dict[str, object] = {
        "response": {"venue": "binance_usdm", "method": "GET", "params": {}, "response": TICKS},
        "envelope": {"response": {"http_status": 200, "body": TICKS}},
        "text": {"response": json.dumps(TICKS)},
        "gzip": gzip.compress(json.dumps(TICKS).encode()),
    }
    _, (line,), _ = run(capsys, "binance_usdm", "oi", kept(forms[form]), "--instrument", BTC)
    assert (line["coins"], line["verdict"]) == (23581.677, "accept")


def test_numbers_are_read_as_they_were_written(capsys: pytest.CaptureFixture[str], kept: Any) -> None:
    """An object around the payload must not pass its numbers through floats."""
    payload = '{"response": {"symbol": "BTCUSDT", "openInterest": "1", "time": 1677356872265}, "x": 1e400}'
    code, (line,), _ = run(capsys, "binance_usdm", "open-interest", kept(payload), "--instrument", BTC)
    assert (code, line["coins"]) == (0, 1.0)


def test_a_symbol_that_is_not_in_the_book_is_named(capsys: pytest.CaptureFixture[str], kept: Any) -> None:
    code, (line,), _ = run(capsys, "binance_usdm", "open-interest", kept(TICKS))
    assert (code, line["kind"], line["symbol"], line["verdict"]) == (0, "unknown", "BTCUSDT", "unknown")
    assert "--book" in line["reason"]
    frame = {"e": "forceOrder", "o": {"s": "XRPUSDT", "S": "BUY", "z": "1", "ap": "2", "T": 1677356872265}}
    frames = f"{json.dumps(frame)}\n{forced()}"
    _, lines, _ = run(capsys, "binance_usdm", "liquidations", kept(frames), "--instrument", BTC)
    told = [(line["symbol"], line["verdict"]) for line in lines]
    assert told == [("XRPUSDT", "unknown"), ("BTCUSDT", "accept")]


@pytest.mark.parametrize(
    ("size", "usd", "coins", "verdict"),
    [("100", 200.0, None, "accept"), ("", None, None, "unpriced")],
)
def test_an_inverse_contract_has_dollars_without_a_price_but_none_without_a_size(
    capsys: pytest.CaptureFixture[str], kept: Any, size: str, usd: float | None, coins: None, verdict: str
) -> None:
    payload = {"symbol": "BTCUSD_PERP", "openInterest": "2", "time": 1677356872265}
    contract = f"BTCUSD_PERP,BTC,inverse,{size},usd"
    _, (line,), _ = run(capsys, "binance_coinm", "open-interest", kept(payload), "--instrument", contract)
    assert (line["contracts"], line["usd"], line["coins"]) == (2.0, usd, coins)
    assert line["verdict"] == verdict


@pytest.mark.parametrize(
    ("amount", "at", "now", "verdict"),
    [
        ("-1", 0, True, "impossible"),
        ("0", 0, True, "zero"),
        ("1", -10, True, "stale"),
        ("1", -10, False, "accept"),
        ("1", 10, True, "future"),
        ("1", 1, True, "accept"),
    ],
)
def test_a_figure_is_judged_as_the_gate_would(
    capsys: pytest.CaptureFixture[str], kept: Any, amount: str, at: int, now: bool, verdict: str
) -> None:
    stamp = datetime(2025, 10, 10, 21, 15, tzinfo=UTC) + timedelta(minutes=at)
    payload = {"symbol": "BTCUSDT", "openInterest": amount, "time": int(stamp.timestamp() * 1000)}
    more = ["--now", "2025-10-10T21:15:00Z"] if now else []
    code, (line,), _ = run(capsys, "binance_usdm", "open-interest", kept(payload), "--instrument", BTC, *more)
    assert (code, line["verdict"]) == (0, verdict)
    assert ("reason" in line) is (verdict != "accept")


def forced(quantity: str = "2", price: str = "64000", at: int = 1677356872265) -> str:
    order = {"s": "BTCUSDT", "S": "SELL", "z": quantity, "ap": price, "T": at}
    return json.dumps({"e": "forceOrder", "o": order})


@pytest.mark.parametrize(
    ("payload", "coins", "usd"),
    [
        ("binance_usdm/ticker_24hr", 151234.5, 151234.5 * 81211.0),
        ("binance_coinm/ticker_24hr", 512345600 / 81200, 512345600.0),
        ("okx/tickers", 98100.1, 98100.1 * 81200),
        ("bingx/ticker_inverse", 14646480 / 140.574, 14646480.0),
        ("bitfinex/tickers", 1890.25431, 1890.25431 * 64900.5),
    ],
)
def test_volume_is_worth_the_last_price_that_is_told_beside_it(
    capsys: pytest.CaptureFixture[str], kept: Any, payload: str, coins: float, usd: float
) -> None:
    venue, _ = payload.split("/")
    (body,) = (one.body for one in PAYLOADS if str(one) == payload)
    lists = [one for one in PAYLOADS if one.venue == venue and one.what == "book" and one.expected]
    books = [word for one in lists for word in ("--book", kept(one.body, f"{one.name}.json"))]
    _, lines, _ = run(capsys, venue, "volume", kept(body), *books)
    told = next(line for line in lines if line["kind"] == "volume")
    assert (told["coins"], told["usd"]) == pytest.approx((coins, usd))


def test_frames_one_a_line_are_heard_in_turn(capsys: pytest.CaptureFixture[str], kept: Any) -> None:
    frames = "\n".join([forced(), forced("3"), forced(), forced("0")])
    code, lines, _ = run(capsys, "binance_usdm", "liquidations", kept(frames), "--instrument", BTC)
    assert code == 0
    assert [line["verdict"] for line in lines] == ["accept", "accept", "repeated", "impossible"]
    first = lines[0]
    assert (first["position"], first["coins"], first["usd"], first["price"]) == ("long", 2, 128000, 64000)
    assert (first["completeness"], first["deleveraged"]) == ("throttled", False)
    assert first["price_kind"] == "fill"


def test_a_list_of_frames_is_heard_like_lines(capsys: pytest.CaptureFixture[str], kept: Any) -> None:
    frames = {"response": [json.loads(forced()), json.loads(forced("3"))]}
    _, lines, _ = run(capsys, "binance_usdm", "liquidations", kept(frames), "--instrument", BTC)
    assert [line["coins"] for line in lines] == [2.0, 3.0]


def test_a_thousand_coins_in_one_are_counted_whichever_name_is_given() -> None:
    for asset in ("PEPE", "1000PEPE"):
        known = instrument_from(f"1000PEPEUSDT,{asset},linear,,coin", EXCHANGES["bybit"].venue)  # type: ignore[index]
        assert (known.asset, known.coins_per_base) == ("PEPE", 1000)


@pytest.mark.parametrize(
    "text",
    [
        "BTCUSDT",
        "BTCUSDT,BTC,both,1,coin",
        "B,BTC,linear,x,coin",
        "B,BTC,linear,1,pounds",
        "B,BTC,linear,0,usd",
    ],
)
def test_an_instrument_that_cannot_be_understood_is_told(
    capsys: pytest.CaptureFixture[str], kept: Any, text: str
) -> None:
    code, lines, err = run(capsys, "binance_usdm", "open-interest", kept(TICKS), "--instrument", text)
    assert (code, lines) == (2, [])
    assert f"--instrument {text}" in err


@pytest.mark.parametrize(
    ("status", "body", "verdict", "kind"),
    [
        (429, "slow down", "throttled", "refused"),
        (451, {"code": 0}, "blocked", "refused"),
        (503, "<html>", "unavailable", "refused"),
        (400, {"code": -1121, "msg": "Invalid symbol."}, "unreadable", "unreadable"),
    ],
)
def test_a_refusal_is_told_as_one(
    capsys: pytest.CaptureFixture[str], kept: Any, status: int, body: object, verdict: str, kind: str
) -> None:
    payload = {"response": {"http_status": status, "body": body}}
    code, (line,), _ = run(capsys, "binance_usdm", "open-interest", kept(payload))
    assert (code, line["kind"], line["verdict"]) == (UNREADABLE, kind, verdict)
    assert line["reason"]


def test_a_book_that_cannot_be_read_is_named_as_the_fault(
    capsys: pytest.CaptureFixture[str], kept: Any
) -> None:
    book = kept("<html>", "book.json")
    code, (line,), _ = run(capsys, "binance_usdm", "open-interest", kept(TICKS), "--book", book)
    assert (code, line["verdict"]) == (UNREADABLE, "unreadable")
    assert line["reason"].startswith("the list of contracts cannot be read: ")


def test_contracts_that_cannot_be_read_are_told_among_the_others(
    capsys: pytest.CaptureFixture[str], kept: Any
) -> None:
    row = {
        "symbol": "XBTUSDTM",
        "baseCurrency": "XBT",
        "quoteCurrency": "USDT",
        "settleCurrency": "USDT",
        "multiplier": 0.001,
        "isInverse": False,
        "status": "Open",
        "type": "FFWCSX",
    }
    page = {"code": "200000", "data": [row, {**row, "symbol": "ETHUSDTM", "isInverse": None}]}
    code, lines, _ = run(capsys, "kucoin", "book", kept(page))
    assert code == 0
    assert [(line["kind"], line["symbol"]) for line in lines] == [
        ("instrument", "XBTUSDTM"),
        ("unreadable", "ETHUSDTM"),
    ]
    assert lines[1]["reason"] == "isInverse is missing"


def test_a_book_and_a_question_can_be_kept_beside_the_payload(
    capsys: pytest.CaptureFixture[str], kept: Any
) -> None:
    together = {"book": ["BTCUSDT,BTC,linear,,coin", "ETHUSDT,ETH,linear,,coin"], "response": TICKS}
    _, (line,), _ = run(capsys, "binance_usdm", "oi", kept(together))
    assert (line["asset"], line["coins"]) == ("BTC", 23581.677)
    row = {"sumOpenInterest": "20", "sumOpenInterestValue": "1000", "timestamp": 1677356872265}
    asked = {**together, "response": [row], "params": {"symbol": "ETHUSDT"}}
    _, (line,), _ = run(capsys, "binance_usdm", "history", kept(asked))
    assert (line["asset"], line["usd"]) == ("ETH", 1000.0)
    code, (line,), _ = run(capsys, "binance_usdm", "history", kept({**asked, "params": {}}))
    assert (code, "name the contract" in line["reason"]) == (UNREADABLE, True)


@pytest.mark.parametrize("payload", ["<html>", "", '{"other": 1}', "[1, 2", b"\x1f\x8bnot gzip"])
def test_what_cannot_be_read_is_a_line_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], kept: Any, payload: str | bytes
) -> None:
    code, (line,), _ = run(capsys, "binance_usdm", "open-interest", kept(payload), "--instrument", BTC)
    assert (code, line["kind"], line["verdict"]) == (UNREADABLE, "unreadable", "unreadable")


def test_wrong_words_are_told_what_there_is(capsys: pytest.CaptureFixture[str], kept: Any) -> None:
    code, _, err = run(capsys, "bybbit", "tickers", kept(TICKS))
    assert (code, "did you mean bybit?" in err) == (2, True)
    code, _, err = run(capsys, "bybit", "tikcers", kept(TICKS))
    assert (code, "did you mean tickers?" in err, "history" in err) == (2, True, True)
    code, _, err = run(capsys, "bybit", "tickers", "no-such-file.json")
    assert (code, "no-such-file.json: cannot be read" in err) == (2, True)
    code, _, err = run(capsys, "bybit", "tickers")
    assert (code, "VENUE SOURCE FILE" in err) == (2, True)
    code, _, err = run(capsys, "bybit", "tickers", kept(TICKS), "--now", "yesterday")
    assert (code, "--now yesterday is not a time" in err) == (2, True)


def test_a_payload_that_lists_its_own_contracts_needs_no_book(
    capsys: pytest.CaptureFixture[str], kept: Any
) -> None:
    payload = [
        {"universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40}]},
        [{"funding": "0.00001", "openInterest": "34405.5", "oraclePx": "64893.8", "markPx": "64863.0"}],
    ]
    _, lines, _ = run(capsys, "hyperliquid", "oi", kept(payload))
    told = next(line for line in lines if line["kind"] == "open_interest")
    assert (told["coins"], told["price"], told["exchange_at"]) == (34405.5, 64863.0, None)
    assert next(line for line in lines if line["kind"] == "funding")["interval_h"] == 1


def test_a_history_is_of_the_contract_in_the_question(capsys: pytest.CaptureFixture[str], kept: Any) -> None:
    row = {"sumOpenInterest": "20", "sumOpenInterestValue": "1000", "timestamp": 1677356872265}
    two = ["--instrument", BTC, "--instrument", "ETHUSDT,ETH,linear,,coin"]
    asked = {"params": {"symbol": "ETHUSDT", "limit": 1}, "response": [row]}
    file = kept(asked)
    code, (line,), _ = run(
        capsys, "binance_usdm", "history", file, "--instrument", "ETHUSDT,ETH,linear,,coin"
    )
    assert (code, line["symbol"], line["usd"]) == (0, "ETHUSDT", 1000.0)
    code, (line,), _ = run(capsys, "binance_usdm", "history", kept([row]), "--now", "2026-01-01", *two[2:])
    assert line["verdict"] == "accept"  # the past is not stale


def test_standard_input_can_be_read() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "decode", "binance_usdm", "oi", "-", "--instrument", BTC],
        cwd=ROOT,
        input=json.dumps(TICKS),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ended.stdout)["coins"] == 23581.677


def test_nothing_of_the_application_is_imported() -> None:
    code = (
        "import sys\nfrom bot.__main__ import main\nmain(['decode', '--list'])\n"
        "print(','.join(name for name in sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(ended.stderr.splitlines()[-1].split(","))
    assert loaded.isdisjoint({"aiohttp", "apscheduler", "sqlite3", "bot.app", "handlers", "storage"})


@pytest.mark.parametrize("payload", PAYLOADS, ids=str)
def test_every_payload_of_the_tests_can_be_put_to_it(payload: Any) -> None:
    """Whatever is in it, the command neither fails nor leaves a key out."""
    kind, _, name = payload.what.partition(":")
    if kind == "refusal":
        body = {"response": {"http_status": payload.status, "body": payload.body.decode()}}
        source, raw = "book", json.dumps(body).encode()
    else:
        source, raw = name or kind, payload.body
    try:
        chosen = the_source(payload.exchange, source)
    except UsageError:
        pytest.fail(f"{payload.venue} has no source {source}")
    lines, _ = decoded(payload.exchange, chosen, raw)
    for line in lines:
        assert {"kind", "venue", "symbol", "coins", "usd", "contracts", "verdict"} <= line.keys()


def test_a_page_for_people_and_a_weeks_positions_are_read_like_any_payload(
    capsys: pytest.CaptureFixture[str], kept: Any
) -> None:
    bodies = {str(p): p.body for p in PAYLOADS}
    code, (cme,), _ = run(capsys, "cme", "volume", kept(bodies["cme/bitcoin_final"], "page.html"))
    assert (code, cme["kind"], cme["asset"], cme["coins"], cme["preliminary"]) == (
        *(0, "report", "BTC"),
        *(145_000.0, False),
    )
    rows = json.loads(bodies["cftc/positions"])[:1]
    code, (cot,), _ = run(capsys, "cftc", "cot", kept({"response": rows}))
    assert (code, cot["venue"], cot["source"], cot["report"]) == (0, "cme", "cftc", "weekly")
    assert cot["holders"]["leveraged funds"] == {"long": 10_000.0, "short": 60_000.0}
    assert cot["previous_at"] == "2026-09-29T21:00:00Z"


def test_a_report_from_the_future_is_not_believed(capsys: pytest.CaptureFixture[str], kept: Any) -> None:
    row = {"venue": "cme", "asset": "BTC", "open_interest_coins": "1", "as_of": "2026-10-10T21:00:00Z"}
    for coins, now, verdict in (("1", "09", "future"), ("-1", "11", "impossible"), ("1", "11", "accept")):
        file = kept({"reports": [row | {"open_interest_coins": coins}]})
        _, (line,), _ = run(capsys, "published", "reports", file, "--now", f"2026-10-{now}T00:00:00Z")
        assert line["verdict"] == verdict


def test_a_history_that_tells_liquidations_shows_both_sides_of_each_step(
    capsys: pytest.CaptureFixture[str], kept: Any
) -> None:
    row = {"time": 1760126400, "mark_price": 100_000, "open_interest": "5"}
    row |= {"long_liq_size": "30", "long_liq_amount": 0.003, "long_liq_usd": 300.5}
    wrong = row | {"time": 1760126700, "long_liq_usd": 300e6, "short_liq_size": "-1"}
    gate = "BTC_USDT,BTC,linear,0.0001,coin"
    code, lines, _ = run(capsys, "gate", "history", kept([row, wrong]), "--instrument", gate)
    assert code == 0
    assert [line["kind"] for line in lines] == ["open_interest"] * 2 + ["liquidated"] * 3
    first, doubted, impossible = lines[2:]
    assert (first["symbol"], first["position"], first["verdict"]) == ("BTC_USDT", "long", "accept")
    assert (first["coins"], first["usd"], first["contracts"]) == (pytest.approx(0.003), 300.5, 30.0)
    assert (first["price"], first["exchange_at"]) == (None, "2025-10-10T20:00:00Z")
    assert (doubted["contracts"], doubted["coins"], doubted["usd"]) == (30.0, None, None)
    assert (doubted["verdict"], impossible["verdict"]) == ("unpriced", "impossible")
    assert (impossible["position"], impossible["usd"]) == ("short", None)
