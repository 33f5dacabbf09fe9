"""What a question in free words comes nearest to: lines that a tap answers. Nothing is guessed silently."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress

from bot.domain.assets import Asset
from bot.errors import AskError
from handlers.words import NAMES, PERIOD_LIKE, read_coin

TOPICS = {
    "oi": "oi\\b|open interest|inter[eé]s abierto|ои\\b|открыт\\w* интерес|açık pozisyon|持仓|未平仓",
    "funding": "funding|financiaci|фандинг|fonlama|资金费",
    "liquidations": "liquidat|liqs?\\b|rekt|liquidaci|ликвид|likidasyon|tasfiye|爆仓|清算|强平",
    "leverage": "leverag|apalanca|плеч|kaldıra|杠杆",
    "compare": "compare|versus|vs\\b|compara|сравн|karşılaştır|比较",
    "resets": "reset|washout|wash|flush|squeeze|crash|dump|fell\\b|fall|drop|caída|cayó|упал|падени|обвал"
    "|düşüş|çöküş|下跌|暴跌",
    "chart": "chart|graph|picture|gráfic|график|grafi|图",
    "venues": "venue|exchange|bolsa|бирж|borsa|交易所",
    "subscribe": "alert|notif|tell me when|avís|avisa|алерт|уведом|bildir|uyar|通知|提醒",
    "top": "biggest|largest|most\\b|mayor|самы|больше всего|en çok|en büyük|最大",
}
"""Words that a question about each command has, or how they begin, in the languages spoken."""


def _is_spaced(word: str) -> bool:
    """Is it of a script that puts spaces between words?"""
    return not "一" <= word[0] <= "鿿"


_TOPICS = {
    name: re.compile("|".join(rf"\b{stem}" if _is_spaced(stem) else stem for stem in stems.split("|")))
    for name, stems in TOPICS.items()
}
_ALSO_WORDS = (
    "a after all alt any are big cat day did dog down for fun gas hard has high hot how i id in is it"
    " just long me meme most move much my near not now of on one open or own people s safe short so t"
    " the they time to top up us w was wave we what when who why win x you"
)
ALSO_WORDS = frozenset(_ALSO_WORDS.split())
"""Names of coins and commands that are words as well. A coin is written in capitals then, or as ``$ONE``."""
COIN_ONLY = ("oi", "leverage", "resets")
"""What may be meant where a coin alone is named."""
MOST = 3


def is_question(text: str) -> bool:
    return text.rstrip().endswith(("?", "？"))


def nearest_lines(text: str, known: Sequence[Asset], takes: Callable[[str], bool]) -> list[str]:
    """At most three command lines for what was asked, the nearest first; ``takes`` says whether one works."""
    coins = _coins(text, known)
    period = re.search(rf"(?<!\w){PERIOD_LIKE}(?!\w)", text.lower())
    topics = [name for name, words in _TOPICS.items() if words.search(text.lower())]
    if not topics and coins:
        topics = ["compare", *COIN_ONLY] if len(coins) > 1 else list(COIN_ONLY)
    lines = []
    for topic in topics:
        coin = coins[0].lower() if coins else ""
        when = period[0].replace(" ", "") if period else ""
        if topic == "subscribe":
            tries = [f"/subscribe {' '.join(coins).lower() or 'all'} weekly"]
        elif topic == "compare":
            tries = [f"/compare {' '.join(coins).lower()}"]
        else:
            tries = [f"/{topic} {coin} {when}", f"/{topic} {coin}", f"/{topic} {when}", f"/{topic}"]
        works = (line for line in (" ".join(each.split()) for each in tries) if takes(line))
        lines += [line for line in [next(works, "")] if line]
    return list(dict.fromkeys(lines))[:MOST]


def _coins(text: str, known: Sequence[Asset]) -> list[Asset]:
    """Those named exactly: what is only near a coin's name is a word of the sentence."""
    found: dict[Asset, None] = {}
    within = [name for name in NAMES if not _is_spaced(name) and name in text]
    for word in (*within, *re.findall(r"[$#]?[^\W_][\w/-]*|₿", text)):
        if word in ALSO_WORDS or (word.lower() in ALSO_WORDS and not word.isupper()):
            continue
        with suppress(AskError):
            found[read_coin(word, known)] = None
    return list(found)
