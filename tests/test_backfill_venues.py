"""Every venue that remembers, over the local servers that speak its wire format."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.backfill import backfill
from bot.config import load
from bot.domain.assets import Asset
from bot.errors import SourceUnreachable, UsageError
from bot.exchanges import EXCHANGES
from bot.feeds.contact import Setting
from bot.feeds.sources import VenueSource, open_lines
from bot.health import Health
from bot.past import Past
from bot.pipeline.judge import Judge
from bot.pipeline.memory import Pace
from bot.simulator.everything import PEAK, everything
from bot.simulator.servers import Address, serve
from storage.memory import MemoryStore
from storage.sqlite import open_sqlite
from tests.feeds.acme import World

BTC = Asset("BTC")
MINUTE = timedelta(minutes=1)
REMEMBER = [venue for venue, exchange in EXCHANGES.items() if exchange.history is not None]
GROUPS = {venue: exchange.group for venue, exchange in EXCHANGES.items()}
NOW = PEAK - timedelta(minutes=50)


def test_the_venues_that_remember() -> None:
    assert set(REMEMBER) >= {
        "binance_usdm",
        "binance_coinm",
        "bybit",
        "okx",
        "gate",
        "htx",
        "kucoin",
        "kraken_futures",
        "bitfinex",
    }


async def test_every_venue_that_remembers_is_learnt_over_its_own_wire_format() -> None:
    market = everything({"BTC": 100_000.0}, [str(venue) for venue in REMEMBER])
    store, world = MemoryStore(), World(now=NOW)
    judge = Judge(GROUPS, Pace(MINUTE, 3 * MINUTE))
    setting = Setting(
        world,
        world,
        Health(lambda: NOW),
        lambda: NOW,
        speed=600.0,  # of budgets: a test does not wait for them
        monotonic=asyncio.get_running_loop().time,
    )
    async with serve(market, lambda: NOW) as at:
        sources = [VenueSource(EXCHANGES[venue], at[venue].base_url) for venue in REMEMBER]
        async with open_lines(sources, setting) as lines:
            past = Past(judge, store, GROUPS, setting, rest=0.0)
            ended = await past.run(
                sources, lines, frozenset({BTC}), look_back=timedelta(days=3), patient=False
            )
    assert {one.venue: (one.share, one.skipped, one.why) for one in ended} == dict.fromkeys(
        REMEMBER, (1.0, 0, "")
    )
    newest = await store.journal.snapshot(BTC)
    assert newest is not None
    assert {told.venue for told in newest.venues} == set(REMEMBER)
    assert judge.warm(BTC) > timedelta(days=2)
    assert await store.waves.recent() == []


@asynccontextmanager
async def bybit_now() -> AsyncIterator[Address]:
    """Bybit's wire format with the wall's own time, since the command reads no other."""
    wall = datetime.now(UTC)
    market = everything({"BTC": 100_000.0}, ["bybit"], peak=wall + timedelta(hours=1))
    async with serve(market, lambda: datetime.now(UTC)) as at:
        yield at["bybit"]


def configured(folder: Path, base_url: str) -> Path:
    file = folder / "config.toml"
    file.write_text(
        '[market]\nassets = ["BTC"]\nvenues = ["bybit", "deribit"]\n'
        f'[venues.bybit]\nbase_url = "{base_url}"\n'
        f'[storage]\npath = "{folder}/washout.db"\n'
    )
    return file


async def test_the_command_fetches_learns_and_says_how_far(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    since = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    async with bybit_now() as at:
        settings = load(configured(tmp_path, at.base_url), EXCHANGES.values())
        assert await backfill(settings, None, None, since) == 0
        assert "Bybit 100 %" in capsys.readouterr().out
        assert await backfill(settings, ["bybit"], ["BTC"], since) == 0
    async with open_sqlite(tmp_path / "washout.db") as store:
        assert list(await store.archive.learnt()) == [BTC]
        judge = Judge(GROUPS, Pace(MINUTE, 3 * MINUTE))
        assert await Past(judge, store, GROUPS, World().setting).load() == 1
        assert judge.warm(BTC) > timedelta(days=1)


async def test_the_command_fetches_what_others_tell_where_there_is_a_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wall = datetime.now(UTC)
    (tmp_path / "key").write_text("a-key-of-ours")
    market = everything({"BTC": 100_000.0}, ["bybit"], peak=wall + timedelta(hours=1))
    async with serve(market, lambda: datetime.now(UTC), reporters=("coinglass",)) as at:
        file = configured(tmp_path, at["bybit"].base_url)
        with_key = f'[venues.coinglass]\nenabled = true\nkey_file = "{tmp_path}/key"\n'
        file.write_text(f'{file.read_text()}{with_key}base_url = "{at["coinglass"].base_url}"\n')
        settings = load(file, EXCHANGES.values())
        assert await backfill(settings, ["coinglass"], None, (wall - timedelta(days=4)).isoformat()) == 0
    assert "CoinGlass 100 %" in capsys.readouterr().out
    async with open_sqlite(tmp_path / "washout.db") as store:
        (told,) = await store.journal.reports(BTC, datetime.now(UTC))
        assert (told.venue, told.source) == ("bitunix", "coinglass")
        assert await store.archive.reached() == {}


async def test_the_command_says_when_no_venue_tells_its_past(tmp_path: Path) -> None:
    settings = load(configured(tmp_path, "http://127.0.0.1:9"), EXCHANGES.values())
    with pytest.raises(SourceUnreachable, match="no venue told its past"):
        await backfill(settings, ["bybit"], None, None)


@pytest.mark.parametrize(
    ("venues", "coins", "since", "why"),
    [
        (["deribit"], None, None, "none of these venues remembers its past; those that do: binance_usdm"),
        (["acme"], None, None, "--venues: acme"),
        (None, ["BTC", " "], None, "--coins"),
        (None, None, "yesterday", "--since: yesterday is not a time"),
        (None, None, "2999-01-01", "has not come yet"),
    ],
)
async def test_a_mistake_in_the_command_is_told(
    tmp_path: Path, venues: list[str] | None, coins: list[str] | None, since: str | None, why: str
) -> None:
    settings = load(configured(tmp_path, "http://127.0.0.1:9"), EXCHANGES.values())
    with pytest.raises(UsageError, match=why):
        await backfill(settings, venues, coins, since)
