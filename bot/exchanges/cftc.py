"""CFTC Commitments of Traders: who is long and short in regulated futures, once a week.

The report "Traders in Financial Futures", futures only: positions of a Tuesday, published on the Friday at
15:30 in New York, later around holidays. Each row is one market. Which ones are meant is written out below:
a filter like ``%BITCOIN%`` catches Bitcoin Cash, which even shares Bitcoin's ``cftc_commodity_code``.

Long and short are outright positions; what one trader holds both ways ("spread") is in neither.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Group, Holder, Holding, Report, ReportKind, Venue
from bot.errors import SourceChanged, SourceError
from bot.exchanges.reading import decode, evidence, peek, refusal
from bot.exchanges.spec import (
    HOUR,
    MINUTE,
    Answer,
    Book,
    BookPoll,
    Budget,
    Exchange,
    Listing,
    Poll,
    Request,
    facts,
    optional,
    required,
)

VENUE = Venue("cftc")
FACTS = facts(
    """
    gpe5-46if.json | open_interest_all | contracts | client libraries, recorded rows | [2]
    gpe5-46if.json | change_in_open_interest_all | contracts since the week before | client libraries | [1]
    gpe5-46if.json | dealer_positions_long_all and _short_all | contracts, no spreads | client libraries | [2]
    gpe5-46if.json | asset_mgr_, lev_money_, other_rept_positions_long | the same | client libraries | [2]
    gpe5-46if.json | contract_units | "(5 Bitcoins)", "(Bitcoin X $0.10)" | recorded rows | [1]
    gpe5-46if.json | market name, cftc_contract_market_code | must not disagree | recorded rows | [2]
    gpe5-46if.json | codes of Micro SOL, Micro XRP | 177742, 176741 | one client library | [1]
    gpe5-46if.json | "… - LMX LABS LLC" | Coinbase Derivatives by its former name | client libraries | [1]
    gpe5-46if.json | Coinbase Derivatives' SOL and XRP | other codes, which are not sure: not asked | — | [?]
    gpe5-46if.json | cftc_commodity_code | not used: BTC and BCH share it | recorded rows | [2]
    gpe5-46if.json | report_date_as_yyyy_mm_dd | the Tuesday, taken at 17:00 New York | recorded answer | [2]
    gpe5-46if.json | futonly_or_combined | rows with options are left out | recorded rows | [1]
    HTTP 429 | — | throttled | Socrata's documentation | [0]
    """
)

NEW_YORK = ZoneInfo("America/New_York")
CLOSE = time(17)
WEEK = timedelta(days=7)
CME, CDE = Venue("cme"), Venue("coinbase_cde")


@dataclass(frozen=True, slots=True)
class _Market:
    """``coins`` is the contract's size as far as it is known: the row must say the same."""

    code: str
    name: str
    asset: Asset
    venue: Venue
    coins: Decimal | None = None
    since: date = date.min
    """Listed on this day: earlier sums are whole without it."""


_BTC, _ETH, _SOL, _XRP = Asset("BTC"), Asset("ETH"), Asset("SOL"), Asset("XRP")
_AT_CME, _AT_CDE = " - CHICAGO MERCANTILE EXCHANGE", " - COINBASE DERIVATIVES, LLC"
_FORMERLY_CDE = " - LMX LABS LLC"
PERPETUALS = date(2025, 7, 21)
"""Coinbase Derivatives lists contracts without an end from this day on."""

MARKETS = (
    _Market("133741", f"BITCOIN{_AT_CME}", _BTC, CME, Decimal(5)),
    _Market("133742", f"MICRO BITCOIN{_AT_CME}", _BTC, CME, Decimal("0.1")),
    _Market("133LM4", f"NANO BITCOIN PERP STYLE{_AT_CDE}", _BTC, CDE, Decimal("0.01"), PERPETUALS),
    _Market("133LM1", f"NANO BITCOIN{_AT_CDE}", _BTC, CDE, Decimal("0.01")),
    _Market("133LM5", f"BITCOIN CASH PERP STYLE{_AT_CDE}", Asset("BCH"), CDE),
    _Market("146021", f"ETHER CASH SETTLED{_AT_CME}", _ETH, CME, Decimal(50)),
    _Market("146022", f"MICRO ETHER{_AT_CME}", _ETH, CME, Decimal("0.1")),
    _Market("146LM3", f"NANO ETHER PERP STYLE{_AT_CDE}", _ETH, CDE, Decimal("0.1"), PERPETUALS),
    _Market("146LM1", f"NANO ETHER{_AT_CDE}", _ETH, CDE, Decimal("0.1")),
    _Market("177741", f"SOL{_AT_CME}", _SOL, CME, Decimal(500)),
    _Market("177742", f"MICRO SOL{_AT_CME}", _SOL, CME, Decimal(25)),
    _Market("176740", f"XRP{_AT_CME}", _XRP, CME, Decimal(50_000)),
    _Market("176741", f"MICRO XRP{_AT_CME}", _XRP, CME, Decimal(2_500)),
)
"""Names seen in 2026 rows, the largest of each venue and coin first; codes told by client libraries."""
_BY_CODE = {market.code: market for market in MARKETS}
_BY_NAME = {market.name: market for market in MARKETS}
_BY_NAME |= {name.replace(_AT_CDE, _FORMERLY_CDE): market for name, market in _BY_NAME.items()}

COLUMNS = {
    Holder.DEALERS: "dealer_positions",
    Holder.ASSET_MANAGERS: "asset_mgr_positions",
    Holder.LEVERAGED: "lev_money_positions",
    Holder.OTHERS: "other_rept_positions",
}
MISSING = ("", ".")
"""Files of the CFTC write a dot where there is no number."""
SPELLINGS = ("{}_{}_all", "{}_{}")
"""Some columns end in ``_all`` and some do not; what is there is read."""

Row = Mapping[str, str | int | float | bool | None]
_ROWS = msgspec.json.Decoder(list[dict[str, str | int | float | bool | None]])
_FRACTION = re.compile(r"(\d+)\s*/\s*(\d+)")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")


class _Refused(msgspec.Struct):
    message: str


_REFUSED = msgspec.json.Decoder(_Refused)


@dataclass(frozen=True, slots=True)
class _Told:
    """One row, in coins. What it does not say is ``None``."""

    market: _Market
    day: datetime
    coins: float
    change: float | None
    holdings: Mapping[Holder, tuple[float | None, float | None]]


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _market(row: Row) -> _Market | None:
    """By code and by name, which must not disagree; ``None`` for a market that is not meant."""
    code, name = _text(row, "cftc_contract_market_code"), _text(row, "market_and_exchange_names").upper()
    by_code, by_name = _BY_CODE.get(code), _BY_NAME.get(name)
    if by_code is not None and by_name is not None and by_code is not by_name:
        raise SourceChanged(f"{name}: its code {code} is that of {by_code.name}")
    if by_code is not None and name and by_name is None:
        raise SourceChanged(f"{code}: called {name}, not {by_code.name}")
    if by_name is not None and code and by_code is None:
        raise SourceChanged(f"{name}: has the code {code}, not {by_name.code}")
    return by_name or by_code


def _size(row: Row, market: _Market) -> Decimal:
    """Coins of one contract: ``(5 Bitcoins)``, ``(Bitcoin X $0.10)``, ``(1/100 Bitcoin)``."""
    units = _text(row, "contract_units")
    if part := _FRACTION.search(units):
        below = Decimal(part[2])
        size = Decimal(part[1]) / below if below else Decimal(0)
    elif number := _NUMBER.search(units):
        size = required(number[0].replace(",", ""), "contract_units")
    else:
        raise SourceChanged(f"{market.name}: contract_units is {units!r:.60}, which tells no size")
    if size <= 0 or (market.coins is not None and size != market.coins):
        known = f", not {market.coins}" if market.coins is not None else ""
        raise SourceChanged(f"{market.name}: contract_units {units!r:.60} says {size}{known}")
    return size


def _count(row: Row, *names: str) -> Decimal | None:
    """The first of these columns that is there."""
    for name in names:
        value = row.get(name)
        text = value.replace(",", "").strip() if isinstance(value, str) else value
        if text is not None and text not in MISSING and not isinstance(text, bool):
            return optional(text, name)
    return None


def _day(row: Row, market: _Market) -> datetime:
    raw = _text(row, "report_date_as_yyyy_mm_dd")
    try:
        day = datetime.fromisoformat(raw)
        at = datetime.combine(day.date(), CLOSE, NEW_YORK).astimezone(UTC)
    except (ValueError, OverflowError):
        raise SourceChanged(f"{market.name}: {raw!r:.40} is not a day") from None
    if not 2009 <= at.year < 2100:
        raise SourceChanged(f"{market.name}: {raw!r:.40} is not a possible day")
    return at


def _read(row: Row, market: _Market) -> _Told | None:
    if _text(row, "futonly_or_combined").lower().startswith("comb"):
        return None
    size = _size(row, market)
    contracts = _count(row, "open_interest_all", "open_interest")
    if contracts is None or contracts < 0:
        raise SourceChanged(f"{market.name}: open_interest_all is {contracts}")
    change = _count(row, "change_in_open_interest_all", "change_in_open_interest")
    return _Told(
        market,
        _day(row, market),
        float(contracts * size),
        None if change is None else float(change * size),
        {holder: (_side(row, holder, "long", size), _side(row, holder, "short", size)) for holder in Holder},
    )


def _side(row: Row, holder: Holder, side: str, size: Decimal) -> float | None:
    contracts = _count(row, *(spelling.format(COLUMNS[holder], side) for spelling in SPELLINGS))
    return None if contracts is None or contracts < 0 else float(contracts * size)


def parse_positions(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"cftc_contract_market_code": "133741", "open_interest_all": "20773", …}]``

    One report for each venue, coin and Tuesday. Contracts of different sizes never meet: each row becomes
    coins, which are added. The change comes from each row, so a row that is missing is no fall.
    """
    meant: dict[tuple[Venue, Asset, datetime], dict[str, _Told]] = defaultdict(dict)
    unknown: list[str] = []
    unreadable: list[str] = []
    lost: set[tuple[Venue, Asset]] = set()
    for row in decode(_ROWS, body, _told_refusal):
        try:
            market = _market(row)
            if market is None:
                unknown.append(_market_name(row))
            elif (one := _told_by(row, market, lost)) is None:
                unknown.append(f"{market.name}, with options")
            elif meant[market.venue, market.asset, one.day].setdefault(market.code, one) != one:
                lost.add((market.venue, market.asset))
                unreadable.append(f"{market.name}: told twice at {one.day:%Y-%m-%d}, differently")
        except SourceChanged as fault:
            unreadable.append(str(fault))
    for (venue, asset, day), parts in list(meant.items()):
        first = next(m for m in MARKETS if (m.venue, m.asset) == (venue, asset) and m.since <= day.date())
        if (venue, asset) in lost or first.code not in parts:  # the rest alone would look like a fall
            unreadable.append(f"{first.name}: left out at {day:%Y-%m-%d}, where a part of it is missing")
            del meant[venue, asset, day]
    if unreadable and not meant:
        raise SourceChanged(unreadable[0])
    reports = [_report(key, list(parts.values()), now) for key, parts in sorted(meant.items())]
    return Answer(reports, unknown, unreadable)


def _told_by(row: Row, market: _Market, lost: set[tuple[Venue, Asset]]) -> _Told | None:
    """``None`` for a row that is not meant; one that cannot be read is ``lost`` with its sum."""
    try:
        return _read(row, market)
    except SourceChanged:
        lost.add((market.venue, market.asset))
        raise


def _market_name(row: Row) -> str:
    """Its code where it has no name, so that no row is dropped in silence."""
    name = _text(row, "market_and_exchange_names").upper()
    return name or _text(row, "cftc_contract_market_code") or "a row that names no market"


def _report(key: tuple[Venue, Asset, datetime], parts: Sequence[_Told], now: datetime) -> Report:
    venue, asset, day = key
    coins = sum(part.coins for part in parts)
    change = _sum(part.change for part in parts)
    return Report(
        venue,
        asset,
        coins,
        day,
        now,
        previous_coins=None if change is None else coins - change,
        previous_as_of=None if change is None else _week_before(day),
        kind=ReportKind.WEEKLY,
        source=VENUE,
        holdings=tuple(
            Holding(holder, *(_sum(part.holdings[holder][side] for part in parts) for side in (0, 1)))
            for holder in Holder
        ),
    )


def _week_before(day: datetime) -> datetime:
    local = day.astimezone(NEW_YORK)
    return datetime.combine(local.date() - WEEK, CLOSE, NEW_YORK).astimezone(UTC)


def _sum(values: Iterable[float | None]) -> float | None:
    """Unknown as soon as one part is."""
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _told_refusal(body: bytes) -> SourceError | None:
    """``{"error": true, "message": "…"}``: Socrata's answer to a question it does not take."""
    said = peek(_REFUSED, body)
    return SourceChanged(f"refuses: {said.message:.80}", evidence=evidence(body)) if said else None


def _asked(_: Book) -> Sequence[Request]:
    codes = ",".join(f"'{market.code}'" for market in MARKETS)
    return [
        Request(
            "/resource/gpe5-46if.json",
            {
                "$where": f"cftc_contract_market_code in({codes})",
                "$order": "report_date_as_yyyy_mm_dd DESC",
                "$limit": str(4 * len(MARKETS)),
            },
        )
    ]


EXCHANGE = Exchange(
    venue=VENUE,
    title="CFTC",
    group=Group.REPORT,
    base_url="https://publicreporting.cftc.gov",
    book=BookPoll(HOUR, list, lambda _: Listing()),
    polls=(
        Poll(
            "positions",
            24 * HOUR,
            _asked,
            parse_positions,
            # After 15:30 in New York, summer and winter, and the morning after. Each day: one small question
            # that also finds the report which a holiday put off.
            at=(time(20, 40), time(13, 20)),
        ),
    ),
    budget=Budget(10, MINUTE),
    facts=FACTS,
    read_refusal=refusal,
    counted="one-sided; holders without spreads",
)
