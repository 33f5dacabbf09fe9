"""What was liquidated in a step of the past, which a venue may tell in contracts, coins and dollars."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.market import Instrument, PastLiquidations, Position
from bot.domain.units import UNKNOWN, Amount, Size, Unit, measure
from bot.exchanges.spec import Figure, optional


def past_sum(
    instrument: Instrument,
    position: Position,
    when: tuple[datetime, timedelta],
    price: Decimal | None,
    contracts: Figure | None,
    base: Figure | None,
    *usd: Figure | None,
) -> PastLiquidations | None:
    """What was liquidated of one side in the step ``when``; ``None`` where nothing is told: that is not zero.

    Contracts are measured as everywhere else, and what is told in base coins and dollars (the first of them
    that is) fills in. Where figures contradict each other, or are below zero, one of them is not what it is
    taken for: then coins and dollars are unknown. Raises ``SourceChanged`` for what is no number.
    """
    count, coins, *dollars = (optional(each, f"what {position}s lost") for each in (contracts, base, *usd))
    told_usd = next((each for each in dollars if each is not None), None)
    told = [each for each in (count, coins, told_usd) if each is not None]
    if not told:
        return None
    size = Size(_float(coins, instrument.coins_per_base), _float(told_usd))
    if count is not None:
        size = _measured(count, instrument, _float(price), size)
    if min(told) < 0:
        size = UNKNOWN
    return PastLiquidations(instrument, position, *when, count, size.coins, size.usd)


def _measured(count: Decimal, instrument: Instrument, price: float | None, told: Size) -> Size:
    """The venue's own dollars are kept: it knows the prices at which it closed."""
    one, size = (
        measure(Amount(each, Unit.CONTRACTS), instrument.contract, price, instrument.coins_per_base)
        for each in (Decimal(1), count)
    )
    if not (_agree(size.coins, told.coins, one.coins) and _agree(size.usd, told.usd, one.usd)):
        return UNKNOWN
    return Size(told.coins if size.coins is None else size.coins, size.usd if told.usd is None else told.usd)


def _float(value: Decimal | None, times: int = 1) -> float | None:
    return None if value is None else float(value) * times


def _agree(measured: float | None, told: float | None, one: float | None) -> bool:
    """No further apart than to twice the lesser, or by one contract: parts of one may have been cut off."""
    if measured is None or told is None or one is None:
        return True
    return abs(measured - told) <= max(one, min(measured, told))
