"""A flood leaves little for the garbage collector, which holds the event loop while it looks through it."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from decimal import Decimal

from bot.domain.assets import Asset
from bot.domain.market import Instrument, Liquidation, Position, Venue
from bot.domain.natural import Window
from bot.domain.units import Amount, Unit
from bot.pipeline.bursts import WINDOW_S, Bursts
from bot.pipeline.tally import REMEMBERED, Tally

NOW = datetime(2025, 10, 10, 21, 15, tzinfo=UTC)
COINS, VENUES = 20, [Venue(f"venue{n}") for n in range(12)]


def looked_through() -> int:
    """What the collector visits: every container it knows, and all that each of them holds."""
    return sum(1 + len(gc.get_referents(one)) for one in gc.get_objects())


def test_what_was_heard_is_not_looked_through_one_by_one() -> None:
    contract = Instrument(VENUES[0], "BTC", Asset("BTC"))
    amount = Amount(Decimal(1), Unit.BASE)
    one = Liquidation(contract, Position.LONG, amount, Decimal(1), NOW, NOW)
    assert not any(map(gc.is_tracked, (one, contract, amount)))


def test_the_last_minute_of_every_coin_at_every_venue_is_not_looked_through_second_by_second() -> None:
    coins = [(Bursts(), Tally()) for _ in range(COINS)]
    gc.collect()
    before = looked_through()
    for bursts, tally in coins:
        for venue in VENUES:
            contract = Instrument(venue, "BTC", Asset("BTC"))
            for second in range(WINDOW_S):
                bursts.hear(venue, NOW.timestamp() + second, 1.0, long=second % 2 == 0)
                price = Decimal(1)
                tally.hear(
                    Liquidation(
                        contract, Position.LONG, Amount(price, Unit.BASE), price, NOW, NOW, str(second)
                    )
                )
    gc.collect()
    assert looked_through() - before < 20 * COINS * len(VENUES)


def test_the_newest_hundred_thousand_of_a_coin_are_told_from_a_repeat() -> None:
    contract, size, tally = Instrument(VENUES[0], "BTC", Asset("BTC")), Amount(Decimal(1), Unit.BASE), Tally()

    def known(number: int) -> bool:
        said = Liquidation(contract, Position.LONG, size, Decimal(1), NOW, NOW, str(number))
        return not tally.know(said)

    for turn in range(REMEMBERED + 2):
        assert not known(turn)
    assert [known(number) for number in (2, REMEMBERED + 1, 3)] == [True] * 3
    assert not known(1)
    assert [known(number) for number in (2, 1, 3)] == [False, True, False]


def test_the_newest_of_a_stream_are_told_from_a_repeat() -> None:
    contract, size, window = (
        Instrument(VENUES[0], "BTC", Asset("BTC")),
        Amount(Decimal(1), Unit.BASE),
        Window(3),
    )

    def told(number: int, batch: int) -> bool:
        said = Liquidation(contract, Position.LONG, size, Decimal(1), NOW, NOW, str(number))
        return bool(window.fresh([said], batch))

    assert [told(number, 1) for number in (1, 2, 3, 1)] == [True] * 4  # one batch may say a thing twice
    assert [told(number, 2) for number in (1, 2, 3)] == [False] * 3
    assert [told(number, 3) for number in (4, 5)] == [True, True]
    assert [told(number, 4) for number in (3, 1, 5, 2)] == [False, True, False, True]
