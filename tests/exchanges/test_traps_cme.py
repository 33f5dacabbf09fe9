"""Traps of CME's pages, each a test named after it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from bot.domain.assets import Asset
from bot.domain.market import Instrument, Report, Venue
from bot.domain.units import ContractSize, Unit
from bot.errors import SourceBlocked, SourceChanged
from bot.exchanges import cme
from bot.exchanges.spec import Answer
from tests.exchanges.payloads import NOW, PAYLOADS

CME = Venue("cme")


def page(name: str) -> str:
    return next(p for p in PAYLOADS if (p.venue, p.name) == (CME, name)).body.decode()


def volume(text: str) -> Answer:
    return cme.parse_volume(text.encode(), {}, NOW)


def only(answer: Answer) -> Report:
    (report,) = answer.observations
    assert isinstance(report, Report)
    return report


def test_columns_are_found_by_their_headings_wherever_they_stand() -> None:
    table = (
        "<h2>Bitcoin Futures</h2>Trade date 10 Oct 2025 Final<table><tr><th>Change</th><th>At Close</th>"
        "<th>Month</th></tr><tr><td>-58</td><td>29,000</td><td>OCT 25</td></tr></table>"
    )
    assert (only(volume(table)).coins, only(volume(table)).previous_coins) == (145_000.0, 145_290.0)


def test_volume_is_never_taken_for_open_interest() -> None:
    text = page("bitcoin_final").replace("At Close", "Block").replace("Open Interest</th>", "Trades</th>")
    with pytest.raises(SourceChanged, match="no table of open interest"):
        volume(text)


def test_two_columns_that_could_be_meant_are_a_changed_source() -> None:
    with pytest.raises(SourceChanged, match="two columns"):
        volume(page("bitcoin_final").replace("<th>Change</th>", "<th>At Close</th>"))


def test_a_table_shown_twice_counts_once_and_options_never() -> None:
    text = page("bitcoin_final")
    table = text[text.index("<table>", text.index("</script>")) : text.index("</table>") + 8]
    twice = text.replace("</body>", f"{table}<h2>Bitcoin Options</h2>{table}</body>")
    answer = volume(twice)
    assert only(answer).coins == 145_000.0
    assert answer.unknown == ["Bitcoin Options"]
    with pytest.raises(SourceChanged, match="told twice"):
        volume(
            text.replace("</body>", table.replace("18,000", "17,000").replace("29,000", "28,000") + "</body>")
        )


@pytest.mark.parametrize(
    "name", ["Bitcoin Cash Futures", "Bitcoin Euro Futures", "Spot-Quoted Bitcoin Futures"]
)
def test_an_unknown_product_is_named_and_not_guessed(name: str) -> None:
    answer = volume(page("bitcoin_final").replace("Bitcoin Futures", name))
    assert (answer.observations, answer.unknown) == ([], [name])


@pytest.mark.parametrize(
    ("day", "close"),
    [
        ("Monday, 09 Mar 2026", datetime(2026, 3, 9, 21, tzinfo=UTC)),
        ("6 Mar 2026", datetime(2026, 3, 6, 22, tzinfo=UTC)),
        ("Nov 6, 2026", datetime(2026, 11, 6, 22, tzinfo=UTC)),
        ("2026-10-30", datetime(2026, 10, 30, 21, tzinfo=UTC)),
        ("10/30/2026", datetime(2026, 10, 30, 21, tzinfo=UTC)),
    ],
)
def test_a_close_is_four_in_the_afternoon_in_chicago_summer_and_winter(day: str, close: datetime) -> None:
    assert only(volume(page("bitcoin_final").replace("Friday, 10 Oct 2025", day))).as_of == close


def test_a_friday_close_held_over_the_weekend_until_trading_went_round_the_clock() -> None:
    held = only(volume(page("bitcoin_final").replace("10 Oct 2025", "22 May 2026"))).holds_until
    assert held == datetime(2026, 5, 24, 22, tzinfo=UTC)
    assert only(volume(page("bitcoin_final").replace("10 Oct 2025", "29 May 2026"))).holds_until is None
    assert cme.close_of(date(2026, 5, 29)) == datetime(2026, 5, 29, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "preliminary"),
    [("Final", False), ("Preliminary", True), ("", True), ("Final, not Preliminary", True)],
)
def test_only_a_plain_final_is_final(said: str, preliminary: bool) -> None:
    assert (
        only(volume(page("bitcoin_final").replace("2025 Final", f"2025 {said}"))).preliminary is preliminary
    )


def test_a_page_without_a_trade_date_is_a_changed_source() -> None:
    with pytest.raises(SourceChanged, match="trade date"):
        volume(page("bitcoin_final").replace("Trade date", "Printed"))


def test_the_day_chosen_in_a_list_is_the_trade_date() -> None:
    chooser = (
        "Trade date <select><option>Monday, 13 Oct 2025 (Preliminary)</option>"
        "<option selected>Friday, 10 Oct 2025 (Final)</option></select>"
    )
    text = page("bitcoin_final").replace("Trade date: Friday, 10 Oct 2025 Final", chooser)
    told, first = only(volume(text)), only(volume(text.replace(" selected", "")))
    assert (told.as_of, told.preliminary) == (datetime(2025, 10, 10, 21, tzinfo=UTC), False)
    assert (first.as_of, first.preliminary) == (datetime(2025, 10, 13, 21, tzinfo=UTC), True)


def test_a_page_that_refuses_is_no_calm_day() -> None:
    with pytest.raises(SourceBlocked):
        volume(page("access_denied"))


def test_cme_is_asked_twice_a_day_and_no_more() -> None:
    (poll,) = cme.EXCHANGE.polls
    assert len(poll.at) == 2
    assert len(poll.requests({})) == 2


MONTHS = "<tr><td>OCT 25</td><td>9,000</td><td>29,000</td><td>-58</td></tr>"
WORDS = "<tr><td>Month</td><td>Total Volume</td><td>At Close</td><td>Change</td></tr>"


@pytest.mark.parametrize(
    "text",
    [
        f"<h2>Bitcoin Futures</h2>Trade date 10-Oct-2025 Final<table>{WORDS}{MONTHS}</table>",
        f"<h2>Bitcoin Futures</h2>Trade date 20251010 Final<table><thead>{WORDS}</thead>{MONTHS}</table>",
        "Trade date: Final, 10 Oct 2025<table><tr><td colspan=4>CME Bitcoin (BTC) Futures</td></tr>"
        f"{WORDS}{MONTHS}</table>",
        "<h1>Bitcoin Volume &amp; Open Interest</h1>Business date 10/10/2025 Final"
        f"<table>{WORDS}{MONTHS}</table>",
    ],
)
def test_a_page_of_any_age_is_understood_by_its_words(text: str) -> None:
    told = only(volume(text))
    assert (told.coins, told.previous_coins, told.preliminary) == (145_000.0, 145_290.0, False)
    assert told.as_of == datetime(2025, 10, 10, 21, tzinfo=UTC)


def test_open_interest_of_the_day_before_is_not_taken_for_that_of_the_close() -> None:
    """A page of settlements tells it beside the settlement price and its change."""
    head = "<tr><th>Month</th><th>Settle</th><th>Change</th><th>Prior Day Open Interest</th></tr>"
    row = "<tr><td>OCT 25</td><td>113,000</td><td>-5,000</td><td>29,058</td></tr>"
    text = f"<h2>Bitcoin Futures</h2>Trade date 10 Oct 2025 Final<table>{head}{row}</table>"
    with pytest.raises(SourceChanged, match="no table of open interest"):
        volume(text)


def test_a_row_of_options_is_no_row_of_futures() -> None:
    text = page("list_of_products").replace("<th>Code</th>", "<th>Cleared As</th>")
    text = text.replace("<td>Ether Futures</td><td>ETH</td>", "<td>Ether</td><td>Options</td>")
    told = volume(text.replace("<td>MET</td>", "<td>Futures</td>"))
    assert {r.asset: r.coins for r in told.observations if isinstance(r, Report)}[Asset("ETH")] == 5_000.0
    assert told.unknown == ["Ether"]


@pytest.mark.parametrize(
    "text",
    [
        "<html><title>Just a moment...</title>Enable JavaScript and cookies to continue</html>",
        "<html><table><tr><td>Request unsuccessful. Incapsula incident ID: 1-2</td></tr></table></html>",
        '{"message": "This IP address is blocked due to suspected web scraping activity"}',
    ],
)
def test_a_wall_before_the_page_is_a_refusal_not_a_changed_page(text: str) -> None:
    with pytest.raises(SourceBlocked):
        volume(text)


DETAILS = {
    "tradeDate": "20251010",
    "monthData": [
        {"month": "OCT 25", "totalVolume": "9,120", "atClose": "18,000", "change": "-60"},
        {"month": "NOV 25", "totalVolume": "1", "atClose": "11,000", "change": "2"},
        {"month": "DEC 25", "totalVolume": "0", "atClose": "-", "change": "-"},
    ],
    "totals": {"totalVolume": "9,121", "atClose": "29,000", "change": "-58"},
    "empty": False,
}


def test_what_the_page_asks_for_is_read_for_the_one_product_that_is_named() -> None:
    size = ContractSize(Decimal(5), Unit.BASE)
    named = {"BTC": Instrument(CME, "BTC", Asset("BTC"), contract=size)}
    body = json.dumps(DETAILS).encode()
    told = only(cme.parse_volume(body, named, NOW))
    assert (told.coins, told.previous_coins, told.preliminary) == (145_000.0, 145_290.0, True)
    with pytest.raises(SourceChanged, match="without the name of their product"):
        cme.parse_volume(body, {}, NOW)
    with pytest.raises(SourceChanged, match="add up to"):
        cme.parse_volume(body.replace(b"11,000", b"11,001"), named, NOW)
