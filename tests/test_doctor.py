"""``washout doctor`` in front of simulated venues: one that counts in other units, one that is deaf."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config import load
from bot.doctor import doctor
from bot.errors import SourceUnreachable
from bot.exchanges import EXCHANGES
from bot.simulator.everything import everything
from bot.simulator.faults import Fault, Faults
from bot.simulator.servers import serve

PRICES_USD = {"BTC": 113_000.0, "ETH": 4_100.0}
VENUES = ("binance_usdm", "bitget", "bybit", "hyperliquid", "mexc", "okx")


async def told(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    venues: Sequence[str],
    faults: Mapping[str, Fault],
    listen_s: float,
) -> str:
    now = datetime.now(UTC)
    wrong = Faults()
    for venue, fault in faults.items():
        wrong.begin(venue, fault, now)
    scenario = everything(PRICES_USD, venues, peak=now + timedelta(seconds=30))
    config = folder / "config.toml"
    async with serve(scenario, lambda: datetime.now(UTC), faults=wrong) as addresses:
        lines = ["[market]", 'assets = ["BTC", "ETH"]', f"venues = {list(venues)}"]
        for venue in venues:
            lines += [f"[venues.{venue}]", f'base_url = "{addresses[venue].base_url}"']
            lines += [f'ws_url = "{addresses[venue].ws_url}"']
        config.write_text("\n".join(lines))
        assert await doctor(load(config, EXCHANGES.values()), "btc", listen_s) == 0
    return capsys.readouterr().out


async def test_every_venue_is_told_and_what_is_misread_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = await told(tmp_path, capsys, VENUES, {"mexc": Fault.THOUSANDFOLD}, 0.0)
    rows = {line.split("  ")[0]: line for line in said.splitlines()}
    assert len([line for line in rows.values() if line.endswith("accept")]) == len(VENUES)
    misread = [line for line in said.splitlines() if "misread" in line]
    assert len(misread) == 1
    assert misread[0].startswith("MEXC, probably misread: $")
    assert " of open interest in BTC, but $" in misread[0]
    assert "6 of 6 venues told" in said
    assert "liquidations" not in said


def verdicts(said: str) -> Mapping[tuple[str, str], str]:
    rows = [re.split(r"  +", line) for line in said.splitlines()]
    return {(row[0], row[1]): row[-1] for row in rows if len(row) == 5}


async def test_feeds_that_tell_something_are_believed_and_who_has_none_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The wait ends with the first liquidation of each."""
    said = await told(tmp_path, capsys, ("binance_usdm", "hyperliquid", "okx"), {}, 60.0)
    assert verdicts(said)["Binance USD-M", "liquidations"] == "accept"
    assert verdicts(said)["OKX", "liquidations"] == "accept"
    assert "Hyperliquid tells no liquidations: only who is liquidated is told of it" in said


async def test_a_deaf_feed_is_not_believed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deaf = {"bybit": Fault.DEAF, "binance_usdm": Fault.DEAF}
    found = verdicts(await told(tmp_path, capsys, tuple(deaf), deaf, 0.8))
    assert found["Bybit", "liquidations-linear"] == "subscribed, calm"
    assert found["Bybit", "liquidations-inverse"] == "subscribed, calm"
    assert found["Binance USD-M", "liquidations"] == "silent for 0.8 s"


async def test_nobody_to_ask_is_an_error(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[market]\nvenues = ["okx"]\n[venues.okx]\nbase_url = "http://127.0.0.1:9"\n')
    with pytest.raises(SourceUnreachable, match="no venue could be reached"):
        await doctor(load(config, EXCHANGES.values()), "btc", 1.0)
