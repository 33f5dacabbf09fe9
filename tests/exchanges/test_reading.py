"""What the venues share: numbers, times, refusals, and rows that fail alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from bot.errors import SourceBlocked, SourceChanged, SourceError, SourceThrottled, SourceUnreachable
from bot.exchanges import EXCHANGES
from bot.exchanges.reading import between, by_code, decode, hours, implied_price, refusal, stamped
from bot.exchanges.spec import Exchange, from_ms, optional, quoted, required
from tests.exchanges.payloads import NOW, PAYLOADS, Payload, parsed


@pytest.mark.parametrize(
    "raw", ["NaN", "Infinity", "-inf", "", "12,5", "null", "1e31", "1e-31", "1e999999999"]
)
def test_what_is_no_possible_number_is_changed(raw: str) -> None:
    with pytest.raises(SourceChanged, match="openInterest is"):
        required(raw, "openInterest")


@pytest.mark.parametrize("raw", ["0", "-5.5", "0.000", "12345.6789", "1e30"])
def test_zero_and_negative_numbers_pass_exactly_as_written(raw: str) -> None:
    assert required(raw, "openInterest") == Decimal(raw)


def test_missing_empty_and_zero_are_three_things() -> None:
    assert optional(None, "x") is None
    assert optional("", "x") is None
    assert optional("0", "x") == 0
    assert optional("0", "x") is not None
    assert quoted("0.00", "x") is None


class _Row(msgspec.Struct):
    name: str
    count: int = 0
    price: Decimal | None = None
    open: bool = True
    text: str = "none"


ROW = msgspec.json.Decoder(_Row)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"count": "7"', _Row("X", count=7)),
        ('"count": 7.0', _Row("X", count=7)),
        ('"count": null, "price": "", "open": null, "text": null', _Row("X")),
        ('"price": 0.1, "text": null', _Row("X", price=Decimal("0.1"))),
        ('"price": "NaN", "count": null', _Row("X")),
    ],
)
def test_figures_in_quotes_and_fields_that_say_nothing_are_read(written: str, meant: _Row) -> None:
    assert decode(ROW, f'{{"name": "X", {written}}}'.encode()) == meant


@pytest.mark.parametrize(
    "body", ['{"name": null}', '{"name": "X", "count": "many"}', '{"name": ["X"]}', "[]"]
)
def test_what_is_something_else_is_changed(body: str) -> None:
    with pytest.raises(SourceChanged) as fault:
        decode(ROW, body.encode())
    assert fault.value.evidence == body


@pytest.mark.parametrize("stamp", [0, 1_791_000_000, 1_791_000_000_000_000, "", "now", "-1", 10**30])
def test_a_time_in_another_unit_is_changed(stamp: int | str) -> None:
    with pytest.raises(SourceChanged, match="not a time in milliseconds"):
        from_ms(stamp)


def test_a_time_in_milliseconds_is_utc() -> None:
    assert from_ms("1791000000000") == from_ms(1791000000000) == datetime(2026, 10, 3, 4, tzinfo=UTC)


def test_no_price_is_implied_by_nothing() -> None:
    assert implied_price(Decimal(0), Decimal(5)) is None
    assert implied_price(Decimal(5), Decimal(0)) is None
    assert implied_price(Decimal(10), Decimal(4)) == Decimal("2.5")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, SourceThrottled),
        (418, SourceThrottled),
        (403, SourceBlocked),
        (451, SourceBlocked),
        (408, SourceUnreachable),
        (500, SourceUnreachable),
        (503, SourceUnreachable),
        (400, SourceChanged),
        (404, SourceChanged),
    ],
)
@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=lambda exchange: exchange.venue)
def test_a_status_means_the_same_at_every_venue(
    exchange: Exchange, status: int, error: type[SourceError]
) -> None:
    fault = exchange.read_refusal(status, b"<html><body>no</body></html>")
    assert type(fault) is error
    assert str(status) in str(fault)
    assert fault.evidence == "<html><body>no</body></html>"


def test_a_ban_without_a_time_waits_two_minutes() -> None:
    ban = refusal(418, b"")
    assert isinstance(ban, SourceThrottled)
    assert ban.retry_after == timedelta(minutes=2)


def test_evidence_is_short_and_one_line() -> None:
    fault = refusal(500, b"<html>\n\n" + b"x" * 10_000 + b"\xff")
    assert len(fault.evidence) <= 200
    assert "\n" not in fault.evidence


def test_a_page_of_which_no_row_can_be_read_has_changed() -> None:
    kept = next(p for p in PAYLOADS if str(p) == "bybit/tickers_one_bad_row")
    body = kept.body.replace(b'"-5"', b'"many"')
    with pytest.raises(SourceChanged, match="BTCUSDT: openInterest is NaN"):
        parsed(Payload(kept.venue, kept.name, kept.what, body, None))


def test_the_text_pong_is_no_data_at_okx_and_noise_elsewhere() -> None:
    for exchange in EXCHANGES.values():
        for socket in exchange.sockets:
            if exchange.venue == "okx":
                assert socket.parse(b"pong", {}, NOW) == ()
            else:
                with pytest.raises(SourceChanged):
                    socket.parse(b"pong", {}, NOW)


def test_a_field_that_is_missing_is_named() -> None:
    with pytest.raises(SourceChanged, match="openInterest is missing"):
        required(None, "openInterest")
    with pytest.raises(SourceChanged, match="time is missing"):
        from_ms(None)


def test_where_no_time_is_told_ours_is_taken() -> None:
    assert stamped(None, NOW) == stamped("", NOW) == NOW
    assert stamped("1791000061472", NOW) == from_ms(1791000061472)


@pytest.mark.parametrize("raw", ["8", 8, 8.0, "8.0"])
def test_funding_hours_are_read_however_they_are_written(raw: str | float) -> None:
    assert hours(raw, "interval") == timedelta(hours=8)


@pytest.mark.parametrize("raw", ["0", -8, "169", 0.5, "eight", None, "1e30"])
def test_what_are_no_funding_hours_is_changed(raw: str | float | None) -> None:
    with pytest.raises(SourceChanged, match="interval is"):
        hours(raw, "interval")


def test_funding_that_is_due_twice_at_once_has_no_interval() -> None:
    assert between("1791000000000", 1791014400000) == timedelta(hours=4)
    with pytest.raises(SourceChanged, match="due twice"):
        between(1791000000000, 1791000000000)


def test_a_venue_s_own_code_says_more_than_a_status() -> None:
    own = SourceThrottled("too often", retry_after=timedelta(seconds=7))
    assert by_code(lambda _: own)(503, b"") is own
    assert isinstance(by_code(lambda _: None)(503, b""), SourceUnreachable)
