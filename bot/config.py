"""Configuration: TOML in, typed settings out, and every fault told at once.

A setting is written down once, in ``SETTINGS`` or ``VENUE_SETTINGS``; the docs and the example file are
tested against them.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from bot.clusters import STREAMS, StreamsSettings, streams_of
from bot.domain.assets import Asset
from bot.domain.market import Venue
from bot.domain.posts import MONTHLY_W, WEEKLY_W, YEARLY_W, Measure, Threshold
from bot.engines import STORAGE_SETTINGS, DatabaseSettings, database
from bot.errors import ConfigError
from bot.page_settings import (
    PAGE_HOST,
    PAGE_PORT,
    PAGE_SETTINGS,
    PAGE_TOKEN_ENV,
    PAGE_TOKEN_FILE,
    PUBLIC,
    PUBLIC_URL,
    PageSettings,
)
from bot.platforms import (
    DISCORD_API,
    DISCORD_GATEWAY,
    DISCORD_TOKEN_ENV,
    DISCORD_TOKEN_FILE,
    TELEGRAM_API,
    TELEGRAM_API_BASE,
    TELEGRAM_HOOK,
    TELEGRAM_HOOK_SECRET,
    TELEGRAM_MODE,
    TELEGRAM_TOKEN_ENV,
    TELEGRAM_TOKEN_FILE,
    VARIABLE,
    DiscordSettings,
    TelegramSettings,
    Token,
)
from bot.settings import (
    Setting,
    address,
    coins,
    duration_within,
    file_path,
    flag,
    one_of,
    share,
    texts,
    variable,
)

T = TypeVar("T")

OFTEN_W = {"daily": math.log10(24), "weekly": WEEKLY_W, "monthly": MONTHLY_W, "yearly": YEARLY_W}
TOP = ("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "HYPE", "ADA", "SUI", "LINK", "AVAX", "LTC")


def _how_often(value: object) -> Threshold:
    return Threshold(Measure.W, OFTEN_W[one_of(*OFTEN_W)(value)])


ASSETS: Setting[frozenset[Asset] | None] = Setting(
    "market", "assets", frozenset(map(Asset, TOP)), 'a list of coins or "all"', '["BTC", "ETH"]', coins
)
POLL_EVERY = Setting(
    "market",
    "poll_every",
    timedelta(minutes=1),
    "a time from 10s to 5m (venues limit how often they answer; the shortest horizon is 5 minutes)",
    '"60s"',
    duration_within(timedelta(seconds=10), timedelta(minutes=5)),
)
VENUES: Setting[tuple[str, ...] | None] = Setting(
    "market", "venues", None, "a list of venue names", '["binance_usdm", "bybit"]', texts
)
STORAGE_PATH = Setting(
    "storage", "path", Path("data/washout.db"), "the path of a file", '"data/washout.db"', file_path
)
ALERT_DEFAULT = Setting(
    "alerts",
    "default",
    Threshold(Measure.W, WEEKLY_W),
    f"one of {', '.join(OFTEN_W)}",
    '"weekly"',
    _how_often,
)
COVERAGE_FLOOR = Setting("detection", "coverage_floor", 0.6, "a number above 0 and at most 1", "0.6", share)
LEVELS = ("debug", "info", "warning", "error")
LOG_LEVEL = Setting("log", "level", "info", f"one of {', '.join(LEVELS)}", '"info"', one_of(*LEVELS))
FORMATS = ("auto", "text", "json")
LOG_FORMAT = Setting("log", "format", "auto", f"one of {', '.join(FORMATS)}", '"auto"', one_of(*FORMATS))
SETTINGS: tuple[Setting[Any], ...] = (
    *(ASSETS, POLL_EVERY, VENUES, STORAGE_PATH),
    *STORAGE_SETTINGS,
    *PAGE_SETTINGS,
    *STREAMS,
    *(ALERT_DEFAULT, COVERAGE_FLOOR, LOG_LEVEL, LOG_FORMAT),
    *(TELEGRAM_TOKEN_ENV, TELEGRAM_TOKEN_FILE, TELEGRAM_API),
    *(TELEGRAM_MODE, TELEGRAM_HOOK, TELEGRAM_HOOK_SECRET),
    *(DISCORD_TOKEN_ENV, DISCORD_TOKEN_FILE, DISCORD_API, DISCORD_GATEWAY),
)

ENABLED: Setting[bool | None] = Setting("venues", "enabled", None, "true or false", "true", flag)
BASE_URL: Setting[str | None] = Setting(
    "venues", "base_url", None, "an http address", '"https://fapi.binance.com"', address("http", "https")
)
WS_URL: Setting[str | None] = Setting(
    "venues", "ws_url", None, "a websocket address", '"wss://fstream.binance.com"', address("ws", "wss")
)
KEY_ENV: Setting[str | None] = Setting("venues", "key_env", None, VARIABLE, '"COINGLASS_API_KEY"', variable)
KEY_FILE: Setting[Path | None] = Setting(
    "venues", "key_file", None, "the path of a file", '"secrets/coinglass_key"', file_path
)
KEYS: tuple[Setting[Any], ...] = (KEY_ENV, KEY_FILE)
VENUE_SETTINGS: tuple[Setting[Any], ...] = (ENABLED, BASE_URL, WS_URL, *KEYS)
TABLES = sorted({setting.table for setting in SETTINGS} | {"venues"})


_LOGIN = re.compile(r"//.*@|password=[^&\"]*")


class KnownVenue(Protocol):
    """What configuration must know of a venue; the exchanges of the registry are such."""

    @property
    def venue(self) -> Venue: ...
    @property
    def base_url(self) -> str: ...
    @property
    def by_default(self) -> bool: ...
    @property
    def key_header(self) -> str: ...


class VenueSettings(msgspec.Struct, frozen=True):
    """A venue to run. ``None`` leaves an address to the venue's own file; ``key`` is where its key is."""

    venue: Venue
    base_url: str | None = None
    ws_url: str | None = None
    key: Token | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an operator may choose. ``source`` is the file it came from, ``None`` for the defaults.

    ``assets`` is ``None`` for every coin listed. ``venues`` are only those to be run, in the registry's
    order. ``coverage_floor`` is the share of a coin's usual coin OI below which nothing new is declared.
    """

    source: Path | None
    assets: frozenset[Asset] | None
    poll_every: timedelta
    venues: tuple[VenueSettings, ...]
    storage_path: Path
    alert_threshold: Threshold
    coverage_floor: float
    log_level: str
    log_format: str
    streams: StreamsSettings | None = None
    """Where the processes of a fleet meet; ``None``: one process does everything."""
    database: DatabaseSettings | None = None
    """Where the state is kept instead of in the file ``storage_path``."""
    page: PageSettings = PageSettings()
    telegram: TelegramSettings = TelegramSettings()
    discord: DiscordSettings = DiscordSettings()

    def secrets(self) -> tuple[str, ...]:
        """Every secret that is found, to be cut out of whatever is logged. Raises as ``Token.read``."""
        tokens = [self.telegram.token, self.telegram.webhook_secret, self.discord.token, self.page.token]
        tokens += [self.streams.password] if self.streams else []
        tokens += [self.database.password] if self.database else []
        tokens += [venue.key for venue in self.venues if venue.key is not None]
        return tuple(secret for token in tokens if (secret := token.read()))


def load(path: Path | None, known: Iterable[KnownVenue]) -> Settings:
    """The settings in ``path``, or the defaults where it is ``None``.

    Raises ``ConfigError`` with one line for every fault found.
    """
    reader = _Reader(_parse(path) if path else {})
    settings = Settings(
        source=path,
        assets=reader.get(ASSETS),
        poll_every=reader.get(POLL_EVERY),
        venues=_venues(reader, {str(venue.venue): venue for venue in known}),
        storage_path=reader.get(STORAGE_PATH),
        alert_threshold=reader.get(ALERT_DEFAULT),
        coverage_floor=reader.get(COVERAGE_FLOOR),
        log_level=reader.get(LOG_LEVEL),
        log_format=reader.get(LOG_FORMAT),
        streams=streams_of(reader.get),
        database=database(reader.get, reader.faults),
        page=_page(reader),
        telegram=_telegram(reader),
        discord=DiscordSettings(
            Token(reader.get(DISCORD_TOKEN_ENV), reader.get(DISCORD_TOKEN_FILE)),
            reader.get(DISCORD_API),
            reader.get(DISCORD_GATEWAY),
        ),
    )
    reader.name_the_unknown()
    if reader.faults:
        name = path.name if path else "defaults"
        raise ConfigError("\n".join(f"{name}: {fault}" for fault in reader.faults))
    return settings


def _page(reader: _Reader) -> PageSettings:
    found = PageSettings(
        host=reader.get(PAGE_HOST),
        port=reader.get(PAGE_PORT),
        public_url=reader.get(PUBLIC_URL),
        public=reader.get(PUBLIC),
        token=Token(reader.get(PAGE_TOKEN_ENV), reader.get(PAGE_TOKEN_FILE)),
    )
    reader.faults += found.faults()
    return found


def _telegram(reader: _Reader) -> TelegramSettings:
    found = TelegramSettings(
        token=Token(reader.get(TELEGRAM_TOKEN_ENV), reader.get(TELEGRAM_TOKEN_FILE)),
        api_base=reader.get(TELEGRAM_API) or TELEGRAM_API_BASE,
        mode=reader.get(TELEGRAM_MODE),
        webhook_url=reader.get(TELEGRAM_HOOK),
        webhook_secret=Token(reader.get(TELEGRAM_HOOK_SECRET)),
    )
    if found.mode == "webhook" and found.webhook_url is None and not reader.faults:
        reader.faults.append(
            '[telegram] mode = "webhook" needs webhook_url, where Telegram can reach this program:'
            f" write, for example, webhook_url = {TELEGRAM_HOOK.example}"
        )
    return found


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; copy config.example.toml to it and edit that") from None
    except tomllib.TOMLDecodeError as fault:
        raise ConfigError(f"{path.name}: not valid TOML: {fault}") from fault
    except UnicodeDecodeError as fault:
        raise ConfigError(f"{path.name}: not UTF-8 text; save it as UTF-8") from fault
    except OSError as fault:
        raise ConfigError(f"{path} cannot be read: {fault.strerror}") from fault


class _Reader:
    """Takes settings out of parsed TOML and remembers every fault."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self.faults: list[str] = []

    def table(self, name: str) -> Mapping[str, Any]:
        found = self.raw.get(name)
        return found if isinstance(found, dict) else {}

    def get(self, setting: Setting[T]) -> T:
        return self.take(setting, f"[{setting.table}]", self.table(setting.table))

    def take(self, setting: Setting[T], where: str, table: Mapping[str, Any]) -> T:
        if setting.key not in table:
            return setting.default
        value = table[setting.key]
        try:
            return setting.read(value)
        except ValueError:
            self.faults.append(
                f"{where} {setting.key} = {_shown(value)} is not {setting.expected}:"
                f" write, for example, {setting.key} = {setting.example}"
            )
            return setting.default

    def name_the_unknown(self) -> None:
        """A fault for each key that nobody reads. Its value is not repeated: it may be a secret."""
        for name, content in self.raw.items():
            if name not in TABLES:
                what = (
                    f"[{name}] is not a table" if isinstance(content, dict) else f"{name} stands in no table"
                )
                self.faults.append(f"{what}{_nearest(name, TABLES)}; the tables are {', '.join(TABLES)}")
            elif not isinstance(content, dict):
                self.faults.append(f"{name} must be a table, written [{name}]")
            elif name != "venues":
                self.name_unknown_keys(f"[{name}]", content, [s.key for s in SETTINGS if s.table == name])

    def name_unknown_keys(self, where: str, table: Mapping[str, Any], keys: list[str]) -> None:
        for key in table:
            if key not in keys:
                homes = [f"; it belongs in [{setting.table}]" for setting in SETTINGS if setting.key == key]
                hint = (homes or [_nearest(key, keys) or f"; settings here are {', '.join(keys)}"])[0]
                self.faults.append(f"{where} {key} is not a setting{hint}")


def _venues(reader: _Reader, listed: Mapping[str, KnownVenue]) -> tuple[VenueSettings, ...]:
    """Those of ``[market] venues`` (or the usual ones), then what each one's own table says."""
    named = reader.get(VENUES)
    if named is None:
        named = tuple(name for name, venue in listed.items() if venue.by_default)
    own = reader.table("venues")
    for where, names in (("[market] venues:", named), ("[venues]", own)):
        for name in names:
            if name not in listed:
                hint = f"{_nearest(name, listed)}; known are {', '.join(listed)}"
                reader.faults.append(f"{where} {name} is not a known venue{hint}")
    chosen = [_venue(reader, venue, name in named, own.get(name, {})) for name, venue in listed.items()]
    venues = tuple(venue for venue in chosen if venue)
    if not venues and not reader.faults:
        reader.faults.append("every venue is off, so there is nothing to watch: name some in [market] venues")
    return venues


def _venue(reader: _Reader, venue: KnownVenue, named: bool, table: object) -> VenueSettings | None:
    where = f"[venues.{venue.venue}]"
    if not isinstance(table, dict):
        reader.faults.append(f"[venues] {venue.venue} must be a table, written {where}")
        return None
    usable = [setting.key for setting in VENUE_SETTINGS if venue.key_header or setting not in KEYS]
    reader.name_unknown_keys(where, table, usable)
    enabled = reader.take(ENABLED, where, table)
    key = Token(
        reader.take(KEY_ENV, where, table) or f"{venue.venue.upper()}_API_KEY",
        reader.take(KEY_FILE, where, table),
    )
    settings = VenueSettings(
        venue.venue,
        reader.take(BASE_URL, where, table),
        reader.take(WS_URL, where, table),
        key if venue.key_header else None,
    )
    if enabled is False:
        return None
    found = bool(venue.key_header) and _has_key(reader, where, key)
    if not (enabled or named or found):
        return None
    if venue.key_header and not found:
        reader.faults.append(f"{where} needs a key: set {key.env}, or name a file with it in key_file")
    if not venue.base_url and "base_url" not in table:
        reader.faults.append(f"{where} needs base_url: {venue.venue} has no public address of its own")
    return settings


def _has_key(reader: _Reader, where: str, key: Token) -> bool:
    """A key that cannot be sent as it is counts as none, and is a fault. Its value is not repeated."""
    try:
        secret = key.read()
    except ConfigError as fault:
        reader.faults.append(f"{where} {fault}")
        return False
    if secret and not (secret.isascii() and secret.isprintable()):
        reader.faults.append(f"{where} the key holds something that is not a plain character")
        return False
    return bool(secret)


def _shown(value: object) -> str:
    """``value`` as TOML would write it, cut to fit a line. Who may be named in an address stays untold."""
    if isinstance(value, bool):
        return str(value).lower()
    text = _LOGIN.sub("•••", f'"{value}"' if isinstance(value, str) else repr(value))
    return text if len(text) <= 60 else text[:57] + "…"


def _nearest(word: str, among: Iterable[str]) -> str:
    near = get_close_matches(word, list(among), n=1)
    return f"; did you mean {near[0]}?" if near else ""
