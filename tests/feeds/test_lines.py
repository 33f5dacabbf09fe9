from __future__ import annotations

import gzip
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.assets import Asset
from bot.domain.market import Instrument
from bot.errors import SourceChanged
from bot.exchanges.spec import Book
from bot.feeds.lines import Numbering, Turnstile, spread, unzipped
from tests.feeds.acme import VENUE, World


def book(*symbols: str) -> Book:
    return {symbol: Instrument(VENUE, symbol, Asset("BTC")) for symbol in symbols}


def names(count: int) -> list[str]:
    return [f"C{n}" for n in range(count)]


def sizes(lines: Sequence[Book]) -> list[int]:
    return [len(line) for line in lines]


def test_without_a_limit_all_contracts_are_on_one_line() -> None:
    assert spread([], book("A", "B", "C"), 0) == [book("A", "B", "C")]


def test_no_contract_needs_no_line() -> None:
    assert spread([], {}, 0) == []
    assert spread([], {}, 5) == []


def test_a_long_book_is_spread_evenly() -> None:
    assert sizes(spread([], book(*names(10)), 4)) == [4, 3, 3]


def test_a_new_contract_touches_one_line() -> None:
    before = spread([], book(*names(10)), 4)
    after = spread(before, book("NEW", *names(10)), 4)
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]
    assert "NEW" in after[1]


def test_a_line_that_is_no_longer_needed_is_left_empty_at_its_place() -> None:
    before = [book("A"), book("B", "C"), book("D", "E")]
    assert spread(before, book("A", "B", "C", "D"), 2) == [book("A", "D"), book("B", "C"), {}]


symbols = st.sets(st.sampled_from(names(40)))


@given(symbols, symbols, st.integers(0, 7))
def test_every_contract_is_on_exactly_one_line_and_no_line_is_too_full(
    before: set[str], after: set[str], per_line: int
) -> None:
    lines = spread(spread([], book(*before), per_line), book(*after), per_line)
    assert sorted(symbol for line in lines for symbol in line) == sorted(after)
    assert sum(bool(line) for line in lines) == (-(-len(after) // (per_line or max(1, len(after)))))
    assert all(len(line) <= (per_line or len(after)) for line in lines)


def test_a_gzip_frame_is_unpacked() -> None:
    assert unzipped(gzip.compress(b'{"op":"ping"}'), 100) == b'{"op":"ping"}'


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"plain", "not gzip"),
        (gzip.compress(b"x" * 50)[:-9], "cut off"),
        (gzip.compress(b"x" * 5000), "more than 1 KiB"),
    ],
    ids=["plain", "cut off", "too large"],
)
def test_a_bad_gzip_frame_is_not_what_the_venue_sends(frame: bytes, why: str) -> None:
    with pytest.raises(SourceChanged, match=why):
        unzipped(frame, 1024)


def test_a_number_left_out_is_a_message_lost_in_its_own_stream() -> None:
    numbering = Numbering()
    assert numbering.missed([("a", 7), ("b", 1), ("a", 8)]) == {}
    assert numbering.missed([("a", 11), ("b", 2), ("a", 13)]) == {"a": 3}


def test_a_numbering_that_begins_anew_is_no_gap() -> None:
    numbering = Numbering()
    assert numbering.missed([("a", 100), ("a", 100), ("a", 3), ("a", 4)]) == {}
    assert numbering.missed([("a", 6)]) == {"a": 1}


async def test_a_turnstile_lets_one_through_at_a_time(world: World) -> None:
    turnstile = Turnstile(0.5, lambda: 100.0, world.sleep)
    for _ in range(3):
        await turnstile.go()
    assert world.slept == [0.5, 1.0]
