"""The whole program with both platforms: one wave, told once in each chat, revised in place to its end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.discord_face.conftest import until
from tests.discord_face.payloads import ALERTS
from tests.discord_face.records import TOKEN as DISCORD_TOKEN
from tests.discord_face.server import Discord
from tests.program import program
from tests.telegram.rules import TOKEN as TELEGRAM_TOKEN
from tests.telegram.server import serve

FLUSH = "BTC long flush"
ADA = 42


def settings(telegram: str, discord: str, gateway: str) -> str:
    return f'[telegram]\napi_base = "{telegram}"\n[discord]\napi_base = "{discord}"\ngateway = "{gateway}"\n'


async def test_a_wave_is_told_once_in_each_chat_and_its_tokens_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "TELEGRAM_BOT_TOKEN", TELEGRAM_TOKEN)
    monkeypatch.setitem(os.environ, "DISCORD_TOKEN", DISCORD_TOKEN)
    discord = Discord()
    async with serve() as telegram, discord.serve() as api:
        config = tmp_path / "config.toml"
        config.write_text(settings(telegram.address, api, discord.gateway.url))
        telegram.chat(ADA)
        with program("--scenario", "october-2025", "--speed", "240", "--debug", at=tmp_path) as running:
            await until(lambda: discord.gateway.connected.is_set(), 20)
            telegram.says(ADA, "/subscribe btc weekly", person=ADA)
            await telegram.until(lambda: any("Subscribed" in said(m) for m in telegram.shown(ADA)), 20)
            await discord.command("subscribe", manager=True, what="btc weekly")

            def told() -> list[str]:
                return [said(m) for m in telegram.shown(ADA) if FLUSH in said(m)]

            await telegram.until(lambda: any("over after" in text for text in told()), 90)
            assert len(told()) == 1, "one message for one wave"
            assert "Reconstruction" in told()[0]
            assert "415,000 → 336,000" in told()[0]
            assert telegram.of("editMessageMedia") or telegram.of("editMessageCaption")
            await until(lambda: any("over after" in text for text in embeds(discord)), 20)
            assert len([text for text in embeds(discord) if FLUSH in text]) == 1
            code, took_s = await asyncio.to_thread(running.interrupt)
    assert (code, took_s < 3) == (0, True)
    written = "".join(running.said).encode() + all_files(tmp_path)
    assert TELEGRAM_TOKEN.encode() not in written
    assert DISCORD_TOKEN.encode() not in written


def all_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def said(message: dict[str, object]) -> str:
    return str(message.get("text") or message.get("caption") or "")


def embeds(discord: Discord) -> list[str]:
    """What the channel shows: title and text of every embed."""
    shown = [message for message in discord.messages.values() if message["channel_id"] == ALERTS]
    return [f"{e.get('title', '')} {e.get('description', '')}" for m in shown for e in m["embeds"]]
