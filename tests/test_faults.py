"""The program as a user meets it when things are wrong: a clear sentence, an exit code, and no traceback."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app import work
from bot.config import load
from bot.domain.assets import Asset
from bot.domain.market import Venue
from bot.domain.verdicts import Verdict
from bot.exchanges import EXCHANGES
from bot.feeds.sources import VenueSource
from bot.running import running
from bot.simulator.faults import Fault, Faults
from bot.simulator.playing import Play, ScenarioClock
from bot.simulator.servers import serve
from bot.stage import Stage, wall
from storage.sqlite import open_sqlite
from tests.program import Program, eventually, program
from tests.test_cli import washout
from tests.unruly import VENUES, Spoil, configure, nobody, quiet, unruly_venues

BTC = Asset("BTC")
STOP_S = 3.0
SPEED = 240.0
HUGE = 33 * 1024 * 1024


def refused(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and the one sentence with which ``run`` ends by itself."""
    ended = washout(folder, "run", "--port", "0", *arguments)
    assert "Traceback" not in ended.stdout + ended.stderr
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith("washout: ")
    return ended.returncode, sentence


def stops(running: Program, number: signal.Signals = signal.SIGINT) -> None:
    """At once, cleanly, and without a trace."""
    code, took_s = running.interrupt(number)
    assert (code, "Traceback" in running.output()) == (0, False), running.output()
    assert took_s < STOP_S


def sources(running: Program) -> dict[tuple[str, str], str]:
    """The state of each source by venue and name."""
    told = json.loads(running.get("/healthz"))["sources"]
    return {(source["venue"], source["source"]): source["state"] for source in told}


def contracts(running: Program) -> dict[str, str]:
    """The state of the first thing that every venue is asked."""
    return {venue: state for (venue, source), state in sources(running).items() if source == "contracts"}


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "data/washout.db")) as db:
        return db.execute(sql).fetchall()


# --- it cannot start -----------------------------------------------------------------------------------


def test_a_port_that_is_taken_ends_with_3(tmp_path: Path) -> None:
    with socket.socket() as taken, nobody() as address:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        configure(tmp_path, address)
        assert refused(tmp_path, "--port", str(port)) == (
            3,
            f"washout: Port {port} on 127.0.0.1 is already in use. Stop the program that has it, or choose "
            "another with --port.",
        )


def test_a_database_in_use_by_another_bot_ends_with_4_and_the_other_goes_on(tmp_path: Path) -> None:
    with nobody() as address:
        configure(tmp_path, address)
        with program(at=tmp_path) as first:
            assert first.address
            code, sentence = refused(tmp_path)
            assert code == 4
            assert f"washout.db is in use by another Washout (process {first.process.pid})" in sentence
            assert first.get("/healthz")
            stops(first)


def text_file(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data/washout.db").write_text("dear diary, " * 400)


def newer_release(folder: Path) -> None:
    """What a first start leaves, as if a later release had upgraded it."""
    with program(at=folder) as first:
        assert first.address
        stops(first)
    with closing(sqlite3.connect(folder / "data/washout.db")) as db, db:
        db.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at)"
            " values ('washout', 'm9999_future', '2031-01-01')"
        )


def file_in_the_way(folder: Path) -> None:
    (folder / "data").write_text("not a folder")


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (text_file, "is not a Washout database; give another path under [storage], or move it away"),
        (newer_release, "was written by a newer Washout (it knows m9999_future); upgrade this one"),
        (file_in_the_way, "cannot be stored in its folder"),
    ],
)
def test_a_database_that_cannot_be_used_ends_with_4(
    tmp_path: Path, prepare: Callable[[Path], None], told: str
) -> None:
    with nobody() as address:
        configure(tmp_path, address)
        prepare(tmp_path)
        code, sentence = refused(tmp_path)
        assert code == 4
        assert str(tmp_path / "data/washout.db") in sentence
        assert told in sentence


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("[market]\nasets = []", "config.toml: [market] asets is not a setting; did you mean assets?"),
        ('[page]\nport = "80"', 'config.toml: [page] port = "80" is not a whole number'),
        ('[market]\nvenues = ["bybyt"]', "bybyt is not a known venue; did you mean bybit?"),
        ("[market\n", "config.toml: not valid TOML"),
        ('[storage]\npath = "\xff"', "config.toml: not UTF-8 text"),
        ("[page]\nhost = '0.0.0.0'", "needs a token"),
    ],
)
def test_settings_that_cannot_be_used_end_with_3(tmp_path: Path, settings: str, told: str) -> None:
    (tmp_path / "config.toml").write_bytes(settings.encode("latin-1"))
    code, sentence = refused(tmp_path)
    assert code == 3
    assert told in sentence
    assert not (tmp_path / "data").exists()


def test_an_unknown_scenario_ends_with_2_though_there_are_settings(tmp_path: Path) -> None:
    with nobody() as address:
        configure(tmp_path, address)
        code, sentence = refused(tmp_path, "--scenario", "october-2052")
    assert code == 2
    assert "did you mean october-2025?" in sentence


# --- it cannot see -------------------------------------------------------------------------------------


def test_without_any_venue_it_lives_says_that_it_is_blind_and_alerts_nobody(tmp_path: Path) -> None:
    with nobody() as address:
        configure(tmp_path, address)
        with program(at=tmp_path) as blind:
            eventually(lambda: contracts(blind) == dict.fromkeys(VENUES, "lost"), 10, "every venue lost")
            assert json.loads(blind.get("/healthz"))["seeing"] is False
            venues = blind.ask("/venues")
            assert "I cannot see the market" in venues
            assert "Bybit, contracts: no answer: the connection is refused or there is no network" in venues
            assert "Hyperliquid lost never" in venues
            assert "I have not seen any market yet" in blind.ask("/oi")
            assert "is blind" in blind.ask("/status")
            assert [m.text for m in blind.alerts("flush")] == []
            stops(blind)
    assert "source.lost" in blind.output()
    assert rows(tmp_path, "select count(*) from waves") == [(0,)]


def test_a_venue_that_talks_nonsense_is_asked_again_and_believed_once_it_talks_sense(tmp_path: Path) -> None:
    with unruly_venues() as (venues, address):
        configure(tmp_path, address, ["bybit"])
        venues.spoiled["bybit", "/tickers"] = lambda said: said[: len(said) // 2]
        with program(at=tmp_path) as running:
            tickers = ("bybit", "tickers")
            eventually(lambda: tickers in in_state(running, "changed"), 15, "the change noticed")
            assert "Bybit, tickers: changed payload" in running.ask("/venues")
            asked = venues.hits("bybit", "/tickers")
            venues.spoiled.clear()
            eventually(lambda: tickers in in_state(running, "fresh"), 20, "the venue believed again")
            assert venues.hits("bybit", "/tickers") > asked
            stops(running)
    assert running.output().count('"event": "source.back"') == 1


# --- it is told impossible things ----------------------------------------------------------------------


def put(pattern: bytes, value: bytes) -> Spoil:
    return lambda said: re.sub(pattern, value, said)


SPOILED: dict[tuple[str, str], Spoil] = {
    ("binance_usdm", "/openInterest"): put(rb'("openInterest": )"[\d.]+"', rb'\1"-5"'),
    ("binance_coinm", "/openInterest"): put(rb'("openInterest": )"[\d.]+"', rb'\1"0"'),
    ("bybit", "/tickers"): lambda _: b"<html>We will be back soon</html>",
    ("okx", "/open-interest"): lambda _: b" " * HUGE,
    ("deribit", "/get_book_summary_by_currency"): put(rb'("open_interest": )[\d.]+', rb"\1NaN"),
    ("hyperliquid", "/info"): put(rb'("openInterest": )"[\d.]+"', rb'\1"1e999"'),
}
EVIDENCE = {
    ("binance_usdm", "impossible"): "-5 base: not a possible amount",
    ("binance_coinm", "zero"): "0 contracts: zero where there was open interest",
    ("bybit", "unreadable"): "JSON is malformed: invalid character (byte 0)",
    ("okx", "unreadable"): "an answer of more than 32768 KiB",
    ("deribit", "unreadable"): "JSON is malformed: invalid character",
    ("hyperliquid", "unreadable"): "BTC: openInterest is 1e999, not a possible number",
}


def test_garbage_huge_nan_negative_and_zero_are_kept_as_evidence_and_the_others_are_seen(
    tmp_path: Path,
) -> None:
    with unruly_venues() as (venues, address):
        configure(tmp_path, address)
        venues.spoiled.update(SPOILED)
        with program(at=tmp_path) as running:
            changed = {("bybit", "tickers"), ("okx", "open-interest"), ("hyperliquid", "contexts")}
            eventually(lambda: changed <= in_state(running, "changed"), 15, "what is unreadable")
            read = {("binance_usdm", "open-interest"), ("binance_coinm", "open-interest")}
            sane = {("coinbase_cde", "products")}
            eventually(lambda: read | sane <= in_state(running, "fresh"), 15, "what can be read")
            eventually(lambda: venues.hits("deribit", "currency") >= 4, 15, "all of Deribit asked")
            told = running.ask("/venues")
            assert all(f"{title} changed" in told for title in ("Bybit", "OKX", "Hyperliquid"))
            stops(running)
    kept = rows(tmp_path, "select venue, verdict, detail, raw from quarantine")
    for (venue, verdict), why in EVIDENCE.items():
        assert any(row[:2] == (venue, verdict) and why in str(row[2]) for row in kept), (venue, kept)
    assert ("<html>We will be back soon</html>",) in {row[3:] for row in kept}
    believed = {str(row[0]) for row in rows(tmp_path, READ_OF)}
    assert believed == {"coinbase_cde"}
    assert rows(tmp_path, "select count(*) from waves") == [(0,)]


READ_OF = "select distinct venue from readings join markets on markets.id = readings.market"


def in_state(running: Program, state: str) -> set[tuple[str, str]]:
    return {source for source, its in sources(running).items() if its == state}


MISBEHAVING = {
    "binance_usdm": Fault.THOUSANDFOLD,
    "binance_coinm": Fault.DOUBLED,
    "bybit": Fault.ZERO,
    "okx": Fault.SKEWED,
    "deribit": Fault.FREEZE,
    "hyperliquid": Fault.OUTAGE,
    "coinbase_cde": Fault.GARBAGE,
}
EXPECTED = {
    ("binance_usdm", Verdict.JUMPED),
    ("bybit", Verdict.ZERO),
    ("okx", Verdict.FUTURE),
    ("deribit", Verdict.FROZEN),
    ("coinbase_cde", Verdict.UNREADABLE),
}


async def test_venues_that_misbehave_all_at_once_and_come_back_start_no_wave(tmp_path: Path) -> None:
    begun = datetime(2026, 3, 2, 12, tzinfo=UTC)
    clock = ScenarioClock(Play("quiet", begun, SPEED, wall()), wall).now
    scenario, faults, stop = quiet(begun, past=timedelta(days=14)), Faults(), asyncio.Event()
    settings = load(None, EXCHANGES.values())
    async with serve(scenario, clock, faults=faults) as at, open_sqlite(tmp_path / "washout.db") as store:
        venues = [VenueSource(EXCHANGES[Venue(v)], at[v].base_url, at[v].ws_url) for v in VENUES]
        stage = Stage(venues, clock, begin=lambda: None, speed=SPEED)

        async def all_seen() -> bool:
            newest = await store.journal.snapshot(BTC)
            return newest is not None and newest.coverage > 0.95 and len(newest.venues) == len(VENUES)

        async def all_held_back() -> bool:
            kept = await store.journal.quarantined(begun, limit=10_000)
            return {(one.venue, one.verdict) for one in kept} >= EXPECTED

        async with running(work(settings, store, stage, 0, stop)):
            await until(all_seen)
            for venue, fault in MISBEHAVING.items():
                faults.begin(venue, fault, clock())
            await until(all_held_back)
            for venue in MISBEHAVING:
                faults.end(venue)
            back = clock() + timedelta(minutes=10)
            await until(all_seen)
            await until(lambda: passed(clock, back))
            stop.set()
        assert [wave for wave in await store.waves.recent(limit=50) if wave.onset >= begun] == []
        assert await store.waves.running() == []
        assert [post.subject for post in await store.posts.log(begun - timedelta(days=1))] == []


async def passed(clock: Callable[[], datetime], moment: datetime) -> bool:
    return clock() >= moment


async def until(look: Callable[[], Awaitable[bool]], within_s: float = 40) -> None:
    async with asyncio.timeout(within_s):
        while not await look():  # noqa: ASYNC110 (the program has no event for it)
            await asyncio.sleep(0.02)


# --- doctor --------------------------------------------------------------------------------------------


def test_doctor_shows_what_each_venue_answers(tmp_path: Path) -> None:
    with unruly_venues() as (venues, address):
        configure(tmp_path, address)
        venues.spoiled["okx", "/open-interest"] = lambda said: said[:40]
        ended = washout(tmp_path, "doctor", "--config", "config.toml", "--listen", "0")
    assert (ended.returncode, ended.stderr) == (0, "")
    head, *table = ended.stdout.splitlines()
    assert head.split() == ["venue", "state", "symbols", "open", "interest", "dollars", "age", "verdict"]
    shown = {line[:20].strip(): re.split(r"  +", line[20:].strip()) for line in table[: len(VENUES)]}
    state, symbols, coins, usd, _, verdict = shown["Bybit"]
    assert (state, symbols, verdict) == ("reachable", "2", "accept")
    assert 95_000 < float(coins.removesuffix(" BTC").replace(",", "")) < 110_000
    assert 10 < float(usd.removeprefix("$").removesuffix(" B")) < 13
    assert shown["OKX"] == ["reachable", "2", "–", "–", "–", "changed"]
    assert "OKX: changed payload: Input data was truncated" in table
    assert re.fullmatch(r"6 of 7 venues told 3\d\d,\d{3} BTC of open interest\.", table[-1])


def test_doctor_without_a_network_explains_and_ends_with_5(tmp_path: Path) -> None:
    with nobody() as address:
        configure(tmp_path, address)
        ended = washout(tmp_path, "doctor", "--config", "config.toml", "--listen", "0")
    assert ended.returncode == 5
    assert ended.stdout.count("unreachable") == len(VENUES)
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith("washout: no venue could be reached: this machine seems to have no way")


# --- it is stopped -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_it_stops_at_once_while_it_looks_back(tmp_path: Path, number: signal.Signals) -> None:
    with unruly_venues() as (venues, address):
        venues.speechless = True
        configure(tmp_path, address)
        with program(at=tmp_path) as running:
            eventually(lambda: venues.hits("bybit", "/open-interest"), 10, "the past asked for")
            stops(running, number)


def test_it_stops_at_once_while_venues_are_silent(tmp_path: Path) -> None:
    with unruly_venues() as (venues, address):
        configure(tmp_path, address, ["bybit", "okx"])

        def wait(said: bytes) -> bytes:
            venues.release.wait(30)
            return said

        venues.spoiled.update({("bybit", "/tickers"): wait, ("okx", "/mark-price"): wait})
        with program(at=tmp_path) as running:
            eventually(lambda: venues.hits("bybit", "/tickers"), 10, "a poll in hand")
            stops(running)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_it_stops_at_once_while_a_scenario_begins_and_while_it_plays(
    tmp_path: Path, number: signal.Signals
) -> None:
    with program("--speed", "240", at=tmp_path) as beginning:
        assert beginning.address
        stops(beginning, number)
    with program("--speed", "240", at=tmp_path) as playing:
        eventually(lambda: sources(playing) and "waiting" not in sources(playing).values(), 30, "the play")
        stops(playing, number)
