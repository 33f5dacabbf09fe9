"""Settings of the chat platforms, and where their secrets are found."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from bot.errors import ConfigError
from bot.settings import Setting, address, file_path, one_of, variable

TELEGRAM_API_BASE = "https://api.telegram.org"
MODES = ("polling", "webhook")
VARIABLE = "the name of an environment variable (never the secret itself)"
TELEGRAM_TOKEN_ENV = Setting(
    "telegram", "token_env", "TELEGRAM_BOT_TOKEN", VARIABLE, '"TELEGRAM_BOT_TOKEN"', variable
)
TELEGRAM_TOKEN_FILE: Setting[Path | None] = Setting(
    "telegram", "token_file", None, "the path of a file", '"secrets/telegram_token"', file_path
)
TELEGRAM_API: Setting[str | None] = Setting(
    "telegram",
    "api_base",
    TELEGRAM_API_BASE,
    "an http address",
    f'"{TELEGRAM_API_BASE}"',
    address("http", "https"),
)
TELEGRAM_MODE = Setting(
    "telegram", "mode", "polling", f"one of {', '.join(MODES)}", '"polling"', one_of(*MODES)
)
TELEGRAM_HOOK: Setting[str | None] = Setting(
    "telegram",
    "webhook_url",
    None,
    "an http address",
    '"https://bot.example/telegram"',
    address("http", "https"),
)
TELEGRAM_HOOK_SECRET = Setting(
    "telegram",
    "webhook_secret_env",
    "TELEGRAM_WEBHOOK_SECRET",
    VARIABLE,
    '"TELEGRAM_WEBHOOK_SECRET"',
    variable,
)
DISCORD_TOKEN_ENV = Setting(
    "discord",
    "token_env",
    "DISCORD_TOKEN",
    "the name of an environment variable (never the token itself)",
    '"DISCORD_TOKEN"',
    variable,
)
DISCORD_TOKEN_FILE: Setting[Path | None] = Setting(
    "discord", "token_file", None, "the path of a file", '"secrets/discord_token"', file_path
)
DISCORD_API: Setting[str | None] = Setting(
    "discord",
    "api_base",
    None,
    "an http address with the version of the API",
    '"https://discord.com/api/v10"',
    address("http", "https"),
)
DISCORD_GATEWAY: Setting[str | None] = Setting(
    "discord",
    "gateway",
    None,
    "a websocket address",
    '"wss://gateway.discord.gg"',
    address("ws", "wss", whole=True),
)


class Token(msgspec.Struct, frozen=True):
    """Where a secret is found: an environment variable, or else a file that holds nothing but it."""

    env: str
    file: Path | None = None

    def read(self) -> str | None:
        """``None`` where neither is there. Raises ``ConfigError``, which never holds the secret."""
        if said := os.environ.get(self.env, "").strip():
            return said
        if self.file is None:
            return None
        try:
            said = self.file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as fault:
            raise ConfigError(f"{self.file}: the token cannot be read ({type(fault).__name__})") from None
        if not said:
            raise ConfigError(f"{self.file} is empty; it must hold the token")
        return said


class DiscordSettings(msgspec.Struct, frozen=True):
    """``None`` leaves an address to the library."""

    token: Token = Token("DISCORD_TOKEN")
    api_base: str | None = None
    gateway: str | None = None


class TelegramSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``webhook_url`` is used in the mode "webhook" only; its secret is made up where none is found."""

    token: Token = Token("TELEGRAM_BOT_TOKEN")
    api_base: str = TELEGRAM_API_BASE
    mode: str = "polling"
    webhook_url: str | None = None
    webhook_secret: Token = Token("TELEGRAM_WEBHOOK_SECRET")
