"""An early wave in words: how much in a minute, how unusual, who told it, and whether it can be confirmed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bot.domain.market import Venue
from bot.domain.waves import Burst, Forced, Kind, Magnitude, Stage, Wave
from handlers.cards import wave_card
from tests.handlers.october import MINUTE, NOW, wave

BYBIT, OKX, BINANCE = Venue("bybit"), Venue("okx"), Venue("binance_usdm")
TITLES = {BYBIT: "Bybit", OKX: "OKX", BINANCE: "Binance"}
BURST = Burst(
    at=NOW,
    usd=412e6,
    multiple=61.2,
    long_share=0.84,
    venues=(BYBIT, OKX, BINANCE),
    magnitude=Magnitude(2.4, 2.0, 2.8),
    floors=(OKX, BINANCE),
)


def early(**facts: object) -> Wave:
    base = replace(
        wave(Stage.EARLY),
        venues=(),
        burst=BURST,
        at=NOW,
        onset=NOW - 4 * MINUTE,
        price_before_usd=122_000.0,
        price_now_usd=118_218.0,
        coverage=0.95,
    )
    return replace(base, **facts)


def words(told: Wave) -> str:
    card = wave_card(told, titles=TITLES)
    return "\n".join((card.title, *(line.text for line in card.lines)))


def test_one_look_says_how_much_how_unusual_and_which_side() -> None:
    text = words(early())
    assert text.startswith("BTC: longs are being liquidated · early")
    assert "**$412 M in the last minute**, 61 × this hour's normal, 84 % longs" in text
    assert "Bybit, OKX, Binance (OKX and Binance: only the largest of each second, so a floor)" in text
    assert "Price −3.1 % in 4 min" in text
    assert "the next figures of open interest confirm it or take it back" in text


def test_shorts_are_named_and_complete_feeds_need_no_caution() -> None:
    shorts = replace(BURST, long_share=0.1, venues=(BYBIT,), floors=())
    text = words(early(burst=shorts, kind=Kind.SQUEEZE))
    assert text.startswith("BTC: shorts are being liquidated · early")
    assert "90 % shorts" in text
    assert "floor" not in text


def test_without_fresh_open_interest_it_says_that_nothing_can_confirm_it() -> None:
    text = words(early(coverage=0.2))
    assert "Open interest is not heard: 20 % of it since." in text
    assert "neither confirmed nor taken back yet" in text


def test_what_is_taken_back_says_why() -> None:
    reason = "Longs were liquidated, but no positions were closed"
    text = words(early(stage=Stage.RETRACTED, reason=reason))
    assert f"{reason}. Sorry for the false alarm." in text


def building(forced: Forced | None) -> str:
    told = replace(wave(Stage.BUILDING), liquidated_long_usd=2.5e9, liquidated_short_usd=0.4e9, forced=forced)
    return words(told)


@pytest.mark.parametrize(
    ("low", "high", "likely"),
    [
        (4e9, 6e9, "≥ $2.9 B, likely $4.0–6.0 B, "),
        (9e8, 6e9, "≥ $2.9 B, likely $2.9–6.0 B, "),
        (2.9e9, 2.9e9, "≥ $2.9 B, "),
        (4e9, 4e9, "≥ $2.9 B, likely $4.0 B, "),
        (None, None, "≥ $2.9 B, "),
    ],
)
def test_what_was_seen_is_a_floor_and_what_is_likely_stands_beside_it(
    low: float | None, high: float | None, likely: str
) -> None:
    assert f"Liquidations seen {likely}86 % longs" in building(Forced(2.9e9, 100.0, low, high))


def test_the_forced_share_of_the_fall_is_told_with_its_bounds_and_the_rest_was_a_choice() -> None:
    closed = wave(Stage.BUILDING).coins_closed
    seen = Forced(1e9, closed * 0.25, 1.2e9, 2e9)
    assert "Forced: 25–50 % of the coins closed; the rest closed by choice" in building(seen)
    everything = Forced(1e9, closed * 1.5, 1.2e9, 2e9)
    assert "Forced: all of what closed" in building(everything)
    assert "Forced:" not in building(Forced(1e9, closed * 0.25))


def test_auto_deleveraging_stands_apart() -> None:
    assert "Auto-deleveraged besides: $30.0 M" in building(Forced(1e9, 1.0, deleveraged_usd=30e6))
