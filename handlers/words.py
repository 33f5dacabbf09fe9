"""Reading what people type. Every mistake is an ``AskError`` that says what was expected, with an example."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Generic, TypeVar

from rapidfuzz import fuzz, process

from bot.domain.assets import Asset, parse_asset
from bot.domain.cards import plain
from bot.errors import AskError
from handlers.phrases import enumerated
from handlers.speech import _

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
    "₿": "BTC",
    "比特币": "BTC",
    "БИТКОИН": "BTC",
    "БИТКОЙН": "BTC",
    "以太坊": "ETH",
    "以太币": "ETH",
    "ЭФИР": "ETH",
    "ЭФИРИУМ": "ETH",
    "狗狗币": "DOGE",
}
"""Coins that people call by name."""

LISTED = 6
UNITS = {"m": 1, "min": 1, "minute": 1, "h": 60, "hr": 60, "hour": 60, "d": 1440, "day": 1440}
UNITS |= {"w": 10080, "week": 10080, "mo": 43830, "month": 43830, "y": 525960, "year": 525960}
"""Minutes in a period's unit."""
POWERS = {"": 1.0, "k": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9}
THOUSANDS = r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"
NUMBER = rf"({THOUSANDS}|\d+(?:[.,]\d+)?|[.,]\d+)"
"""``1,500,000`` is a million and a half; any other comma is a decimal one: ``5,5%`` is not 55 %."""
PERIOD_LIKE = rf"(\d+(?:[.,]\d+)?)\s*({'|'.join(sorted(UNITS, key=len, reverse=True))})s?"


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


def read_coin(text: str, known: Sequence[Asset], line: str = "/oi {coin}") -> Asset:
    """``btc``, ``$BTC``, ``xbt``, ``Bitcoin``, ``BTCUSDT``.

    Raises ``AskError`` with the nearest coin in ``line``, or with the coins there are.
    """
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
            _("I have not seen any market yet. Ask again in a minute, or see how the feeds do: `/venues`")
        )
    text = plain(text[:24])
    choices = [*known, *(long for long, coin in NAMES.items() if coin in known)]
    if near := process.extractOne(name, choices, scorer=fuzz.ratio, score_cutoff=60):
        coin = NAMES.get(near[0], near[0])
        meant = line.format(coin=coin.lower())
        unknown = _('I know no coin "{text}". Did you mean **{coin}**? `{meant}`')
        raise AskError(unknown.format(text=text, coin=coin, meant=meant), meant)
    meant = line.format(coin=known[0].lower())
    unknown = _('I know no coin "{text}". I watch {coins}. `{meant}`')
    if len(known) > LISTED:
        unknown = _('I know no coin "{text}". I watch {coins} and others. `{meant}`')
    raise AskError(unknown.format(text=text, coins=enumerated(known[:LISTED]), meant=meant), meant)


def read_coins(text: str, known: Sequence[Asset]) -> Sequence[Asset]:
    """``btc eth sol``, ``btc vs eth``: two to six different coins. Raises ``AskError``."""
    said = [word for word in re.split(r"[\s,/&+]+", text.strip()) if word.lower() not in BETWEEN]
    meant = list(dict.fromkeys(coin for word in said if (coin := _meant(word, known))))
    others = [coin for coin in known or ("BTC", "ETH") if coin not in meant]
    line = " ".join(["/compare", *meant, *others[: max(0, 2 - len(meant))]][: 1 + MOST_COMPARED]).lower()
    coins = list(dict.fromkeys(read_coin(word, known, line) for word in said))
    if not 2 <= len(coins) <= MOST_COMPARED:
        text = _("Name 2 to {n} coins to compare: `{line}`")
        raise AskError(text.format(n=MOST_COMPARED, line=line), line)
    return coins


def _meant(word: str, known: Sequence[Asset]) -> Asset | None:
    """The coin, or the one whose name is nearest; ``None`` where none is near."""
    with suppress(AskError):
        return read_coin(word, known)
    near = process.extractOne(word.strip().lstrip("$#").upper(), known, scorer=fuzz.ratio, score_cutoff=60)
    return Asset(near[0]) if near else None


def read_period(text: str, _known: Sequence[Asset] = ()) -> timedelta:
    """``90m``, ``24h``, ``1h30m``, ``7d``, ``1w``. Raises ``AskError``; between 5 minutes and 5 years."""
    said = text.strip().lower()
    if not re.fullmatch(rf"{PERIOD_LIKE}(?:\s*{PERIOD_LIKE})?", said):
        raise AskError(
            _('I cannot read "{text}" as a period. Write it like `90m`, `24h`, `7d` or `1w`.').format(
                text=plain(text[:24])
            )
        )
    minutes = sum(amount(count, None) * UNITS[unit] for count, unit in re.findall(PERIOD_LIKE, said))
    if not 5 <= minutes <= 5 * 366 * 1440:
        raise AskError(_("A period is between 5 minutes and 5 years, like `24h`."))
    return timedelta(minutes=minutes)


def amount(digits: str, power: str | None) -> float:
    comma = "" if re.fullmatch(THOUSANDS, digits) else "."
    return float(digits.replace(",", comma)) * POWERS[(power or "").strip()]


def read_count(text: str, _known: Sequence[Asset] = ()) -> int:
    """How many rows, 1 to 20. Raises ``AskError``."""
    if not re.fullmatch(r"\d{1,3}", text) or not 1 <= int(text) <= 20:
        raise AskError(
            _('"{text}" is not a number of rows from 1 to 20. `/resets btc 5`').format(text=plain(text[:24])),
            "/resets",
        )
    return int(text)


def read_year(text: str, _known: Sequence[Asset] = ()) -> date:
    """``2020``: since its first day. Raises ``AskError``."""
    if not re.fullmatch(r"20[12]\d", text):
        unread = _('"{text}" is not a year like 2020. `/resets 2020`')
        raise AskError(unread.format(text=plain(text[:24])), "/resets 2020")
    return date(int(text), 1, 1)


def read_wave_id(text: str, _known: Sequence[Asset] = ()) -> str:
    """``1a`` or ``#1A``. Raises ``AskError``."""
    wave_id = text.strip().lstrip("#").lower()
    if not re.fullmatch(r"[0-9a-z-]{1,40}", wave_id):
        raise AskError(
            _('"{text}" is not the id of a wave. They are listed by `/resets`').format(text=plain(text[:24])),
            "/resets",
        )
    return wave_id


def read_word(word: str) -> Callable[[str, Sequence[Asset]], str]:
    """Reads exactly ``word``. Raises ``AskError`` for anything else."""

    def read(text: str, _known: Sequence[Asset] = ()) -> str:
        if text.lower() != word:
            expected = _('I expected `{word}` where "{text}" stands.')
            raise AskError(expected.format(word=word, text=plain(text[:24])))
        return word

    return read


def read_shown(text: str, _known: Sequence[Asset] = ()) -> str:
    """What a picture shows, one of ``SHOWN``. Raises ``AskError``."""
    word = text.lower()
    if word in SHOWN:
        return word
    near = process.extractOne(word, SHOWN, scorer=fuzz.ratio, score_cutoff=60)
    example = f"/chart btc 7d {near[0] if near else 'venues'}"
    listed = enumerated(f"`{each}`" for each in SHOWN)
    raise AskError(
        _('I have no picture of "{word}". There are {words}: `{example}`').format(
            word=plain(text[:24]), words=listed, example=example
        ),
        example,
    )


def read_text(text: str, _known: Sequence[Asset] = ()) -> str:
    return text.strip()


BETWEEN = {"", "vs", "vs.", "and", "with", "to"}
MOST_COMPARED = 6
SHOWN = ("oi", "price", "venues", "funding", "liquidations", "leverage")
"""What ``/chart`` can show; nothing said: open interest, price and liquidations together."""

COIN = Parameter("coin", read_coin, looks=r"₿|\W?[^\W\d].*")
COINS = Parameter("coins", read_coins, rest=True)
PERIOD = Parameter("period", read_period, looks=r"\d.*")
WHAT = Parameter("what", read_shown, looks=r"[A-Za-z]+")
COUNT = Parameter("n", read_count, looks=r"\d+")
SINCE = Parameter("since", read_year, looks=r"\d{4}")
WAVE_ID = Parameter("id", read_wave_id)
EVERYTHING = Parameter("all", read_word("all"), looks="(?i)all")
IN_FULL = Parameter("full", read_word("full"), looks="(?i)full")
