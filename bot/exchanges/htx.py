"""HTX: linear swaps and futures, coin-margined swaps and coin-margined futures, in three books.

A row tells the same open interest in contracts and in coins (a linear one in dollars too), so that it brings
its own price. The history's ``volume`` changes its unit with ``amount_type``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, Literal, TypeVar

import msgspec
from msgspec import field

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Venue, Volume
from bot.domain.units import Amount, ContractSize, Unit
from bot.errors import SourceChanged, SourceError
from bot.exchanges.htx_socket import amount_of, socket
from bot.exchanges.listed import read_book
from bot.exchanges.reading import (
    DOLLARS,
    NOT_COINS,
    OneOrMore,
    between,
    by_code,
    code_refusal,
    coin,
    decode,
    implied_price,
    peek,
    read_past,
    read_rows,
    rows_of,
    stamped,
    the_same,
    usual_funding,
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
    optional,
    required,
)

T = TypeVar("T")

VENUE = Venue("htx")
FACTS = facts(
    """
    …_open_interest | volume, amount | contracts, base coin | recorded answers | [2]
    …_open_interest | value (inverse: volume × contract_size) ÷ amount | price | recorded answers | [1]
    …_open_interest | volume, amount | both sides | documentation | [1]
    …_open_interest | trade_amount | base coin in 24 h | documentation | [1]
    /v5/market/open_interest | volume, amount, value | the same of one contract | recorded answer | [1]
    …_contract_info | contract_size | base coin, USD if inverse | documentation, client library | [2]
    …_contract_info | settlement_period | hours between two settlements of funding | a client program | [1]
    …_contract_info | symbol | shares, metals: known by name, no class is told | a client program | [?]
    …_contract_info | contract_status | 1 trades; 5 and 7 are its settlement | documentation | [0]
    /v5/market/funding_rate | funding_rate | fraction to next_funding_time | recorded answer | [1]
    …/swap_batch_funding_rate | next_funding_time | null: 8 h assumed of coin swaps | recorded answer | [?]
    …_elite_account_ratio | buy_ratio | of the largest accounts alone: not asked | documentation | [1]
    …_his_open_interest | volume | amount_type 1: contracts, 2: base coin | documentation | [2]
    …_his_open_interest | period | 5min is asked; its documentation begins at 60min | client programs | [?]
    …_his_open_interest | reach | the newest 200, whatever is asked | a client program | [1]
    liquidation_orders | direction | of the order: a sell closed a long | documentation, recorded event | [2]
    liquidation_orders | volume, amount | contracts, base coin | agree with trade_turnover | [2]
    liquidation_orders | price | bankruptcy price | so called in the newer answer over HTTP | [1]
    liquidation_orders | completeness | no limit is documented | documentation | [0]
    ping | ts | number or text: goes back as it came, else closed after 30 s | recorded event | [1]
    err_code, code | 1032 | throttled | documentation | [0]
    limits | 120 in 3 s | of one address; 240 for what is no coin future | documentation | [1]
    """
)

BOOKS = (
    "/linear-swap-api/v1/swap_contract_info",
    "/swap-api/v1/swap_contract_info",
    "/api/v1/contract_contract_info",
)
STEP = 5 * MINUTE
NEWEST = 200
_SHARES = """
    AAPL AMD AMZN AVGO BABA COIN CRCL GOOGL HOOD INTC MSFT MSTR NAS100 NFLX NVDA ORCL PLTR QQQ SNDK SP500
    SPX500 SPY TSLA TSM UKOIL US100 US30 US500 USOIL XBR XCU XNG XTI
"""
TRADFI = NOT_COINS | frozenset(_SHARES.split())
TRADING = (1, 5, 7)  # listed, in settlement, settled
THROTTLED = {"1032": 5 * SECOND}
BUSY = frozenset({"1000", "1001", "500"})  # system exception, not ready; the newer answer's own error


class _Listed(msgspec.Struct):
    symbol: str = field(name="contract_code")
    base: str = field(name="symbol")
    size: Figure = field(name="contract_size")
    status: int = field(name="contract_status")
    delivers: int | str | None = field(name="delivery_time", default=None)
    settles: Figure | None = field(name="settlement_period", default=None)


class _Held(msgspec.Struct):
    symbol: str = field(name="contract_code")
    contracts: Figure | None = field(name="volume", default=None)
    coins: Figure | None = field(name="amount", default=None)
    value: Figure | None = None
    traded: Figure | None = field(name="trade_amount", default=None)
    direction: str = ""
    side: str = ""
    """Only orders have one; what is liquidated comes in the same words as what is held."""


class _Rate(msgspec.Struct):
    symbol: str = field(name="contract_code")
    funding_rate: Figure | None = None
    funding_time: int | str | None = None
    next_funding_time: int | str | None = None


class _Point(msgspec.Struct):
    volume: Figure
    amount_type: Literal[1, 2, "1", "2"]
    at: int | str = field(name="ts")
    value: Figure | None = None


class _Past(msgspec.Struct):
    tick: list[_Point]
    symbol: str = field(name="contract_code", default="")
    """Not told of coin-margined futures."""


class _Page(msgspec.Struct, Generic[T]):
    data: T
    at: int | str | None = field(name="ts", default=None)
    status: Literal["ok"] = "ok"  # of the older answers
    code: Literal[200] = 200  # of the newer ones


class _Refused(msgspec.Struct):
    status: str = ""
    err_code: int | str | None = None
    err_msg: str | None = None
    dashed_code: int | str | None = field(name="err-code", default=None)
    dashed_msg: str | None = field(name="err-msg", default=None)
    code: int | str = 200
    message: str | None = None


_BOOKS = msgspec.json.Decoder(_Page[list[_Listed]])
_HELD = msgspec.json.Decoder(_Page[OneOrMore[_Held]])
_RATES = msgspec.json.Decoder(_Page[OneOrMore[_Rate]])
_PASTS = msgspec.json.Decoder(_Page[_Past])
_REFUSED = msgspec.json.Decoder(_Refused)


def _told(body: bytes) -> SourceError | None:
    """Errors come with HTTP 200: the older answers' in ``err_code``, the newer ones' in ``code``."""
    said = peek(_REFUSED, body)
    if said is None or (said.status != "error" and str(said.code) == "200"):
        return None
    code, message = said.code, said.message
    if said.status == "error":
        code = said.dashed_code or 0 if said.err_code is None else said.err_code
        message = said.err_msg or said.dashed_msg
    return code_refusal(code, message or "", body, throttled=THROTTLED, busy=BUSY)


def parse_book(body: bytes) -> Listing:
    """``{"data": [{"symbol": "BTC", "contract_code": "BTC-USDT", "contract_size": 0.001, …}]}``

    A contract is coins if linear, dollars if inverse; the code of a coin-margined future has no quote.
    """

    def read(row: _Listed) -> Instrument | None:
        quote = row.symbol.partition("-")[2].partition("-")[0] or "USD"
        if row.status not in TRADING or quote not in DOLLARS or row.base in TRADFI:
            return None
        asset, multiple = coin(row.base)
        inverse = quote == "USD"
        size = required(row.size, "contract_size")
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=inverse,
            contract=ContractSize(size, Unit.QUOTE if inverse else Unit.BASE) if size else None,
            expiry=from_ms(row.delivers) if row.delivers else None,
            coins_per_base=multiple,
            quote=quote,
            funding_interval=None if row.delivers else _interval(row.settles),
        )

    return read_book(decode(_BOOKS, body, _told).data, read)


def _interval(told: Figure | None) -> timedelta | None:
    """A contract is not lost for an odd one."""
    period = optional(told, "settlement_period")
    return int(period) * HOUR if period and period == int(period) and 0 < period <= 24 else None


def parse_open_interest(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"contract_code": "BTC-USD", "volume": 518018.0, "amount": 2769.67, …}], "ts"}``

    The newer answer has the one row it was asked for. A row's dollars, told or following from its contracts,
    and its coins imply its price.
    """
    page = decode(_HELD, body, _told)
    at = stamped(page.at, now)

    def read(row: _Held, instrument: Instrument) -> list[Observation]:
        if row.direction or row.side:
            raise SourceChanged("an order, not open interest")
        amount, coins = amount_of(instrument, row.contracts, row.coins), optional(row.coins, "amount")
        usd, size = optional(row.value, "value"), instrument.contract
        if usd is None and instrument.inverse and size is not None:
            usd = amount.value * size.value
        price = None if usd is None or coins is None else implied_price(usd, coins)
        said: list[Observation] = [OpenInterest(instrument, amount, at, now, price)]
        if (traded := optional(row.traded, "trade_amount")) is not None:
            said.append(Volume(instrument, Amount(traded, Unit.BASE), at, now))
        return said

    return read_rows(rows_of(page.data), book, read)


def parse_funding(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"code": 200, "data": {"contract_code", "funding_rate", "funding_time", "next_funding_time"}, "ts"}``

    The interval is the time between the two settlements, or the one that the list of contracts told; where
    neither is known the rate is not read, but of coin-margined swaps, which never tell the second.
    """
    page = decode(_RATES, body, _told)
    at = stamped(page.at, now)

    def read(row: _Rate, instrument: Instrument) -> list[Observation]:
        rate = optional(row.funding_rate, "funding_rate")
        if rate is None or not row.funding_time:
            return []
        if not row.next_funding_time and instrument.funding_interval is not None:
            return [Funding(instrument, rate, instrument.funding_interval, at, now)]
        if not row.next_funding_time:
            return usual_funding(instrument, rate, row.funding_time, at, now) if instrument.inverse else []
        interval = between(row.funding_time, row.next_funding_time)
        return [Funding(instrument, rate, interval, at, now)]

    return read_rows(rows_of(page.data), book, read, may_be_silent=True)


def _past(instrument: Instrument, since: datetime, until: datetime) -> Sequence[Request]:
    """The newest readings, whatever is asked for; dated contracts are named by another parameter there."""
    if instrument.expiry is not None:
        return ()
    book, counted = ("swap-api", "1") if instrument.inverse else ("linear-swap-api", "2")
    newest = {"period": "5min", "size": str(NEWEST), "amount_type": counted}
    return [Request(f"/{book}/v1/swap_his_open_interest", {"contract_code": instrument.symbol} | newest)]


def parse_history(body: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
    """``{"data": {"tick": [{"volume", "amount_type": 2, "value", "ts"}]}}``, newest first there.

    A linear row's dollars and its coins imply its price.
    """
    past = decode(_PASTS, body, _told).data
    the_same(instrument, (past.symbol,))

    def read(row: _Point) -> OpenInterest:
        unit = Unit.CONTRACTS if str(row.amount_type) == "1" else Unit.BASE
        amount, usd = Amount(required(row.volume, "volume"), unit), optional(row.value, "value")
        coins = _coins(amount, instrument.contract)
        price = None if usd is None or coins is None else implied_price(usd, coins)
        return OpenInterest(instrument, amount, from_ms(row.at), now, price)

    return read_past(past.tick, read)


def _coins(amount: Amount, size: ContractSize | None) -> Decimal | None:
    if amount.unit is Unit.BASE:
        return amount.value
    return amount.value * size.value if size is not None and size.unit is Unit.BASE else None


def _all(*paths: str) -> Callable[..., Sequence[Request]]:
    """Swaps and futures both, where one path has the two and would tell swaps alone."""
    return lambda *_: [
        Request(path, {"business_type": "all"} if path.startswith("/linear") else {}) for path in paths
    ]


def _each(path: str, of: Callable[[Instrument], bool]) -> Callable[[Book], Sequence[Request]]:
    return lambda book: [Request(path, {"contract_code": one.symbol}) for one in book.values() if of(one)]


EXCHANGE = Exchange(
    venue=VENUE,
    title="HTX",
    group=Group.OFFSHORE,
    base_url="https://api.hbdm.com",
    book=BookPoll(HOUR, _all(*BOOKS), parse_book),
    polls=(
        Poll("open-interest", MINUTE, _all("/linear-swap-api/v1/swap_open_interest"), parse_open_interest),
        Poll(
            "open-interest-v5",
            MINUTE,
            _each("/v5/market/open_interest", lambda one: not one.inverse),
            parse_open_interest,
            rotates=True,
            stands_in_for="open-interest",
        ),
        Poll(
            "coin-margined",
            MINUTE,
            _all("/swap-api/v1/swap_open_interest", "/api/v1/contract_open_interest"),
            parse_open_interest,
        ),
        Poll(
            "funding",
            5 * MINUTE,
            _each("/v5/market/funding_rate", lambda one: not one.inverse and one.expiry is None),
            parse_funding,
            rotates=True,
        ),
        Poll("funding-coin-swaps", 5 * MINUTE, _all("/swap-api/v1/swap_batch_funding_rate"), parse_funding),
    ),
    budget=Budget(120, 3 * SECOND),
    facts=FACTS,
    read_refusal=by_code(_told),
    doubts=(
        "open interest is counted on both sides, by its documentation",
        "shares, metals and the like are left out by name: a new one counts until its name is known",
        "funding of coin-margined contracts, whose interval it does not tell, is taken for one of 8 hours",
    ),
    sockets=(
        socket("linear", "linear-swap-notification", lambda one: not one.inverse),
        socket("coin-swaps", "swap-notification", lambda one: one.inverse and one.expiry is None),
        socket("coin-futures", "notification", lambda one: one.inverse and one.expiry is not None),
    ),
    history=History(STEP, NEWEST * STEP, _past, parse_history),
    counted="both sides, by its documentation",
)
