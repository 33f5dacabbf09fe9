"""A language that nobody speaks: what it does not mark came past the catalogue."""

from __future__ import annotations

import re
from gettext import NullTranslations

PLAIN, MARKED = "abcdefghijklmnopqrstuvwxyz", "ȧƀċđéƒġħíĵķłṁńőƥɋŕśťűṽŵẋýž"
LETTERS = str.maketrans(PLAIN + PLAIN.upper(), MARKED + MARKED.upper())
KEPT = re.compile(r"(\{\w+\}|`[^`]*`)")
LONGER = 0.4
"""So much longer than English other languages are, at worst."""


def marked(text: str) -> str:
    """Every letter of a text marked; places and what is typed stay."""
    parts = KEPT.split(text)
    return "".join(part if n % 2 else part.translate(LETTERS) for n, part in enumerate(parts))


class Pseudo(NullTranslations):
    """Texts are marked, and longer than English."""

    def gettext(self, message: str) -> str:
        return marked(message) + "ő" * round(LONGER * len(message))

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    def pgettext(self, context: str, message: str) -> str:
        return self.gettext(message)
