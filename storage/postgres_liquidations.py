"""Liquidations in PostgreSQL: each on its own while a venue may repeat it, then sums per hour for ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from operator import itemgetter

from bot.domain.assets import Asset
from bot.domain.market import (
    Instrument,
    Liquidation,
    LiquidationSum,
    Position,
    Venue,
    VenueLiquidations,
)
from bot.domain.units import Amount, Unit
from storage.postgres_connections import Connections
from storage.postgres_partitions import Partitions
from storage.postgres_readings import Readings
from storage.rules import (
    LIQUIDATION_STEP,
    LIQUIDATIONS_KEPT,
    floor,
    liquidated_coins,
    liquidated_usd,
    positive,
)

EARLIER = timedelta(days=1)
"""What is told again of the past is at most so old: beyond, it was heard for the first time."""
_COLUMNS = (
    *("asset", "at", "market", "number", "position", "amount", "unit", "price"),
    *("long_usd", "short_usd", "coins", "deleveraged", "received", "place"),
)
_EACH = (
    "from liquidations where asset = $1 and at >= $2 and at < $3"
    " and at >= (select at from borders where name = 'liquidations')"
)
_FORCED = "coalesce(sum({}) filter (where {} not deleveraged), 0.0)"
_SUM_UP = (
    "insert into liquidation_sums select asset, date_bin('1 hour', at, 'epoch'),"
    " coalesce(sum(long_usd), 0.0), coalesce(sum(short_usd), 0.0), count(*) from liquidations"
    " where at >= $1 and at < $2 and not deleveraged group by 1, 2"
)


class Liquidations:
    """Of one database."""

    def __init__(self, file: Connections, readings: Readings) -> None:
        self._file = file
        self._readings = readings
        self._days = Partitions(file, "liquidations")

    async def hear(self, heard: Sequence[Liquidation]) -> None:
        rows = [
            (
                forced.instrument.asset,
                forced.at,
                forced.instrument.key,
                forced.number,
                forced.position,
                str(forced.amount.value),
                forced.amount.unit,
                str(forced.price),
                *liquidated_usd(forced),
                liquidated_coins(forced),
                forced.deleveraged,
                forced.received,
                place,
            )
            for place, forced in enumerate(heard)
        ]

        await self._days.pour(_COLUMNS, rows, itemgetter(1))

    async def heard(self, asset: Asset, since: datetime, until: datetime) -> list[Liquidation]:
        """Of a contract that has no open interest little is known."""
        rows = await self._file.rows(
            tuple,
            f"select market, position, amount, unit, price, at, received, number, deleveraged {_EACH}"
            " and received > $4 and received <= $5 order by received, place, at, market, number",
            asset,
            since - EARLIER,
            until + EARLIER,
            since,
            until,
        )
        contracts = await self._readings.newest({row[0] for row in rows})
        return [
            Liquidation(
                contracts.get(market)
                or Instrument(Venue(market.partition(":")[0]), market.partition(":")[2], asset),
                Position(position),
                Amount(Decimal(amount), Unit(unit)),
                Decimal(price),
                at,
                received,
                number,
                deleveraged,
            )
            for market, position, amount, unit, price, at, received, number, deleveraged in rows
        ]

    async def sums(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> list[LiquidationSum]:
        return await self._file.rows(
            lambda row: LiquidationSum(*row),
            "select date_bin($4, at, 'epoch'), coalesce(sum(long_usd), 0.0),"  # noqa: S608
            " coalesce(sum(short_usd), 0.0), sum(count)::bigint"
            f" from (select at, long_usd, short_usd, 1 as count {_EACH} and not deleveraged"
            " union all select at, long_usd, short_usd, count from liquidation_sums"
            " where asset = $1 and at >= $2 and at < $3) as each group by 1 order by 1",
            asset,
            since,
            until,
            positive(step),
        )

    async def sums_on(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> list[VenueLiquidations]:
        figures = ", ".join(
            (
                _FORCED.format("long_usd", ""),
                _FORCED.format("short_usd", ""),
                _FORCED.format("coins", "position = 'long' and"),
                _FORCED.format("coins", "position = 'short' and"),
            )
        )
        return await self._file.rows(
            lambda row: VenueLiquidations(*row),
            f"select date_bin($4, at, 'epoch'), split_part(market, ':', 1) as venue, {figures},"
            " coalesce(sum(coalesce(long_usd, short_usd)) filter (where deleveraged), 0.0), count(*)"
            f" {_EACH} group by 1, 2 order by 1, 2",
            asset,
            since,
            until,
            positive(step),
        )

    async def sum_up(self, now: datetime) -> int:
        """Whole hours, and nothing is heard before the border, so no hour is summed up twice."""
        return await self._days.advance(floor(now - LIQUIDATIONS_KEPT, LIQUIDATION_STEP), _SUM_UP)
