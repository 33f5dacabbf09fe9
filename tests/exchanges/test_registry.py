"""A venue is one file, one line in the registry, its payloads, and its place in the docs."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import timedelta
from pathlib import Path

import pytest

import bot.exchanges
from bot.domain.market import Completeness, Group, Venue
from bot.exchanges import EXCHANGES
from bot.exchanges.document import document
from bot.exchanges.spec import Exchange
from bot.feeds.book import SOURCE
from tests.exchanges.payloads import FOLDER, PAYLOADS, book_of

SHARED_BY_VENUES = {
    "spec",
    "reading",
    "listed",
    "sums",
    "tables",
    "document",
    "binance_terms",
    "binance_socket",
}
PARTS_OF_VENUES = {"gate_socket", "htx_socket", "bybit_socket", "okx_socket"}
DOCS = Path(__file__).resolve().parents[2] / "docs/venues.md"


@pytest.fixture(params=EXCHANGES.values(), ids=lambda exchange: exchange.venue)
def exchange(request: pytest.FixtureRequest) -> Exchange:
    value: Exchange = request.param
    return value


def test_every_file_is_one_venue_of_the_registry() -> None:
    files = {module.name for module in pkgutil.iter_modules(bot.exchanges.__path__)}
    assert files - SHARED_BY_VENUES - PARTS_OF_VENUES == set(EXCHANGES)


def test_a_venue_lives_under_its_own_name(exchange: Exchange) -> None:
    module = importlib.import_module(f"bot.exchanges.{exchange.venue}")
    assert module.EXCHANGE is exchange
    assert EXCHANGES[exchange.venue] is exchange


def test_every_parser_of_a_venue_has_a_payload(exchange: Exchange) -> None:
    kept = {payload.what for payload in PAYLOADS if payload.venue == exchange.venue}
    wanted = {f"poll:{poll.name}" for poll in (*exchange.polls, *exchange.unasked)}
    wanted |= {f"socket:{socket.name}" for socket in exchange.sockets}
    wanted |= {"history"} if exchange.history else set()
    wanted |= {"book"} if exchange.book.requests() else set()
    assert wanted <= kept


def test_what_is_only_read_is_never_asked_for(exchange: Exchange) -> None:
    assert [poll.requests(book_of(exchange.venue)) for poll in exchange.unasked] == [()] * len(
        exchange.unasked
    )
    assert not {poll.name for poll in exchange.unasked} & {poll.name for poll in exchange.polls}


def test_every_source_of_a_venue_has_a_name_of_its_own(exchange: Exchange) -> None:
    """Health, the schedule and ``decode`` know them by it; the book is ``contracts`` everywhere."""
    names = [poll.name for poll in (*exchange.polls, *exchange.unasked)]
    names += [socket.name for socket in exchange.sockets]
    assert len({SOURCE, *names}) == 1 + len(names)


def test_no_payload_is_kept_for_an_unknown_venue() -> None:
    assert {folder.name for folder in FOLDER.iterdir()} == set(EXCHANGES)


def test_the_page_of_venues_is_what_the_registry_says() -> None:
    assert DOCS.read_text() == document()


def test_every_venue_and_fact_stands_in_the_page(exchange: Exchange) -> None:
    page = DOCS.read_text()
    assert f"| `{exchange.venue}` | {exchange.title}" in page
    for fact in exchange.facts:
        assert (
            f"| `{fact.endpoint}` | {fact.field} | {fact.unit} | {fact.source} | {fact.confidence} |" in page
        )


def test_a_venue_that_cannot_be_heard_says_why_in_the_page(exchange: Exchange) -> None:
    silent = not exchange.sockets and exchange.group is not Group.REPORT
    assert bool(exchange.unheard) is silent
    if exchange.unheard and not exchange.closed:
        assert f"No liquidations: {exchange.unheard}." in DOCS.read_text()


def test_facts_are_marked_with_how_sure_they_are(exchange: Exchange) -> None:
    assert exchange.facts
    assert {fact.confidence for fact in exchange.facts} <= {"[0]", "[1]", "[2]", "[?]"}


OFF_UNTIL_ASKED_FOR = {"published", "coinex"}
KEYED = {"coinglass", "coinalyze"}


def test_every_venue_is_on_by_default_but_those_of_doubtful_standing() -> None:
    closed = {venue for venue, exchange in EXCHANGES.items() if exchange.closed}
    off = {venue for venue, exchange in EXCHANGES.items() if not exchange.by_default}
    assert off - closed <= OFF_UNTIL_ASKED_FOR | KEYED
    assert closed <= off
    groups = {exchange.group for exchange in EXCHANGES.values() if exchange.by_default}
    assert groups == set(Group)


def test_a_venue_that_needs_a_key_is_off_without_one() -> None:
    assert {v for v, exchange in EXCHANGES.items() if exchange.key_header} == KEYED
    assert not [v for v in KEYED if EXCHANGES[Venue(v)].by_default]


def test_a_closed_venue_is_asked_for_nothing(exchange: Exchange) -> None:
    if exchange.closed:
        assert not exchange.book.requests()
        assert (exchange.polls, exchange.sockets, exchange.history) == ((), (), None)
        assert exchange.unasked


def test_bitmex_and_coinbase_international_are_closed() -> None:
    assert {v for v, exchange in EXCHANGES.items() if exchange.closed} == {"bitmex", "coinbase_intl"}


def test_only_reports_have_no_address_of_their_own() -> None:
    assert [venue for venue, exchange in EXCHANGES.items() if not exchange.base_url] == ["published"]
    assert not EXCHANGES[bot.exchanges.published.VENUE].by_default


def test_one_round_of_all_polls_fits_into_a_minutes_budget(exchange: Exchange) -> None:
    book = book_of(exchange.venue)
    weight = sum(request.weight for poll in exchange.polls for request in poll.requests(book))
    minutes = timedelta(minutes=1) / exchange.budget.per
    assert weight <= exchange.budget.weight * minutes


FLOORS = {
    "binance_usdm/liquidations",
    "binance_coinm/liquidations",
    "okx/liquidations",
    "aster/liquidations",
}
"""Feeds known to leave liquidations out; the others tell each one."""


def test_throttled_feeds_are_not_called_complete() -> None:
    heard = [(f"{e.venue}/{s.name}", s.completeness) for e in EXCHANGES.values() for s in e.sockets]
    assert {name for name, said in heard if said is Completeness.THROTTLED} == FLOORS
