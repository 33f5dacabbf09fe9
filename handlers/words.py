"""Reading what people type. Every mistake is an ``AskError`` that says what was expected, with an example."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import log10
from typing import Generic, TypeVar

from rapidfuzz import fuzz, process

from bot.domain.assets import Asset, parse_asset
from bot.domain.cards import plain
from bot.domain.posts import MONTHLY_W, WEEKLY_W, YEARLY_W, Measure, Threshold
from bot.errors import AskError
from bot.pipeline.horizons import HORIZONS
from handlers.numbers import duration, percent

T = TypeVar("T")

NAMES = {
    "BITCOIN": "BTC",
    "ETHEREUM": "ETH",
    "ETHER": "ETH",
    "SOLANA": "SOL",
    "RIPPLE": "XRP",
    "DOGECOIN": "DOGE",
    "CARDANO": "ADA",
    "BINANCECOIN": "BNB",
    "AVALANCHE": "AVAX",
    "CHAINLINK": "LINK",
    "LITECOIN": "LTC",
    "TONCOIN": "TON",
    "HYPERLIQUID": "HYPE",
}
"""Coins that people call by name."""

UNITS = {"m": 1, "min": 1, "h": 60, "hr": 60, "hour": 60, "d": 1440, "day": 1440, "w": 10080, "week": 10080}
"""Minutes in a period's unit."""
POWERS = {"": 1.0, "k": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9}
EVERY_HOURS = {"day": 24.0, "week": 168.0, "wk": 168.0, "month": 730.5, "year": 8766.0, "yr": 8766.0}
TIMES = {"once": "1", "one": "1", "twice": "2", "two": "2", "three": "3", "four": "4", "five": "5"}
"""Counts that people write as words: "twice a month"."""
OFTEN = {"daily": log10(24), "weekly": WEEKLY_W, "monthly": MONTHLY_W, "yearly": YEARLY_W}
OFTEN |= {"notable": WEEKLY_W, "big": MONTHLY_W, "historic": YEARLY_W}
"""Magnitude W behind a word for how often."""
LEAST_FALL = 0.001
MOST = 1e15
"""Dollars or coins; all open interest there is is some 1e11 dollars."""

_THOUSANDS = r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"
_NUMBER = rf"({_THOUSANDS}|\d+(?:[.,]\d+)?|[.,]\d+)"
"""``1,500,000`` is a million and a half; any other comma is a decimal one: ``5,5%`` is not 55 %."""
_POWER = r"(k|mn|million|m|bn|billion|b)?"
_PERIOD = r"(\d+(?:[.,]\d+)?)\s*(m|min|h|hr|hour|d|day|w|week)s?"
_TIMES = re.compile(rf"\b({'|'.join(TIMES)})(?=\s+(?:times\s+)?(?:an?|per)\b)")
_COUNTED = re.compile(
    rf"(?:about\s+|[~≈]\s*)?{_NUMBER}\s*(?:x|times)?\s*(?:/|an?\b|per\b)\s*({'|'.join(EVERY_HOURS)})s?\b"
)
_NAMED = re.compile(rf"\b({'|'.join(OFTEN)})\b")
_MAGNITUDE = re.compile(rf"\bw\s*(?:>=|≥|=)?\s*{_NUMBER}(?![\w.])")
_SHARE = re.compile(
    rf"[-−]?{_NUMBER}\s*(?:%|percent\b|pct\b)(?:\s*(?:in|within|per|/)?\s*(?:{_PERIOD}|(whole|wave))\b)?"
)
_ANY_GROUP = re.compile(r"\bany[ -](?:group|leader)\b|\bwhoever leads\b")
_NO_COIN = r"(?!(?:usd|native|all|every|everything|any|only|from|and|alerts)\b)"
_COINS = re.compile(rf"(?<![\d.,$])(?<!\$ )\b{_NUMBER}\s*{_POWER}\s+{_NO_COIN}([a-z]+)")
_DOLLARS = re.compile(rf"\$\s*{_NUMBER}\s*{_POWER}\b|\b{_NUMBER}\s*{_POWER}\s*usd\b|\b{_NUMBER}(k|mn?|bn?)\b")


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """One word a command understands. ``read`` gets the text and the coins that are known.

    A parameter with ``rest`` takes everything that follows, as one text.
    """

    name: str
    read: Callable[[str, Sequence[Asset]], T]
    looks: str = r".+"
    required: bool = True
    rest: bool = False

    @property
    def optional(self) -> Parameter[T]:
        return replace(self, required=False)

    @property
    def shown(self) -> str:
        return f"<{self.name}>" if self.required else f"[{self.name}]"


def read_coin(text: str, known: Sequence[Asset]) -> Asset:
    """``btc``, ``$BTC``, ``xbt``, ``Bitcoin``, ``BTCUSDT``. Raises ``AskError`` with the nearest coin."""
    name = text.strip().lstrip("$#").upper()
    name = NAMES.get(name, name)
    if name in known:
        return Asset(name)
    listed = re.sub(r"[-_/]?(USDT|USDC|USD|PERP)$", "", name) or name
    for written in (listed, text.strip()):  # kPEPE is told from KPEPE by its case
        if written and (asset := parse_asset(written)[0]) in known:
            return asset
    if not known and name in NAMES.values():  # what is asked of it will say that it was not seen yet
        return Asset(name)
    if not known:
        raise AskError(
            "I have not seen any market yet. Ask again in a minute, or see how the feeds do: `/venues`"
        )
    text = plain(text[:24])
    choices = [*known, *(long for long, coin in NAMES.items() if coin in known)]
    if near := process.extractOne(name, choices, scorer=fuzz.ratio, score_cutoff=50):
        coin = NAMES.get(near[0], near[0])
        raise AskError(
            f'I know no coin "{text}". Did you mean **{coin}**? `/oi {coin.lower()}`', f"/oi {coin.lower()}"
        )
    some = ", ".join(known[:6])
    raise AskError(
        f'I know no coin "{text}". I watch {some}{" and others" if len(known) > 6 else ""}. `/oi`', "/oi"
    )


def read_period(text: str, _known: Sequence[Asset] = ()) -> timedelta:
    """``90m``, ``24h``, ``7d``, ``1w``. Raises ``AskError``; between 5 minutes and 5 years."""
    match = re.fullmatch(_PERIOD, text.strip().lower())
    if not match:
        raise AskError(
            f'I cannot read "{plain(text[:24])}" as a period. Write it like `90m`, `24h`, `7d` or `1w`.'
        )
    minutes = _amount(match[1], None) * UNITS[match[2]]
    if not 5 <= minutes <= 5 * 366 * 1440:
        raise AskError("A period is between 5 minutes and 5 years, like `24h`.")
    return timedelta(minutes=minutes)


def _amount(digits: str, power: str | None) -> float:
    comma = "" if re.fullmatch(_THOUSANDS, digits) else "."
    return float(digits.replace(",", comma)) * POWERS[power or ""]


def read_count(text: str, _known: Sequence[Asset] = ()) -> int:
    """How many rows, 1 to 20. Raises ``AskError``."""
    if not re.fullmatch(r"\d{1,3}", text) or not 1 <= int(text) <= 20:
        raise AskError(
            f'"{plain(text[:24])}" is not a number of rows from 1 to 20. `/resets btc 5`', "/resets"
        )
    return int(text)


def read_wave_id(text: str, _known: Sequence[Asset] = ()) -> str:
    """``1a`` or ``#1A``. Raises ``AskError``."""
    wave_id = text.strip().lstrip("#").lower()
    if not re.fullmatch(r"[0-9a-z-]{1,40}", wave_id):
        raise AskError(
            f'"{plain(text[:24])}" is not the id of a wave. They are listed by `/resets`', "/resets"
        )
    return wave_id


def read_word(word: str) -> Callable[[str, Sequence[Asset]], str]:
    """Reads exactly ``word``. Raises ``AskError`` for anything else."""

    def read(text: str, _known: Sequence[Asset] = ()) -> str:
        if text.lower() != word:
            raise AskError(f'I expected `{word}` where "{plain(text[:24])}" stands.')
        return word

    return read


def read_text(text: str, _known: Sequence[Asset] = ()) -> str:
    return text.strip()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants to hear: coins (empty: every coin) and from which size; ``None`` is not said.

    ``native_only`` leaves out waves that institutions led.
    """

    assets: frozenset[Asset] | None
    threshold: Threshold | None
    native_only: bool | None = None


def read_wanted(text: str, known: Sequence[Asset], command: str) -> Wanted:
    """``btc eth 3/week``, ``all monthly native``, ``5% 1h any group``, ``W 3.2``, ``$800m``, ``5000 btc``.

    Raises ``AskError`` with examples for ``command``.
    """
    text = _TIMES.sub(lambda said: TIMES[said[1]], " ".join(text.lower().split()))
    text, any_group = _ANY_GROUP.subn(" ", text)
    assets: set[Asset] = set()
    everything, native = False, False if any_group else None
    threshold, rest = _read_threshold(text, command)
    for word in re.split(r"[\s,]+", rest):
        if word in ("all", "every", "everything", "any"):
            everything = True
        elif word in ("native", "native-only"):
            native = True
        elif word not in ("", "coins", "coin", "about", "only", "from", "and", "alerts"):
            assets.add(_coin_or_how_often(word, known, command))
    if threshold and threshold.measure is Measure.COINS and len(assets) != 1:
        raise AskError(f"An amount of coins needs one coin: `/{command} 5000 btc`", f"/{command} 5000 btc")
    return Wanted(frozenset(assets) if assets or everything else None, threshold, native)


def says_how_often(text: str) -> bool:
    """Does it ask to be told from some size on, whatever else stands in it?"""
    return any(pattern.search(text.lower()) for pattern in (_SHARE, _COUNTED, _NAMED, _MAGNITUDE))


def _coin_or_how_often(word: str, known: Sequence[Asset], command: str) -> Asset:
    near = process.extractOne(word, list(OFTEN), scorer=fuzz.ratio, score_cutoff=75)
    if near and word.upper() not in known:
        raise AskError(f'Did you mean "{near[0]}"? `/{command} {near[0]}`', f"/{command} {near[0]}")
    if word[0].isdigit() and parse_asset(word)[0] not in known:
        raise AskError(
            f'I cannot read "{plain(word[:24])}". Say how often (`3/week`, `monthly`) or how large '
            "(`W 3`, `5% 1h`, `$800m`, `5000 btc`).",
            f"/{command} weekly",
        )
    return read_coin(word, known)


def _read_threshold(text: str, command: str) -> tuple[Threshold | None, str]:
    """The first threshold in the text, and the text without it."""
    readers: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Threshold]], ...] = (
        (_SHARE, lambda match: _share(match, command)),
        (_COUNTED, lambda match: _counted(match, command)),
        (_NAMED, lambda match: Threshold(Measure.W, OFTEN[match[1]])),
        (_MAGNITUDE, lambda match: _magnitude(match, command)),
        (_COINS, lambda match: Threshold(Measure.COINS, _amount(match[1], match[2]))),
        (_DOLLARS, lambda match: Threshold(Measure.USD, _dollars(match))),
    )
    for pattern, read in readers:
        if match := pattern.search(text):
            threshold = _sensible(read(match), command)
            coin = f" {match[3]}" if pattern is _COINS else ""
            return threshold, text[: match.start()] + coin + " " + text[match.end() :]
    return None, text


def _sensible(threshold: Threshold, command: str) -> Threshold:
    """Raises ``AskError`` for what every wave would reach, or none ever."""
    if threshold.measure is Measure.FALL and threshold.value < LEAST_FALL:
        text = f"Falls of less than {percent(LEAST_FALL, signed=False)} are noise: `/{command} 5% 1h`"
        raise AskError(text, f"/{command} 5% 1h")
    if threshold.value <= 0:
        raise AskError(f"A threshold must be above zero, like `/{command} weekly`.", f"/{command} weekly")
    if threshold.value > MOST:
        raise AskError(f"No market is as large as that. `/{command} $800m`", f"/{command} $800m")
    return threshold


def _share(match: re.Match[str], command: str) -> Threshold:
    said = match[0].strip()
    fall = _amount(match[1], None) / 100
    if fall >= 1:
        raise AskError(f"No more than 100 % can close. `/{command} 5% 1h`", f"/{command} 5% 1h")
    if match[4]:
        return Threshold(Measure.FALL, fall)
    if not match[2]:
        text = f"`/{command} {said}` needs a period: `/{command} {said} 1h`. "
        text += f"Or say how often: `/{command} 3/week`"
        raise AskError(text, f"/{command} {said} 1h", f"/{command} 3/week")
    horizon = read_period(match[2] + match[3])
    if horizon not in HORIZONS:
        known = ", ".join(duration(h) for h in HORIZONS)
        text = f"I measure falls over {known}, or over the `whole` wave: `/{command} {match[1]}% 1h`"
        raise AskError(text, f"/{command} {match[1]}% 1h", f"/{command} {match[1]}% whole")
    return Threshold(Measure.FALL, fall, horizon)


def _counted(match: re.Match[str], command: str) -> Threshold:
    times = _amount(match[1], None)
    every = EVERY_HOURS[match[2]] / times if times else 0.0
    if not every >= 1:
        text = f"More than one an hour is noise. The most is about `24/day`: `/{command} 1/day`"
        raise AskError(text, f"/{command} 1/day")
    return Threshold(Measure.W, log10(every) if every > 1 else 0.01)


def _magnitude(match: re.Match[str], command: str) -> Threshold:
    w = _amount(match[1], None)
    if not 0 < w <= 8:
        text = f"W runs from 0 to about 6: 2.2 weekly, 2.9 monthly, 3.9 yearly. `/{command} W 2.9`"
        raise AskError(text, f"/{command} W 2.9")
    return Threshold(Measure.W, w)


def _dollars(match: re.Match[str]) -> float:
    digits, power = next((match[i], match[i + 1]) for i in (1, 3, 5) if match[i])
    return _amount(digits, power)


COIN = Parameter("coin", read_coin, looks=r"\W?[^\W\d].*")
PERIOD = Parameter("period", read_period, looks=r"\d.*")
COUNT = Parameter("n", read_count, looks=r"\d+")
WAVE_ID = Parameter("id", read_wave_id)
EVERYTHING = Parameter("all", read_word("all"), looks="(?i)all")
