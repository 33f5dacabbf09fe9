"""Settings of the page: where it listens, under which address people know it, and who may see it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bot.errors import ConfigError
from bot.platforms import VARIABLE, Token
from bot.settings import Setting, address, file_path, flag, port, variable

LEAST_TOKEN = 16
"""Characters: so many cannot be guessed at the pace that the page allows."""
TABLE = "page"


def listened_on(value: object) -> str:
    """An address of this machine: an IP address or ``localhost``. Raises ``ValueError``."""
    if not isinstance(value, str):
        raise ValueError(value)
    return value if value == "localhost" else str(ipaddress.ip_address(value))


def origin(value: object) -> str | None:
    """A scheme, a host and perhaps a port, and nothing behind them. Raises ``ValueError``."""
    found = address("http", "https")(value)
    parts = urlsplit(found or "")
    if parts.path or parts.username is not None:
        raise ValueError(value)
    return found


PAGE_HOST = Setting(
    TABLE,
    "host",
    "127.0.0.1",
    "an IP address of this machine (127.0.0.1 for itself alone, 0.0.0.0 for every network) or localhost",
    '"127.0.0.1"',
    listened_on,
)
PAGE_PORT = Setting(TABLE, "port", 8080, "a whole number from 0 (any free port) to 65535", "8080", port)
PUBLIC_URL: Setting[str | None] = Setting(
    TABLE,
    "public_url",
    None,
    "an http address without a path, as people type it",
    '"https://washout.example"',
    origin,
)
PUBLIC = Setting(TABLE, "public", False, "true or false", "true", flag)
PAGE_TOKEN_ENV = Setting(TABLE, "token_env", "WASHOUT_PAGE_TOKEN", VARIABLE, '"WASHOUT_PAGE_TOKEN"', variable)
PAGE_TOKEN_FILE: Setting[Path | None] = Setting(
    TABLE, "token_file", None, "the path of a file", '"secrets/page_token"', file_path
)
PAGE_SETTINGS = (PAGE_HOST, PAGE_PORT, PUBLIC_URL, PUBLIC, PAGE_TOKEN_ENV, PAGE_TOKEN_FILE)


class PageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``public_url`` is the address that people know; ``public`` lets whoever has it read, but not speak."""

    host: str = PAGE_HOST.default
    port: int = PAGE_PORT.default
    public_url: str | None = None
    public: bool = False
    token: Token = Token(PAGE_TOKEN_ENV.default)

    @property
    def beyond_this_machine(self) -> bool:
        return self.host != "localhost" and not ipaddress.ip_address(self.host).is_loopback

    def faults(self) -> Iterable[str]:
        """What does not go together. A token is never repeated."""
        try:
            token = self.token.read()
        except ConfigError as fault:
            yield f"[page] {fault}"
            return
        if token is not None and (len(token) < LEAST_TOKEN or not (token.isascii() and token.isprintable())):
            where = f"{self.token.env}{f' or {self.token.file}' if self.token.file else ''}"
            yield (
                f"[page] the token in {where} must have at least {LEAST_TOKEN} plain characters; this makes"
                ' one: python -c "import secrets; print(secrets.token_urlsafe(24))"'
            )
        if token is None and not self.public and (self.beyond_this_machine or self.public_url):
            key, value = ("host", self.host) if self.beyond_this_machine else ("public_url", self.public_url)
            yield (
                f'[page] {key} = "{value}" lets others reach the page, so it needs a token: set'
                f" {self.token.env}, or name a file with it in token_file. For a page that others may only"
                " read, write public = true"
            )
