"""Small pieces that many sentences are made with, in the language spoken."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.numbers import number
from handlers.speech import _, ngettext, spoken


def capital(text: str) -> str:
    """Begun with a capital letter, as the language writes it."""
    first = "İ" if spoken() == "tr" and text[:1] == "i" else text[:1].upper()
    return first + text[1:]


def sentences(*texts: str) -> str:
    """Several of them as one text; empty ones are left out. A stop at the end is theirs."""
    # For translators: two sentences; only the mark between them.
    between = _("{first}. {second}")
    told = [text for text in texts if text]
    whole = told[0] if told else ""
    for text in told[1:]:
        whole = between.format(first=whole, second=text)
    return whole


def some(names: Sequence[str], at_most: int = 6) -> str:
    """``A, B and 3 more``."""
    shown = ", ".join(names[:at_most])
    if (left := len(names) - at_most) <= 0:
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
