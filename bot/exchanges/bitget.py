"""Bitget: USDT, USDC and coin-margined futures, each product in one answer, all counted in base coins.

The venue tells open interest at two kinds of address whose figures did not always agree. Only the tickers
are asked: those of the second API, or while these are silent those of the third, which say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, Literal, TypeVar

import msgspec
from msgspec import field

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Venue, Volume
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged, SourceError
from bot.exchanges.listed import read_book
from bot.exchanges.reading import (
    ACCOUNTS_EVERY,
    DOLLARS,
    OneOrMore,
    account_ratio,
    asked_for,
    by_code,
    code_refusal,
    coin,
    decode,
    evidence,
    hours,
    peek,
    read_rows,
    rows_of,
    stamped,
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

T = TypeVar("T")

VENUE = Venue("bitget")
FACTS = facts(
    """
    /api/v2/mix/market/tickers | holdingAmount | base coin, coin-margined too | recorded answers | [2]
    /api/v3/market/tickers | openInterest | base coin | documentation, recorded answer | [2]
    …/tickers | markPrice | quote per base coin | recorded answers | [2]
    …/tickers | baseVolume, volume24h | base coin | agree with quoteVolume, turnover24h | [2]
    …/tickers | fundingRate | its interval is not told: not read | recorded answers | [2]
    …/current-fund-rate | fundingRate | fraction per fundingRateInterval hours | recorded answer | [2]
    …/account-long-short | longShortAccountRatio | long per short account | documentation | [1]
    …/contracts | symbolStatus, symbolType | normal; perpetual or delivery | documentation | [2]
    …/contracts | isRwa | YES is a share or metal: left out | recorded answers | [2]
    …/contracts | isRwa | YES of BTC or coin-margined: not believed | documentation, client program | [?]
    /api/v3/market/instruments | type, symbolType, status | perpetual or delivery; crypto; online | SDK | [1]
    …/contracts | quoteCoin | USD is margined in coins (inverse) | client library | [1]
    …/open-interest | size, openInterest | never asked: 2.4 times the tickers | recorded answers of 2025 | [?]
    …/open-interest | size, openInterest | the same as the tickers | an observer in September 2026 | [?]
    liquidation, by symbol | — | acknowledged, silent while trades flowed | one test of 22 minutes | [1]
    liquidation, by product | — | the largest long and short a second, by symbol | a client program | [1]
    liquidation, /api/v3/market/liquidations | side | of the position: buy was a long | three programs | [1]
    liquidation, /api/v3/market/liquidations | amount | coins or dollars: they disagree | two programs | [?]
    code | 429 | throttled | client library | [1]
    limits | 20 in 1 s | questions of one address to one path | documentation | [1]
    limits | 1 in 1 s | questions for accounts | documentation | [1]
    """
)

A_SECOND = 20
"""What may be asked in one; of accounts a single question, so that one costs all of it."""
PRODUCTS = ("USDT-FUTURES", "USDC-FUTURES", "COIN-FUTURES")
TRADING = ("normal", "online")
KINDS = ("perpetual", "delivery")
COINS = "crypto"
SURELY_COINS = ("BTC", "ETH")
"""Its documentation says ``isRwa`` of BTCUSDT, and a client's kept answer of the coin-margined BTCUSD."""
THROTTLED = {"429": MINUTE}
BUSY = frozenset({"40015", "40200", "40308", "40604"})  # abnormal, upgrade, maintenance, busy


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str
    base_coin: str
    quote_coin: str
    symbol_type: str | None = None
    """Perpetual or delivery; in the newer list, where ``type`` says that, whether it is of a coin."""
    symbol_status: str | None = None
    delivery_time: int | str | None = None
    is_rwa: str | None = None
    type: str | None = None
    status: str | None = None
    """Of a contract that trades ``online``, in the newer list."""


class _Ticker(msgspec.Struct, rename="camel"):
    """Of both APIs: each has its own names for open interest and volume."""

    symbol: str
    holding_amount: Figure | None = None
    open_interest: Figure | None = None
    mark_price: Figure | None = None
    at: int | str | None = field(name="ts", default=None)
    base_volume: Figure | None = None
    volume24h: Figure | None = None


class _Rate(msgspec.Struct, rename="camel"):
    symbol: str
    funding_rate: Figure | None = None
    funding_rate_interval: Figure | None = None


class _Held(msgspec.Struct, rename="camel"):
    symbol: str
    size: Figure | None = None
    open_interest: Figure | None = None


class _HeldList(msgspec.Struct):
    at: int | str | None = field(name="ts", default=None)
    older: list[_Held] | None = field(name="openInterestList", default=None)
    newer: list[_Held] | None = field(name="list", default=None)


class _Accounts(msgspec.Struct):
    ratio: Figure | None = field(name="longShortAccountRatio", default=None)
    at: int | str | None = field(name="ts", default=None)


class _Page(msgspec.Struct, Generic[T]):
    code: Literal["00000"]
    data: T
    at: int | str | None = field(name="requestTime", default=None)


class _Refused(msgspec.Struct):
    code: str
    message: str | None = field(name="msg", default=None)


_BOOKS = msgspec.json.Decoder(_Page[list[_Listed]])
_TICKERS = msgspec.json.Decoder(_Page[OneOrMore[_Ticker]])
_RATES = msgspec.json.Decoder(_Page[OneOrMore[_Rate]])
_ACCOUNTS = msgspec.json.Decoder(_Page[list[_Accounts]])
_HELD = msgspec.json.Decoder(_Page[_HeldList])
_REFUSED = msgspec.json.Decoder(_Refused)


def _told(body: bytes) -> SourceError | None:
    said = peek(_REFUSED, body)
    if said is None or said.code == "00000":
        return None
    return code_refusal(said.code, said.message or "", body, throttled=THROTTLED, busy=BUSY)


def parse_book(body: bytes) -> Listing:
    """``{"data": [{"symbol": "BTCUSDT", "baseCoin", "quoteCoin", "symbolType": "perpetual", "isRwa", …}]}``

    There are no contracts: everything is counted in base coins, ``1000BONK`` in thousands.
    """

    def read(row: _Listed) -> Instrument | None:
        kind, of = (row.type, row.symbol_type) if row.type else (row.symbol_type, None)
        status = row.symbol_status or row.status
        if status not in TRADING or kind not in KINDS or (of or COINS) != COINS:
            return None
        coins = of == COINS or row.quote_coin == "USD" or row.base_coin in SURELY_COINS
        if not coins and (row.is_rwa or "").upper() == "YES":
            return None
        if row.quote_coin not in DOLLARS:
            return None
        asset, multiple = coin(row.base_coin)
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=row.quote_coin == "USD",
            expiry=None if kind == "perpetual" else from_ms(row.delivery_time or ""),
            coins_per_base=multiple,
            quote=row.quote_coin,
        )

    return read_book(decode(_BOOKS, body, _told).data, read)


def parse_tickers(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"symbol", "holdingAmount": "7452.6", "markPrice", "baseVolume", "ts"}]}``

    The newer API says ``openInterest`` and ``volume24h``. The funding rate of a row lacks its interval, so
    it is read from its own answer.
    """
    page = decode(_TICKERS, body, _told)

    def read(row: _Ticker, instrument: Instrument) -> list[Observation]:
        at = stamped(row.at or page.at, now)
        held = row.open_interest if row.holding_amount is None else row.holding_amount
        amount = Amount(required(held, "open interest"), Unit.BASE)
        price = quoted(row.mark_price, "markPrice")
        said: list[Observation] = [OpenInterest(instrument, amount, at, now, price)]
        traded = row.volume24h if row.base_volume is None else row.base_volume
        if (volume := optional(traded, "volume")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.BASE), at, now))
        return said

    return read_rows(rows_of(page.data), book, read)


def parse_funding(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"requestTime", "data": [{"symbol", "fundingRate": "-0.000013", "fundingRateInterval": "8"}]}``"""
    page = decode(_RATES, body, _told)
    at = stamped(page.at, now)

    def read(row: _Rate, instrument: Instrument) -> list[Observation]:
        rate = optional(row.funding_rate, "fundingRate")
        if rate is None or not row.funding_rate_interval:
            return []
        return [Funding(instrument, rate, hours(row.funding_rate_interval, "fundingRateInterval"), at, now)]

    return read_rows(rows_of(page.data), book, read, may_be_silent=True)


def parse_open_interest(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": {"openInterestList": [{"symbol", "size": "52234.134"}], "ts"}}``: the other count.

    The newer API says ``{"data": {"list": [{"symbol", "openInterest": "18166.3583"}], "ts"}}``.
    """
    page = decode(_HELD, body, _told)
    at = stamped(page.data.at or page.at, now)
    rows = page.data.newer if page.data.older is None else page.data.older
    if rows is None:
        raise SourceChanged("a page without a list of open interest", evidence=evidence(body))

    def read(row: _Held, instrument: Instrument) -> list[Observation]:
        held = row.open_interest if row.size is None else row.size
        return [OpenInterest(instrument, Amount(required(held, "open interest"), Unit.BASE), at, now)]

    return read_rows(rows, book, read)


def _accounts(book: Book) -> Sequence[Request]:
    return [
        Request(
            "/api/v2/mix/market/account-long-short", {"symbol": one.symbol, "period": "5m"}, weight=A_SECOND
        )
        for one in book.values()
        if one.expiry is None and one.quote == "USDT"
    ]


def parse_accounts(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"longShortAccountRatio": "1.38", "ts"}]}`` of the contract asked for: it is not named."""
    rows = decode(_ACCOUNTS, body, _told).data
    instrument = asked_for(book)
    told = [account_ratio(instrument, row.ratio, stamped(row.at, now), now) for row in rows]
    return Answer(sorted(told, key=lambda one: one.at)[-1:])


def _by_product(path: str, name: str = "productType") -> Callable[..., Sequence[Request]]:
    return lambda *_: [Request(path, {name: product}) for product in PRODUCTS]


EXCHANGE = Exchange(
    venue=VENUE,
    title="Bitget",
    group=Group.OFFSHORE,
    base_url="https://api.bitget.com",
    book=BookPoll(HOUR, _by_product("/api/v2/mix/market/contracts"), parse_book),
    polls=(
        Poll("tickers", MINUTE, _by_product("/api/v2/mix/market/tickers"), parse_tickers),
        Poll(
            "tickers-v3",
            MINUTE,
            _by_product("/api/v3/market/tickers", "category"),
            parse_tickers,
            stands_in_for="tickers",
        ),
        Poll("funding", 5 * MINUTE, _by_product("/api/v2/mix/market/current-fund-rate"), parse_funding),
        Poll("accounts", ACCOUNTS_EVERY, _accounts, parse_accounts, rotates=True),
    ),
    budget=Budget(A_SECOND, SECOND),
    facts=FACTS,
    read_refusal=by_code(_told),
    unasked=(
        only_read("open-interest", "/api/v2/mix/market/open-interest", parse_open_interest),
        only_read("open-interest-v3", "/api/v3/market/open-interest", parse_open_interest),
    ),
    doubts=("its two addresses told different open interest: only its tickers are asked",),
    unheard="its liquidation channel is unproven: silent for 22 minutes of trades, its amounts unclear",
    counted="as its tickers count; its other address was seen to say 2.4 times as much",
)
