"""Small pieces that many sentences are made with, in the language spoken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from handlers.numbers import number
from handlers.speech import _, ngettext, pgettext, spoken


def capital(text: str) -> str:
    """Begun with a capital letter, as the language writes it."""
    first = "İ" if spoken() == "tr" and text[:1] == "i" else text[:1].upper()
    return first + text[1:]


def sentences(*texts: str) -> str:
    """Several of them as one text; empty ones are left out. A stop at the end is theirs."""
    told = [text for text in texts if text]
    # For translators: two sentences; only the mark between them.
    return _between(_("{first}. {second}")).join([*map(unstopped, told[:-1]), *told[-1:]])


def stopped(*sentences: str) -> str:
    """Sentences that have their stops, one behind the other; empty ones are left out."""
    # For translators: two sentences with their stops; only the space between them.
    return _between(_("{first} {second}")).join(filter(None, sentences))


def unstopped(sentence: str) -> str:
    """Without its stop: another one follows. Dates of some languages end in one."""
    return sentence.removesuffix(".").removesuffix("。")


def clauses(*texts: str) -> str:
    """Parts of one sentence; empty ones are left out."""
    # For translators: two parts of a sentence; only the mark between them.
    return _between(pgettext("clauses", "{first}, {second}")).join(filter(None, texts))


def semicolons(texts: Iterable[str]) -> str:
    """Parts that may have commas themselves: ``Bybit 61 %, 9 of 14 days; OKX known``."""
    # For translators: two parts of a sentence; only the mark between them.
    return _between(_("{first}; {second}")).join(texts)


def enumerated(each: Iterable[str]) -> str:
    """``Binance, Bybit``: names or figures side by side, with no "and"."""
    # For translators: two names of a list; only the mark between them.
    return _between(pgettext("names", "{first}, {second}")).join(each)


def titled(head: str, rest: str) -> str:
    """``While you were muted: 3 waves``."""
    # For translators: what it is about, and what is said of it; only the mark between them.
    return _("{head}: {rest}").format(head=head, rest=rest)


def _between(pair: str) -> str:
    return pair.format(first="", second="")


def some(each: Sequence[str], at_most: int = 6) -> str:
    """``A, B and 3 more``."""
    shown = enumerated(each[:at_most])
    if (left := len(each) - at_most) <= 0:
        return shown
    return ngettext("{names} and {n} more", "{names} and {n} more", left).format(names=shown, n=number(left))


def waves(count: int) -> str:
    return ngettext("{n} wave", "{n} waves", count).format(n=number(count))


def recorded_waves(count: int) -> str:
    return ngettext("{n} recorded wave", "{n} recorded waves", count).format(n=number(count))


def subscriptions(count: int) -> str:
    return ngettext("{n} subscription", "{n} subscriptions", count).format(n=number(count))


def sided(share: str, *, longs: bool) -> str:
    """``84 % longs``: which side most of the liquidations were."""
    return (_("{share} longs") if longs else _("{share} shorts")).format(share=share)
