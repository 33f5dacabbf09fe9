"""Raw traffic on disk, and played back."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.__main__ import main as washout
from bot.domain.market import Liquidation, Observation, OpenInterest, Venue
from bot.errors import UsageError
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Exchange, Request
from bot.feeds import tape as tapes
from bot.feeds.sources import VenueSource
from bot.feeds.tape import Piece, Player, Tape, piece_of, pieces
from bot.record import keep
from bot.replay import main as replay
from tests.feeds.acme import ACME, BTC, FORCED, START, VENUE, Server, serving, until
from tests.feeds.test_sockets import FORCED_FRAME, Line

SECRET = "a-key-nobody-may-see"
MINUTE = timedelta(minutes=1)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for f in sorted(folder.iterdir()) for line in gzip.open(f)]


async def write(folder: Path, told: Sequence[tuple[str, Request | None, bytes]], of: Exchange = ACME) -> Tape:
    tape = Tape(folder, START)
    for n, (source, request, raw) in enumerate(told):
        tape.heard(of, source, request, START + n * MINUTE, raw)
    await tape.write()
    return tape


async def recorded(server: Server, folder: Path, exchange: Exchange, enough: int) -> Tape:
    """Real traffic of a venue, until so many pieces came."""
    tape, stop = Tape(folder, START), asyncio.Event()
    source = VenueSource(exchange, server.url, server.url.replace("http", "ws"))
    task = asyncio.create_task(keep(tape, [source], None, stop))
    await until(lambda: sum(tape.pieces.values()) >= enough, within=5)
    stop.set()
    await task
    return tape


async def test_what_a_venue_sent_is_kept_and_says_the_same_when_it_is_played(tmp_path: Path) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        await line.send_bytes(gzip.compress(FORCED_FRAME.encode()))
        await ends.listen(line)

    ends = Line(talk)
    exchange = replace(ACME, sockets=(replace(FORCED, gzipped=True, ping_every=timedelta(seconds=5)),))
    async with serving() as server:
        server.routes["/line"] = ends.serve
        tape = await recorded(server, tmp_path, exchange, 3)
    assert dict(tape.pieces) == {(VENUE, "contracts"): 1, (VENUE, "tickers"): 1, (VENUE, "forced"): 1}
    player = Player({VENUE: exchange})
    said = [one for piece in pieces(tmp_path) for one in player.play(piece)]
    assert (player.unreadable, player.first_unreadable) == (0, "")
    assert sum(isinstance(one, OpenInterest) for one in said) == 2
    assert sum(isinstance(one, Liquidation) for one in said) == 1
    kept = {line["source"]: line for line in lines(tmp_path)}
    assert kept["tickers"]["request"] == "/tickers"
    assert kept["forced"]["base64"]


async def test_a_newer_answer_to_the_same_question_replaces_the_older_book(tmp_path: Path) -> None:
    async def answers() -> None:
        def book(*names: str) -> bytes:
            return json.dumps({"contracts": names}).encode()

        ticks = json.dumps({"tickers": [{"s": s, "oi": "1", "mark": "2"} for s in ("A", "B", "C")]}).encode()
        first, second = Request("/x", {"kind": "1"}), Request("/x", {"kind": "2"})
        await write(
            tmp_path,
            [
                ("contracts", first, book("A", "B")),
                ("contracts", second, book("C")),
                ("tickers", None, ticks),
                ("contracts", first, book("A")),
                ("tickers", None, ticks),
            ],
        )

    await answers()
    player = Player({VENUE: ACME})
    told = [len(player.play(piece)) // 2 for piece in pieces(tmp_path)]
    assert told == [0, 0, 3, 0, 2]


async def test_only_one_coin_is_played_where_one_is_asked_for(tmp_path: Path) -> None:
    await write(
        tmp_path, [("contracts", None, b'{"contracts": ["BTC-PERP", "ETH-PERP"]}'), ("tickers", None, TICKS)]
    )
    player = Player({VENUE: ACME}, BTC)
    said: list[Observation] = [one for piece in pieces(tmp_path) for one in player.play(piece)]
    assert {one.instrument.asset for one in said if isinstance(one, OpenInterest)} == {BTC}


TICKS = json.dumps({"tickers": [{"s": s, "oi": "1", "mark": "2"} for s in ("BTC-PERP", "ETH-PERP")]}).encode()


def test_no_key_is_written() -> None:
    keyed = replace(ACME, headers={"CG-API-KEY": SECRET, "X-Gate-Size-Decimal": "1"})
    request = Request("/x", {"symbol": "BTC", "api_key": SECRET + "2"}, body=SECRET.encode())
    echo = f'{{"error": "key {SECRET}2 or {SECRET} is not valid", "size": "1"}}'.encode()
    piece = piece_of(keyed, "tickers", request, START, echo)
    assert SECRET not in repr(piece)
    assert piece.request == "/x?symbol=BTC&api_key=*** ***"
    assert '"size": "1"' in piece.text


def sizes(folder: Path) -> list[int]:
    return [file.stat().st_size for file in folder.iterdir()]


def cut_off(folder: Path) -> None:
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-12])


async def test_a_crash_loses_the_last_block_alone(tmp_path: Path) -> None:
    tape = await write(tmp_path, [("tickers", None, b"one"), ("tickers", None, b"two")])
    tape.heard(ACME, "tickers", None, START, b"three")
    await tape.write()
    cut_off(tmp_path)
    assert [piece.text for piece in pieces(tmp_path)] == ["one", "two"]


async def test_files_are_changed_by_size_and_the_oldest_go(tmp_path: Path) -> None:
    tape = Tape(tmp_path, START, file_bytes=250, most_bytes=700)
    for n in range(20):
        tape.heard(ACME, "tickers", None, START + n * MINUTE, f"{n}".encode())
        await tape.write()
    held = sizes(tmp_path)
    assert len(held) > 2
    assert max(held) <= 250
    assert sum(held) <= 700
    left = [int(piece.text) for piece in pieces(tmp_path)]
    assert left == list(range(left[0], 20))


async def test_a_disk_that_is_too_slow_does_not_fill_the_memory(
    tmp_path: Path,
) -> None:
    tape = Tape(tmp_path, START)
    piece = b"x" * (tapes.WAITING_BYTES // 4)
    for _ in range(8):
        tape.heard(ACME, "tickers", None, START, piece)
    assert (tape.pieces[VENUE, "tickers"], tape.left_out) == (4, 4)


async def test_what_is_in_hand_at_the_end_is_written(tmp_path: Path) -> None:
    tape = Tape(tmp_path, START)
    task = asyncio.create_task(tape.run())
    await asyncio.sleep(0)
    for n in range(3):
        tape.heard(ACME, "tickers", None, START, b"y" * tapes.BLOCK_BYTES + str(n).encode())
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await tape.write()
    assert [piece.text[-1] for piece in pieces(tmp_path)] == ["0", "1", "2"]


def test_a_folder_without_a_recording_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no recording"):
        next(pieces(tmp_path))
    (tmp_path / "tape-1.ndjson.gz").write_bytes(gzip.compress(b"{}\n"))
    with pytest.raises(UsageError, match="no recording"):
        next(pieces(tmp_path))


def test_a_piece_of_an_unknown_venue_or_source_is_counted() -> None:
    player = Player({VENUE: ACME})
    assert player.play(Piece(START, "nowhere", "tickers", "{}")) == ()
    assert player.play(Piece(START, "acme", "nothing", "{}")) == ()
    assert player.unreadable == 2
    assert player.first_unreadable == "nowhere tickers at 2025-10-10 21:00:00: no such venue"


async def test_a_recording_is_judged_like_the_live_market(tmp_path: Path) -> None:
    hyperliquid = EXCHANGES[Venue("hyperliquid")]

    def contexts(coins: float) -> bytes:
        listed = {"universe": [{"szDecimals": 5, "name": "BTC", "maxLeverage": 40}]}
        figures = {"funding": "0.00001", "openInterest": str(coins), "oraclePx": "64000", "markPx": "64000"}
        return json.dumps([listed, [figures]]).encode()

    told = [("contracts", None, contexts(1))]
    told += [("contexts", None, contexts(30_000 + n)) for n in range(20)]
    await write(
        tmp_path, [*told, ("contexts", None, contexts(0)), ("contexts", None, b"<html>")], hyperliquid
    )
    out, err = io.StringIO(), io.StringIO()
    assert replay(tmp_path, None, "btc", True, out, err) == 0
    assert err.getvalue().splitlines() == [
        "note: 1 rows could not be read, first hyperliquid contexts at 2025-10-10 21:22:00: "
        "JSON is malformed: invalid character (byte 0)",
        "23 rows read in steps of 0:01:00; rejected: zero 1, unreadable 1; waves: 0",
    ]


def test_the_command_line_keeps_what_came_and_says_how_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(
        '[market]\nvenues = ["hyperliquid"]\n[venues.hyperliquid]\nbase_url = "http://127.0.0.1:1"\n'
    )
    assert washout(["record", "--for", "1s", "--to", "kept"]) == 0
    assert capsys.readouterr().out == "nothing came\n"
    assert (tmp_path / "kept").is_dir()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "kept", "--venues", "binanse"], "--venues: binanse; there are: binance_usdm"),
        (["--to", "kept", "--venues", ""], "--venues: none"),
        (["--to", "config.toml/x", "--for", "1s", "--venues", "bybit"], "cannot be written"),
    ],
)
def test_what_cannot_be_recorded_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text("")
    assert washout(["record", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0m", "10", "m", "5y", "-1s"])
def test_a_time_that_cannot_be_understood_is_told(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        washout(["record", "--to", "kept", f"--for={text}"])
    assert "is not a time such as 90s" in capsys.readouterr().err


async def test_a_refusal_is_kept_with_its_status_and_means_the_same_when_it_is_played(tmp_path: Path) -> None:
    async def throttled(_: web.Request) -> web.Response:
        return web.Response(status=429, text="Too many requests.", headers={"Retry-After": "7"})

    async def blocked(_: web.Request) -> web.Response:
        return web.Response(status=451, text=f'{{"msg":"not from where you are, {SECRET}"}}')

    exchange = replace(ACME, sockets=(FORCED,), headers={"X-KEY": SECRET})
    async with serving() as server:
        server.routes["/tickers"] = throttled
        server.routes["/line"] = blocked
        await recorded(server, tmp_path, exchange, 3)
    kept = {line["source"]: line for line in lines(tmp_path)}
    assert kept["tickers"] == {
        "received": kept["tickers"]["received"],
        "venue": "acme",
        "source": "tickers",
        "request": "/tickers",
        "status": 429,
        "retry_after": "7",
        "text": "Too many requests.",
    }
    assert kept["forced"]["status"] == 451
    player = Player({VENUE: exchange})
    assert [one for piece in pieces(tmp_path) for one in player.play(piece)] == []
    assert (player.unreadable, player.refused) == (0, 2)
    assert SECRET not in repr(kept)


async def test_a_refused_book_is_kept_and_the_one_before_it_stands(tmp_path: Path) -> None:
    async def broken(_: web.Request) -> web.Response:
        return web.Response(status=503, text="<html>")

    async with serving() as server:
        server.routes["/contracts"] = broken
        await recorded(server, tmp_path, ACME, 1)
    (kept,) = lines(tmp_path)
    assert (kept["source"], kept["status"], kept["text"]) == ("contracts", 503, "<html>")
    book = Piece(START, "acme", "contracts", '{"contracts": ["BTC-PERP"]}', request="/contracts")
    refused = Piece(START, "acme", "contracts", "<html>", request="/contracts", status=503)
    changed = Piece(START, "acme", "tickers", "{}", request="/tickers", status=400)
    tickers = Piece(START, "acme", "tickers", TICKS.decode(), request="/tickers")
    player = Player({VENUE: ACME})
    assert [len(player.play(piece)) for piece in (book, refused, changed, tickers)] == [0, 0, 0, 2]
    assert player.first_refused == "acme contracts at 2025-10-10 21:00:00: no answer: HTTP 503"
    assert player.first_unreadable == "acme tickers at 2025-10-10 21:00:00: HTTP 400"
