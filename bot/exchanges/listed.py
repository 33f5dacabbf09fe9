"""Reading a venue's list of contracts, in which one new kind of row must not take all others with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from bot.domain.market import Instrument
from bot.errors import SourceChanged, SourceError
from bot.exchanges.reading import decode, peek, read_all
from bot.exchanges.spec import Listing

ODD_ROWS = 20
"""So many rows of a list may be of another type than was mapped."""

T = TypeVar("T")
R = TypeVar("R")
_ANYTHING = msgspec.json.Decoder()


def decode_listed(
    decoder: msgspec.json.Decoder[T], body: bytes, told: Callable[[bytes], SourceError | None] | None = None
) -> tuple[T, Sequence[str]]:
    """As ``decode``, without a few rows of another type than was mapped, and what was wrong with each."""
    try:
        return decode(decoder, body, told), ()
    except SourceChanged as fault:
        page, lost = peek(_ANYTHING, body), list[str]()
        for _ in range(ODD_ROWS):
            try:
                return decoder.decode(msgspec.json.encode(page)), lost
            except (ValueError, ArithmeticError, RecursionError) as odd:
                if not _left_out(page, str(odd)):
                    break
                lost.append(str(odd))
        raise fault


def read_book(rows: Iterable[R], read: Callable[[R], Instrument | None], lost: Sequence[str] = ()) -> Listing:
    """The instruments of the rows by symbol, but ``None``. A row that cannot be read is lost alone, and told.

    ``lost`` says what was wrong with rows that are not among these any more.
    """

    def named(row: R) -> Instrument | None:
        try:
            return read(row)
        except SourceChanged as fault:
            raise SourceChanged(f"{getattr(row, 'symbol', 'a contract')}: {fault}") from fault

    found = read_all(rows, named)
    listing = Listing((one.symbol, one) for one in found)
    listing.unreadable = (*lost, *found.unreadable)
    return listing


def stated(told: T | None, name: str) -> T:
    """What says whether a row is meant at all. Raises ``SourceChanged`` where it is missing: a row that does
    not say it must not be left out as if it did.
    """
    if told is None or told == "":
        raise SourceChanged(f"{name} is missing")
    return told


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
