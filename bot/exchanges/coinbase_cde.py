"""Coinbase Derivatives (CDE): regulated futures in contracts of a size that each row tells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import field

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Venue, Volume
from bot.domain.units import Amount, ContractSize, Unit
from bot.errors import SourceChanged, SourceError
from bot.exchanges.listed import read_book
from bot.exchanges.reading import DOLLARS, coin, decode, evidence, moment, peek, read_rows, refusal
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
    optional,
    quoted,
    required,
)

VENUE = Venue("coinbase_cde")
FACTS = facts(
    """
    …/market/products | open_interest | contracts | recorded answer, client libraries | [2]
    …/market/products | contract_size | base coins per contract | recorded answer | [2]
    …/market/products | index_price, else price | USD per base coin | no mark price | [2]
    …/market/products | funding_rate | fraction per funding_interval | recorded answer | [1]
    …/market/products | volume_24h | contracts | agrees with approximate_quote_24h_volume | [1]
    …/market/products | funding_interval | told for perpetuals | recorded answer | [1]
    …/market/products | venue, non_crypto, futures_asset_type | others are left out | recorded answer | [2]
    …/market/products | time | none: receive time | recorded answer | [1]
    liquidations | — | no public feed | documentation | [1]
    …/market/products | how often it changes | unknown | — | [?]
    """
)

ASK = Request("/api/v3/brokerage/market/products", {"product_type": "FUTURE"})
CRYPTO = "FUTURES_ASSET_TYPE_CRYPTO"
UNTOLD = ("", "UNKNOWN_FUTURES_ASSET_TYPE")  # then non_crypto alone tells


class _Details(msgspec.Struct):
    """Present on every product; its fields are empty on those that are no futures."""

    venue: str = ""
    non_crypto: bool | None = None
    kind: str = field(name="futures_asset_type", default="")
    contract_root_unit: str = ""
    contract_size: Figure = ""
    contract_expiry: str | None = None
    open_interest: Figure | None = None
    index_price: Figure | None = None
    funding_rate: Figure | None = None
    funding_interval: str | None = None
    """Told for contracts that are perpetual in all but name: "3600s"."""


class _Product(msgspec.Struct):
    symbol: str = field(name="product_id")
    price: Figure | None = None
    quote_currency_id: str = ""
    details: _Details | None = field(name="future_product_details", default=None)
    volume_24h: Figure | None = None
    is_disabled: bool = False


class _Page(msgspec.Struct):
    products: list[_Product]


class _Refused(msgspec.Struct):
    error: str
    message: str = ""


_PAGES = msgspec.json.Decoder(_Page)
_ALONE = msgspec.json.Decoder(_Product)
_REFUSED = msgspec.json.Decoder(_Refused)


def _told(body: bytes) -> SourceError | None:
    said = peek(_REFUSED, body)
    return None if said is None else SourceChanged(f"{said.error}: {said.message}", evidence=evidence(body))


def _products(body: bytes) -> Sequence[_Product]:
    """All products, or the one that was asked for."""
    if (page := peek(_PAGES, body)) is not None:
        return page.products
    alone = peek(_ALONE, body)
    return decode(_PAGES, body, _told).products if alone is None else [alone]


def _interval(text: str | None) -> timedelta | None:
    if not text:
        return None
    number = text.removesuffix("s")
    if number == text or not number.isdecimal() or len(number) > 6 or not int(number):
        raise SourceChanged(f"funding_interval is {text!r:.40}, not whole seconds")
    return timedelta(seconds=int(number))


def parse_book(body: bytes) -> Listing:
    """``{"products": [{"product_id": "BIP-20DEC30-CDE", "future_product_details": {…}}]}``

    A contract that pays funding is perpetual in all but name, however far off its expiry is written.
    """

    def read(row: _Product) -> Instrument | None:
        its = row.details
        if its is None or its.venue != "cde" or its.non_crypto or its.kind not in (*UNTOLD, CRYPTO):
            return None
        if row.is_disabled or row.quote_currency_id not in DOLLARS:
            return None
        if its.non_crypto is None and its.kind != CRYPTO:
            raise SourceChanged("whether it is a coin is not told")
        dated = _interval(its.funding_interval) is None
        if dated and not its.contract_expiry:
            raise SourceChanged("neither an expiry nor funding")
        asset, multiple = coin(its.contract_root_unit)
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            contract=ContractSize(required(its.contract_size, "contract_size"), Unit.BASE),
            expiry=moment(its.contract_expiry, "contract_expiry") if dated and its.contract_expiry else None,
            coins_per_base=multiple,
            quote=row.quote_currency_id,
        )

    return read_book(_products(body), read)


def parse_products(body: bytes, book: Book, now: datetime) -> Answer:
    """Contracts, with the index price where there is one and the last price where not.

    There is no mark price and no time stamp: ours is used.
    """

    def read(row: _Product, instrument: Instrument) -> list[Observation]:
        its = row.details or _Details()
        amount = Amount(required(its.open_interest, "open_interest"), Unit.CONTRACTS)
        price = quoted(its.index_price, "index_price") or quoted(row.price, "price")
        said: list[Observation] = [OpenInterest(instrument, amount, now, now, price)]
        rate, interval = optional(its.funding_rate, "funding_rate"), _interval(its.funding_interval)
        if rate is not None and interval is not None:
            said.append(Funding(instrument, rate, interval, now, now))
        if (volume := optional(row.volume_24h, "volume_24h")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.CONTRACTS), now, now))
        return said

    return read_rows(_products(body), book, read)


EXCHANGE = Exchange(
    venue=VENUE,
    title="Coinbase Derivatives",
    group=Group.REGULATED,
    base_url="https://api.coinbase.com",
    book=BookPoll(HOUR, lambda: [ASK], parse_book),
    polls=(Poll("products", MINUTE, lambda _: [ASK], parse_products, also=("products/{product_id}",)),),
    budget=Budget(10, SECOND),
    facts=FACTS,
    read_refusal=refusal,
    doubts=("how often its figures change is not known",),
    unheard="the exchange has no public feed of liquidations",
)
