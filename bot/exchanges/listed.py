"""Reading a venue's list of contracts, in which one new kind of row must not take all others with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from bot.errors import SourceChanged, SourceError
from bot.exchanges.reading import decode, peek

ODD_ROWS = 20
"""So many rows of a list may be of another type than was mapped."""

T = TypeVar("T")
_ANYTHING = msgspec.json.Decoder()


def decode_listed(
    decoder: msgspec.json.Decoder[T], body: bytes, told: Callable[[bytes], SourceError | None] | None = None
) -> T:
    """As ``decode``, but a few rows of another type than was mapped are left out."""
    try:
        return decode(decoder, body, told)
    except SourceChanged as fault:
        page = peek(_ANYTHING, body)
        for _ in range(ODD_ROWS):
            try:
                return decoder.decode(msgspec.json.encode(page))
            except (ValueError, ArithmeticError, RecursionError) as odd:
                if not _left_out(page, str(odd)):
                    break
        raise fault


def _left_out(page: object, fault: str) -> bool:
    """Takes the row out in which msgspec says that the fault is (``… - at `$.symbols[9].baseAsset` ``)."""
    *_, path = fault.rpartition(" - at `$")
    for name, place in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        if isinstance(page, dict) and name in page:
            page = page[name]
        elif isinstance(page, list) and place and int(place) < len(page) > 1:
            del page[int(place)]
            return True
        else:
            break
    return False
