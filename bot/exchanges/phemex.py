"""Phemex: linear perpetuals in coins, and older ones in contracts, each kind in one answer.

Stamps are nanoseconds. Linear prices are decimals; older ones are whole numbers, scaled by a power of ten
that the list of products tells: inverse where settled in coins, linear where settled in dollars.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from msgspec import field

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Venue, Volume
from bot.domain.units import Amount, ContractSize, Unit
from bot.errors import SourceChanged, SourceError
from bot.exchanges.listed import read_book
from bot.exchanges.reading import (
    DOLLARS,
    NOT_COINS,
    OneOrMore,
    code_refusal,
    coin,
    decode,
    evidence,
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
    Listing,
    Poll,
    Request,
    facts,
    from_ms,
    optional,
    quoted,
    required,
)

VENUE = Venue("phemex")
FACTS = facts(
    """
    /md/v2/ticker/24hr/all | openInterestRv | base coin | documentation, client libraries | [2]
    /md/v2/ticker/24hr/all | markPriceRp | quote per base coin | documentation | [2]
    /md/v3/ticker/24hr/all | markRp | the same; never asked | two client programs | [1]
    /md/v2/ticker/24hr/all | fundingRateRr | fraction per fundingInterval | client library | [1]
    /public/products | fundingInterval | seconds, 8, "8 hours"; untold: 8 h assumed | documentation | [?]
    /md/v2/ticker/24hr/all | volumeRq | base coin | client library | [2]
    /v1/md/ticker/24hr/all | openInterest | contracts | client library | [1]
    /v1/md/ticker/24hr/all | markEp | USD × 10⁴ per base coin | client library | [1]
    /v1/md/ticker/24hr/all | fundingRateEr | fraction × 10⁸ per 8 h | client library | [1]
    /v1/md/ticker/24hr/all | volume | contracts | client library | [1]
    both tickers | timestamp | ns | documentation | [2]
    /public/products products | contractSize, settled in coins | USD ("1 USD", 1.0) | client library | [2]
    /public/products products | contractSize, settled in USD | coins ("5 XRP", 5.0) | documentation | [1]
    /public/products products | priceScale, ratioScale | other than 4 and 8: left out | client library | [1]
    /public/products perpProductsV2 | status | Listed | documentation | [2]
    /public/products | shares, metals, oil | left out by name: no class is told | one adapter | [?]
    liquidations | — | no public feed | documentation | [1]
    HTTP | limit | 5,000 in 5 minutes; 100 a minute for what is asked here | documentation | [1]
    """
)

LINEAR = ("md/v2/ticker/24hr", "md/v3/ticker/24hr", "md/v3/ticker/24hr/all")
SCALED = ("v1/md/ticker/24hr", "md/v1/ticker/24hr", "md/v1/ticker/24hr/all")
PRICE_SCALE, RATIO_SCALE = 4, 8
THROTTLED = {"11055": MINUTE, "30018": MINUTE}
_OTHERS = """
    AAPL AMD AMZN AVGO BABA COIN CRCL GOLD GOOGL HOOD INTC META MSFT MSTR MU NAS100 NFLX NVDA ORCL PLTR QQQ
    QQQX SILVER SNDK SP500 SPX500 SPY SPYX TSLA TSM UKOIL US100 US30 US500 USOIL XBR XCU XNG XTI
"""
TRADFI = NOT_COINS | frozenset(_OTHERS.split())
"""Shares, metals and oil, which the list of products does not tell from coins."""
HOURS_A_DAY = 24


class _Product(msgspec.Struct, rename="camel"):
    symbol: str
    type: str = ""
    status: str = ""
    base_currency: str = ""
    quote_currency: str = ""
    settle_currency: str = ""
    settlement_currency: str = ""
    """As an older list calls it."""
    contract_underlying_assets: str = ""
    contract_size: str | float | None = None
    price_scale: int | None = None
    ratio_scale: int | None = None
    funding_interval: int | str | None = None


class _Products(msgspec.Struct):
    products: list[_Product] = []
    linear: list[_Product] = field(name="perpProductsV2", default=[])


class _Listing(msgspec.Struct):
    data: _Products


class _Ticker(msgspec.Struct, rename="camel"):
    symbol: str
    timestamp: int | str | None = None
    open_interest_rv: Figure | None = None
    mark_price_rp: Figure | None = None
    mark_rp: Figure | None = None
    """As the third API calls it."""
    funding_rate_rr: Figure | None = None
    volume_rq: Figure | None = None
    # Of older contracts, in whole numbers:
    open_interest: int | None = None
    mark_ep: int | None = None
    mark_price_ep: int | None = None
    funding_rate_er: int | None = None
    volume: int | None = None


class _Page(msgspec.Struct):
    result: OneOrMore[_Ticker]


class _Error(msgspec.Struct):
    code: int
    message: str = ""


class _Refused(msgspec.Struct):
    error: _Error | None = None
    code: int = 0
    msg: str = ""


_LISTING = msgspec.json.Decoder(_Listing)
_TICKERS = msgspec.json.Decoder(_Page)
_REFUSED = msgspec.json.Decoder(_Refused)


def _told(body: bytes) -> SourceError | None:
    """Prices refuse as ``{"error": {"code", "message"}}``, the list as ``{"code", "msg"}``."""
    said = peek(_REFUSED, body)
    if said is None or (said.error is None and said.code == 0):
        return None
    code, why = (said.code, said.msg) if said.error is None else (said.error.code, said.error.message)
    return code_refusal(code, why, body, throttled=THROTTLED)


def parse_book(body: bytes) -> Listing:
    """``{"data": {"products": [{"symbol": "BTCUSD", …}], "perpProductsV2": [{"symbol": "BTCUSDT", …}]}}``"""
    data = decode(_LISTING, body, _told).data
    rows = [(row, _linear) for row in data.linear] + [(row, _scaled) for row in data.products]
    if not rows:
        raise SourceChanged("a list without a product", evidence=evidence(body))
    return read_book(rows, lambda row: row[1](row[0]))


def _linear(row: _Product) -> Instrument | None:
    base = row.base_currency.replace(" ", "")  # "1000 SHIB" is written so
    if row.status != "Listed" or row.quote_currency not in DOLLARS or base in TRADFI:
        return None
    asset, multiple = coin(base)
    return Instrument(
        VENUE,
        row.symbol,
        asset,
        coins_per_base=multiple,
        quote=row.quote_currency,
        funding_interval=_interval(row),
    )


def _scaled(row: _Product) -> Instrument | None:
    if row.type != "Perpetual" or row.status != "Listed" or row.quote_currency not in DOLLARS:
        return None
    settled = row.settle_currency or row.settlement_currency
    inverse = settled not in DOLLARS
    base = (settled if inverse else row.contract_underlying_assets or row.base_currency).replace(" ", "")
    if base in TRADFI:
        return None
    if (row.price_scale, row.ratio_scale) != (PRICE_SCALE, RATIO_SCALE):
        raise SourceChanged(f"{row.symbol} is scaled by {row.price_scale} and {row.ratio_scale}")
    asset, multiple = coin(base)
    return Instrument(
        VENUE,
        row.symbol,
        asset,
        inverse=inverse,
        contract=_contract(row, *((row.quote_currency, Unit.QUOTE) if inverse else (base, Unit.BASE))),
        coins_per_base=multiple,
        quote=row.quote_currency,
        funding_interval=_interval(row),
    )


def _interval(row: _Product) -> timedelta | None:
    """``28800`` seconds, ``8`` or ``"8 hours"``; ``None`` where the list does not tell it."""
    if not row.funding_interval:
        return None
    number, _, unit = str(row.funding_interval).partition(" ")
    if unit not in ("", "hour", "hours") or not number.isdecimal():
        raise SourceChanged(f"{row.symbol}: fundingInterval is {row.funding_interval!r:.40}")
    count = int(number[:6])
    interval = count * (HOUR if unit or count <= HOURS_A_DAY else SECOND)
    if not timedelta() < interval <= timedelta(days=1):
        raise SourceChanged(f"{row.symbol}: fundingInterval is {row.funding_interval!r:.40}")
    return interval


def _contract(row: _Product, name: str, unit: Unit) -> ContractSize | None:
    """``"1 USD"``, ``"0.005 ETH"``, or the number alone: what a contract is worth in ``name``."""
    if row.contract_size is None:
        return None
    number, _, told = str(row.contract_size).partition(" ")
    if told.replace(" ", "") not in ("", name):
        raise SourceChanged(f"{row.symbol}: contractSize is {row.contract_size!r:.40}, not {name}")
    return ContractSize(required(number, "contractSize"), unit)


def _at(nanoseconds: int | str | None, now: datetime) -> datetime:
    """Nanoseconds, which no float holds, as aware UTC; ours where none are told. Raises ``SourceChanged``."""
    if nanoseconds is None:
        return now
    try:
        return from_ms(int(nanoseconds) // 1_000_000)
    except ValueError:
        raise SourceChanged(f"{nanoseconds!r:.40} is not a time in nanoseconds") from None


def parse_tickers(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"result": [{"symbol": "BTCUSDT", "openInterestRv", "markPriceRp", …}]}``, or one alone.

    Older ones are ``{"symbol": "BTCUSD", "openInterest": contracts, "markEp", …}``.
    """

    def read(row: _Ticker, instrument: Instrument) -> list[Observation]:
        at = _at(row.timestamp, now)
        scaled = instrument.inverse or (row.open_interest_rv is None and row.open_interest is not None)
        return (_scaled_figures if scaled else _linear_figures)(row, instrument, at, now)

    return read_rows(rows_of(decode(_TICKERS, body, _told).result), book, read)


def _linear_figures(row: _Ticker, instrument: Instrument, at: datetime, now: datetime) -> list[Observation]:
    amount = Amount(required(row.open_interest_rv, "openInterestRv"), Unit.BASE)
    price = quoted(row.mark_price_rp or row.mark_rp, "markPriceRp")
    said: list[Observation] = [OpenInterest(instrument, amount, at, now, price)]
    if (rate := optional(row.funding_rate_rr, "fundingRateRr")) is not None:
        said.append(_funding(instrument, rate, at, now))
    if (volume := optional(row.volume_rq, "volumeRq")) is not None:
        said.append(Volume(instrument, Amount(volume, Unit.BASE), at, now))
    return said


def _scaled_figures(row: _Ticker, instrument: Instrument, at: datetime, now: datetime) -> list[Observation]:
    amount = Amount(required(row.open_interest, "openInterest"), Unit.CONTRACTS)
    mark = row.mark_ep or row.mark_price_ep
    price = _fraction(mark, PRICE_SCALE, "markEp") if mark else None
    said: list[Observation] = [OpenInterest(instrument, amount, at, now, price)]
    if row.funding_rate_er is not None:
        rate = _fraction(row.funding_rate_er, RATIO_SCALE, "fundingRateEr")
        said.append(_funding(instrument, rate, at, now))
    if row.volume is not None:
        volume = Amount(required(row.volume, "volume"), Unit.CONTRACTS)
        said.append(Volume(instrument, volume, at, now))
    return said


def _funding(instrument: Instrument, rate: Decimal, at: datetime, now: datetime) -> Funding:
    known = instrument.funding_interval
    return Funding(instrument, rate, known or 8 * HOUR, at, now, assumed=known is None)


def _fraction(raw: int, scale: int, name: str) -> Decimal:
    return required(Decimal(raw).scaleb(-scale), name)


EXCHANGE = Exchange(
    venue=VENUE,
    title="Phemex",
    group=Group.OFFSHORE,
    base_url="https://api.phemex.com",
    book=BookPoll(HOUR, lambda: [Request("/public/products")], parse_book),
    polls=(
        Poll("linear", MINUTE, lambda _: [Request("/md/v2/ticker/24hr/all")], parse_tickers, also=LINEAR),
        Poll("inverse", MINUTE, lambda _: [Request("/v1/md/ticker/24hr/all")], parse_tickers, also=SCALED),
    ),
    budget=Budget(100, MINUTE),
    facts=FACTS,
    read_refusal=refusal,
    doubts=(
        "funding of contracts whose interval its list does not tell is taken for one of 8 hours",
        "shares, metals and the like are left out by name: a new one counts until its name is known",
    ),
    unheard="the venue has no public feed of liquidations",
)
