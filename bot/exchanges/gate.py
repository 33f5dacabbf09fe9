"""Gate: perpetuals settled in USDT or BTC and dated futures, each book in one answer, in contracts.

The sign of a size has two meanings: over the socket (``gate_socket``) that of the closing order, over HTTP
that of the position that was lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from msgspec import field

from bot.domain.market import (
    Funding,
    Group,
    Instrument,
    Liquidation,
    Observation,
    OpenInterest,
    PastLiquidations,
    Position,
    Venue,
    Volume,
)
from bot.domain.units import Amount, ContractSize, Unit
from bot.errors import SourceChanged, SourceError, SourceThrottled, SourceUnreachable
from bot.exchanges.gate_socket import moment, socket
from bot.exchanges.listed import read_book
from bot.exchanges.reading import (
    DOLLARS,
    account_ratio,
    code_refusal,
    coin,
    decode,
    pages,
    peek,
    read_rows,
    refusal,
    rows_of,
)
from bot.exchanges.spec import (
    HOUR,
    MINUTE,
    SECOND,
    Answer,
    Book,
    BookPoll,
    Budget,
    Exchange,
    Figure,
    History,
    Listing,
    Poll,
    Request,
    facts,
    from_ms,
    only_read,
    optional,
    quoted,
    required,
)
from bot.exchanges.sums import past_sum

VENUE = Venue("gate")
FACTS = facts(
    """
    …/tickers | total_size | contracts | documentation, client library | [2]
    …/tickers | total_size, position_size | both sides, longs alone | a data provider, client library | [?]
    …/tickers | mark_price | quote per base coin | documentation | [2]
    …/tickers | volume_24h | contracts | documentation | [1]
    …/tickers | time | none: receive time | documentation | [2]
    …/contracts | quanto_multiplier | base coin per contract | client library, recorded answers | [2]
    …/contracts | type inverse, quanto_multiplier 0 | a contract is 1 USD | client library | [1]
    …/contracts | funding_rate | fraction per funding_interval seconds | recorded answer | [2]
    …/contracts | long_users ÷ short_users | accounts long per account short | recorded answers | [1]
    …/contracts | status | trading, or stopped for a moment (circuit_breaker) | documentation | [1]
    /futures/usd1/… | — | settled in USD1 since August 2026: not asked for | documentation | [1]
    …/contracts | contract_type, is_pre_market | others than coins are left out | recorded answer | [1]
    X-Gate-Size-Decimal | sizes | decimal strings, else cut to whole contracts | documentation | [2]
    …/contract_stats | open_interest | contracts | agrees with open_interest_usd, mark_price | [2]
    …/contract_stats | open_interest_usd | dollars; not ten times open_interest | recorded answer | [2]
    …/contract_stats | time | seconds, the beginning of its 5 minutes | recorded answer, measurement | [2]
    …/contract_stats | lsr_account, lsr_taker | swapped in older documentation: not read | documentation | [?]
    …/contract_stats | long_liq_size, short_liq_size | contracts lost by each side | documentation | [1]
    …/contract_stats | long_liq_amount, short_liq_amount | base coins | documentation | [1]
    …/contract_stats | long_liq_usd_new, long_liq_usd | quote; must not contradict size | documentation | [?]
    …/contract_stats | limit, from | 2,000 at most; pages run a row or two over | one measurement | [1]
    …/contract_stats | reach | 60 days were answered | one measurement | [1]
    public_liquidates | size | sign of the closing order: negative closed a long | two client programs | [?]
    public_liquidates | price | of the closing order | documentation | [1]
    public_liquidates | completeness | each one since August 2026 | documentation | [1]
    …/liq_orders | size | sign of the position lost: negative is a short | order_price above fill_price | [1]
    …/liq_orders | order_size | contracts that were closed of it | documentation | [1]
    …/liq_orders | size | told again at each step of a closing: never asked | a data provider | [1]
    label | TOO_MANY_REQUESTS | throttled | documentation | [1]
    limits | x-gate-ratelimit-limit | 200 questions in 10 s to one address | two measurements | [2]
    """
)

BOOKS = ("futures/usdt", "futures/btc", "delivery/usdt")
CLOSE_TO_TENS = 0.03
TRADING = ("trading", "circuit_breaker")  # what a crash has stopped is held on
STEP = 5 * MINUTE
PAGE = 1000
THROTTLED = {"TOO_MANY_REQUESTS": 10 * SECOND}
BUSY = frozenset({"INTERNAL", "SERVER_ERROR", "TOO_BUSY"})


class _Listed(msgspec.Struct):
    symbol: str = field(name="name")
    type: str
    size: Figure | None = field(name="quanto_multiplier", default=None)
    in_delisting: bool = False
    status: str = "trading"
    """Not told of dated contracts."""
    contract_type: str = ""
    is_pre_market: bool = False
    expire_time: int | float | None = None
    funding_rate: str | None = None
    funding_interval: int | None = None
    long_users: Figure | None = None
    short_users: Figure | None = None


class _Ticker(msgspec.Struct):
    symbol: str = field(name="contract")
    contracts: Figure | None = field(name="total_size", default=None)
    mark_price: Figure | None = None
    volume_24h: Figure | None = None


class _Past(msgspec.Struct):
    time: int | str
    contracts: Figure = field(name="open_interest")
    usd: Figure | None = field(name="open_interest_usd", default=None)
    mark_price: Figure | None = None
    long_contracts: Figure | None = field(name="long_liq_size", default=None)
    long_amount: Figure | None = field(name="long_liq_amount", default=None)
    long_usd: Figure | None = field(name="long_liq_usd", default=None)
    long_marked_usd: Figure | None = field(name="long_liq_usd_new", default=None)
    short_contracts: Figure | None = field(name="short_liq_size", default=None)
    short_amount: Figure | None = field(name="short_liq_amount", default=None)
    short_usd: Figure | None = field(name="short_liq_usd", default=None)
    short_marked_usd: Figure | None = field(name="short_liq_usd_new", default=None)


class _Lost(msgspec.Struct):
    symbol: str = field(name="contract")
    size: Figure
    ordered: Figure | None = field(name="order_size", default=None)
    price: Figure | None = field(name="fill_price", default=None)
    time: Figure | None = None


class _Refused(msgspec.Struct):
    label: str
    message: str = ""


_BOOKS = msgspec.json.Decoder(list[_Listed] | _Listed)
_TICKERS = msgspec.json.Decoder(list[_Ticker] | _Ticker)
_PASTS = msgspec.json.Decoder(list[_Past] | _Past)
_LOST = msgspec.json.Decoder(list[_Lost] | _Lost)
_REFUSED = msgspec.json.Decoder(_Refused)


def _told(body: bytes) -> SourceError | None:
    said = peek(_REFUSED, body)
    if said is None:
        return None
    return code_refusal(said.label, said.message, body, throttled=THROTTLED, busy=BUSY)


def read_refusal(status: int, body: bytes) -> SourceError:
    """A label that asks for patience says more than the status."""
    told = _told(body)
    return told if isinstance(told, SourceThrottled | SourceUnreachable) else refusal(status, body)


def parse_book(body: bytes) -> Listing:
    """``[{"name": "BTC_USDT", "type": "direct", "quanto_multiplier": "0.0001", "contract_type": "", …}]``

    Dollars are the quote of a direct contract and the size of an inverse one; a direct contract quoted in
    USD but settled in BTC is a quanto, whose coins cannot be counted.
    """

    rows = rows_of(decode(_BOOKS, body, _told))

    def read(row: _Listed) -> Instrument | None:
        base, _, rest = row.symbol.partition("_")
        quote = rest.partition("_")[0]
        inverse = row.type == "inverse"
        trades = row.status in TRADING and not (row.in_delisting or row.is_pre_market)
        if not trades or row.contract_type not in ("", "crypto") or row.type not in ("direct", "inverse"):
            return None
        if quote not in DOLLARS or inverse is not (quote == "USD"):
            return None
        asset, multiple = coin(base)
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=inverse,
            contract=_size(row.size, inverse=inverse),
            expiry=from_ms(int(row.expire_time * 1000)) if row.expire_time else None,
            coins_per_base=multiple,
            quote=quote,
        )

    return read_book(rows, read)


def _size(written: Figure | None, *, inverse: bool) -> ContractSize | None:
    """Zero is how a contract of one dollar is written; of a linear one it says that the size is unknown."""
    value = optional(written, "quanto_multiplier")
    if inverse and value is not None:
        return ContractSize(value or Decimal(1), Unit.QUOTE)
    return ContractSize(value, Unit.BASE) if value else None


def parse_tickers(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"contract": "BTC_USDT", "total_size": "32323904", "mark_price", "volume_24h"}]``: contracts."""
    rows = rows_of(decode(_TICKERS, body, _told))

    def read(row: _Ticker, instrument: Instrument) -> list[Observation]:
        amount = Amount(required(row.contracts, "total_size"), Unit.CONTRACTS)
        price = quoted(row.mark_price, "mark_price")
        said: list[Observation] = [OpenInterest(instrument, amount, now, now, price)]
        if (volume := optional(row.volume_24h, "volume_24h")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.CONTRACTS), now, now))
        return said

    return read_rows(rows, book, read)


def parse_funding(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"name": "BTC_USDT", "funding_rate": "0.0001", "funding_interval": 28800, "long_users": 191, …}]``

    A contract that nobody is long or nobody short tells no ratio of accounts.
    """
    rows = rows_of(decode(_BOOKS, body, _told))

    def read(row: _Listed, instrument: Instrument) -> list[Observation]:
        said: list[Observation] = []
        longs, shorts = optional(row.long_users, "long_users"), optional(row.short_users, "short_users")
        if longs and shorts:
            said.append(account_ratio(instrument, longs / shorts, now, now))
        rate = optional(row.funding_rate, "funding_rate")
        if rate is None or row.funding_interval is None:
            return said
        if not 0 < row.funding_interval <= 7 * 86_400:
            raise SourceChanged(f"funding_interval is {row.funding_interval}, not a time in seconds")
        return [Funding(instrument, rate, timedelta(seconds=row.funding_interval), now, now), *said]

    return read_rows(rows, book, read, may_be_silent=True)


def _past(instrument: Instrument, since: datetime, until: datetime) -> Sequence[Request]:
    """Pages go forward from ``from``; none are kept of dated contracts."""
    if instrument.expiry is not None:
        return ()
    settled = "btc" if instrument.inverse else "usdt"
    path = f"/api/v4/futures/{settled}/contract_stats"
    asked = {"contract": instrument.symbol, "interval": "5m", "limit": str(PAGE)}
    firsts = [first for first, _ in pages(since, until, STEP, PAGE)]
    return [Request(path, asked | {"from": str(-(-first // 1000))}) for first in firsts]


def parse_history(body: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
    """``[{"time": 1674057000, "open_interest": "2851725", "open_interest_usd", "mark_price", …}]``: seconds,
    contracts, dollars. Contracts that make up ten times their dollars, say, are of another size than the book
    told: then nothing of it is believed.
    """
    points = []
    for row in rows_of(decode(_PASTS, body, _told)):
        price = quoted(row.mark_price, "mark_price")
        points.append(OpenInterest(instrument, _held(row, instrument, price), moment(row.time), now, price))
    return sorted(points, key=lambda point: point.at)


def _held(row: _Past, instrument: Instrument, price: Decimal | None) -> Amount:
    """Contracts; or, where their size is not known, the coins that follow from their dollars.

    Raises ``SourceChanged`` where contracts and dollars are a power of ten apart: so sizes are changed.
    """
    contracts, usd = required(row.contracts, "open_interest"), optional(row.usd, "open_interest_usd")
    size = instrument.contract
    if not usd or not price or instrument.inverse or min(usd, price, contracts) <= 0:
        return Amount(contracts, Unit.CONTRACTS)
    if size is None:
        return Amount(usd / price, Unit.BASE)
    tens = math.log10(contracts * size.value * price / usd)
    if round(tens) and abs(tens - round(tens)) < CLOSE_TO_TENS:
        raise SourceChanged(f"{contracts} contracts of {size.value} at {price} are told as {usd} dollars")
    return Amount(contracts, Unit.CONTRACTS)


def parse_liquidated(body: bytes, instrument: Instrument) -> Sequence[PastLiquidations]:
    """``[{"time": 1674057000, "long_liq_size": "12", "long_liq_amount": 0.0012, "long_liq_usd": 97.4, …}]``:
    contracts, base coins, dollars. A side of which a row tells nothing is left out: unknown, never zero.
    """
    sums = []
    for row in rows_of(decode(_PASTS, body, _told)):
        when, price = (moment(row.time), STEP), quoted(row.mark_price, "mark_price")
        longs = (row.long_contracts, row.long_amount, row.long_marked_usd, row.long_usd)
        shorts = (row.short_contracts, row.short_amount, row.short_marked_usd, row.short_usd)
        sums.append(past_sum(instrument, Position.LONG, when, price, *longs))
        sums.append(past_sum(instrument, Position.SHORT, when, price, *shorts))
    return sorted((one for one in sums if one is not None), key=lambda one: (one.at, one.position))


def parse_lost(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"contract": "BTC_USDT", "size": -165, "fill_price": "28070", "time": 1696736132}]``: positions.

    ``order_size``, where it is told, is the part that was closed.
    """
    rows = rows_of(decode(_LOST, body, _told))

    def read(row: _Lost, instrument: Instrument) -> list[Observation]:
        size, price = required(row.size, "size"), required(row.price, "fill_price")
        lost = Position.LONG if size > 0 else Position.SHORT
        amount = Amount(abs(optional(row.ordered, "order_size") or size), Unit.CONTRACTS)
        return [Liquidation(instrument, lost, amount, price, moment(row.time), now)]

    return read_rows(rows, book, read)


def _from_each(what: str, books: Sequence[str] = BOOKS) -> Callable[..., Sequence[Request]]:
    return lambda *_: [Request(f"/api/v4/{book}/{what}") for book in books]


EXCHANGE = Exchange(
    venue=VENUE,
    title="Gate",
    group=Group.OFFSHORE,
    base_url="https://api.gateio.ws",
    book=BookPoll(HOUR, _from_each("contracts"), parse_book),
    polls=(
        Poll("tickers", MINUTE, _from_each("tickers"), parse_tickers),
        Poll("funding", 5 * MINUTE, _from_each("contracts", BOOKS[:2]), parse_funding),
    ),
    budget=Budget(200, 10 * SECOND),
    facts=FACTS,
    read_refusal=read_refusal,
    doubts=("open interest is probably counted on both sides", "sides of liquidations are little proven"),
    sockets=(
        socket("usdt", lambda one: one.expiry is None and not one.inverse),
        socket("btc", lambda one: one.expiry is None and one.inverse),
    ),
    history=History(STEP, timedelta(days=30), _past, parse_history, parse_liquidated),
    counted="probably both sides",
    headers={"X-Gate-Size-Decimal": "1"},
    unasked=(only_read("liq-orders", "/api/v4/futures/usdt/liq_orders", parse_lost),),
)
