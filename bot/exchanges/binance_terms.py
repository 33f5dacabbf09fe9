"""What venues that speak as Binance does share beside their figures: refusals and intervals of funding."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from msgspec.structs import replace

from bot.errors import SourceBlocked, SourceChanged, SourceError
from bot.exchanges.reading import coded, decode, peek
from bot.exchanges.spec import HOUR, MINUTE, Book, Budget, Request, Terms

THROTTLED = {"-1003": MINUTE}
PUBLISHED = 2400
"""Weight a minute of one address. Since 2026-06-30 fapi and dapi count together: each has a share."""
COINM_BUDGET = Budget(600, MINUTE)
USDM_BUDGET = Budget(PUBLISHED - COINM_BUDGET.weight, MINUTE)
RESTRICTED = "0"
_coded = coded(fine="200", throttled=THROTTLED, blocked=(RESTRICTED,))
FUNDING_INTERVAL = 8 * HOUR
MOST_HOURS = 24


class _Interval(msgspec.Struct, rename="camel"):
    symbol: str
    funding_interval_hours: int | None = None


class _Restricted(msgspec.Struct):
    """Code 0 comes with HTTP 451, as a number and with its reason. Elsewhere ``"code": "0"`` is all well."""

    code: int
    msg: str


_INTERVALS = msgspec.json.Decoder(list[_Interval])


_RESTRICTED = msgspec.json.Decoder(_Restricted)


def told(body: bytes) -> SourceError | None:
    """Their own way to refuse: ``{"code": -1121, "msg": "Invalid symbol."}``."""
    said = _coded(body)
    return None if isinstance(said, SourceBlocked) and not peek(_RESTRICTED, body) else said


def parse_intervals(body: bytes, book: Book) -> Book:
    """``[{"symbol": "BTCUSDT", "fundingIntervalHours": 4, …}]``: contracts whose terms were ever adjusted.

    All others have the usual 8 hours. Raises ``SourceChanged`` where a row is of no possible interval.
    """
    hours: dict[str, timedelta] = {}
    for row in decode(_INTERVALS, body, told):
        if row.funding_interval_hours is None:
            continue
        if not 0 < row.funding_interval_hours <= MOST_HOURS:
            raise SourceChanged(f"{row.symbol}: fundingIntervalHours is {row.funding_interval_hours}")
        hours[row.symbol] = row.funding_interval_hours * HOUR
    return {
        symbol: one if one.expiry else replace(one, funding_interval=hours.get(symbol, FUNDING_INTERVAL))
        for symbol, one in book.items()
    }


def terms(root: str) -> Terms:
    return Terms("funding-intervals", lambda: [Request(f"{root}/fundingInfo")], parse_intervals)
