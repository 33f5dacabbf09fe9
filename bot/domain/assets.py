"""One name for a coin everywhere."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NewType

Asset = NewType("Asset", str)
"""A coin's common ticker in capitals: ``BTC``, ``PEPE``."""

_SAME = {"XBT": "BTC", "XDG": "DOGE", "BCC": "BCH"}
_POWERS = re.compile(r"^(1(?:0{3}|0{4}|0{6}))(?=[A-Z])(.+)$")
_MILLION = re.compile(r"^1M(?=[A-Z]{3})(.+)$")
_THOUSAND = re.compile(r"^k(?=[A-Z0-9]{3})(.+)$")


@lru_cache(maxsize=8192)
def parse_asset(listed: str) -> tuple[Asset, int]:
    """The coin behind a listed name and how many coins one listed unit is.

    ``XBT`` → ``(BTC, 1)``; ``1000PEPE`` and ``kPEPE`` → ``(PEPE, 1000)``; ``1MBABYDOGE`` →
    ``(BABYDOGE, 1_000_000)``. ``1INCH`` and ``KAVA`` are themselves. Raises ``ValueError`` when empty.
    """
    name = listed.strip()
    if not name:
        raise ValueError("a coin needs a name")
    multiple = 1
    if match := _THOUSAND.match(name):
        multiple, name = 1000, match[1]
    elif match := _POWERS.match(name.upper()):
        multiple, name = int(match[1]), match[2]
    elif match := _MILLION.match(name.upper()):
        multiple, name = 1_000_000, match[1]
    name = name.upper()
    return Asset(_SAME.get(name, name)), multiple
