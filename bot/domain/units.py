"""Amounts that know their unit, and the one function that turns them into coins and dollars.

An amount stays a ``Decimal`` exactly as the venue wrote it until it is measured; a ``Size`` is floats.
Unknown is ``None``: never zero, never one.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec


class Unit(StrEnum):
    """What a venue counts in."""

    BASE = "base"
    """The instrument's base coin (a thousand PEPE for 1000PEPE)."""
    QUOTE = "quote"
    """The quote currency: dollars, or a stablecoin taken for a dollar."""
    CONTRACTS = "contracts"


class Amount(msgspec.Struct, frozen=True, gc=False):  # never part of a cycle, and made by the thousand
    """A non-negative quantity in the unit its venue wrote it in."""

    value: Decimal
    unit: Unit


class ContractSize(msgspec.Struct, frozen=True, gc=False):
    """What one contract stands for: base coins (linear) or quote dollars (inverse)."""

    value: Decimal
    unit: Unit


class Size(msgspec.Struct, frozen=True, gc=False):
    """An amount in coins and in dollars, each ``None`` where it cannot be known."""

    coins: float | None
    usd: float | None


IMPOSSIBLE_POWER = 30
"""No amount is beyond 10^±30."""

UNKNOWN = Size(None, None)


def measure(
    amount: Amount, contract: ContractSize | None, price_usd: float | None, coins_per_base: int = 1
) -> Size:
    """Coins and dollars of ``amount``.

    ``price_usd`` is the price of one *base* unit as the venue quotes it; ``coins_per_base`` is how many
    coins that unit is (1000 for 1000PEPE). Contracts of unknown size give ``UNKNOWN``; no price leaves
    unknown whatever needs one.
    """
    value = float(amount.value)
    unit = amount.unit
    if unit is Unit.CONTRACTS:
        if contract is None:
            return UNKNOWN
        value *= float(contract.value)
        unit = contract.unit
    if unit is Unit.BASE:
        return Size(value * coins_per_base, value * price_usd if price_usd else None)
    if unit is Unit.QUOTE:
        return Size(value / price_usd * coins_per_base if price_usd else None, value)
    return UNKNOWN


def price_of(amount: Amount, contract: ContractSize | None, worth: Decimal) -> Decimal | None:
    """The price of one base unit at which ``amount`` is ``worth`` so many dollars, or coins if it is dollars.

    ``None`` where either is zero or impossible, or where the contract's size is not known.
    """
    value, unit = amount.value, amount.unit
    if unit is Unit.CONTRACTS:
        if contract is None:
            return None
        value, unit = value * contract.value, contract.unit
    if not (value and worth and worth.is_finite() and abs(worth.adjusted()) <= IMPOSSIBLE_POWER):
        return None
    return worth / value if unit is Unit.BASE else value / worth


class UsdChange(msgspec.Struct, frozen=True):
    """A change in dollars, split exactly: ``position_usd + price_usd == total_usd``."""

    position_usd: float
    price_usd: float

    @property
    def total_usd(self) -> float:
        return self.position_usd + self.price_usd

    @classmethod
    def between(
        cls, coins_before: float, price_before: float, coins_now: float, price_now: float
    ) -> UsdChange:
        """Δcoins × new price (positions) and old coins × Δprice (price): the two add up exactly."""
        return cls((coins_now - coins_before) * price_now, coins_before * (price_now - price_before))
