"""Aster: a decentralised exchange that speaks Binance USD-M's wire format. One question per symbol.

What differs is here: the addresses, no past, and shares and metals that are told by tags alone.
"""

from __future__ import annotations

from bot.domain.market import Group, Venue
from bot.exchanges.binance_socket import forced
from bot.exchanges.binance_terms import terms
from bot.exchanges.binance_usdm import listing, parse_open_interest, polls
from bot.exchanges.reading import refusal
from bot.exchanges.spec import HOUR, MINUTE, BookPoll, Budget, Exchange, Request, facts

VENUE = Venue("aster")
FACTS = facts(
    """
    /fapi/v1/openInterest | openInterest | base coin | six public projects; no library | [2]
    /fapi/v1/openInterest | openInterest | one side; the venue's own page shows both | its users' notes | [1]
    /fapi/v1/exchangeInfo | TEST… | not coins: contracts to try things out with | its users' notes | [1]
    /fapi/v1/premiumIndex | markPrice | USDT per base coin | documentation | [2]
    /fapi/v1/premiumIndex | lastFundingRate | fraction per interval | as on Binance | [1]
    /fapi/v1/fundingInfo | fundingIntervalHours | hours of those it lists; else 8 | documentation | [?]
    /fapi/v1/ticker/24hr | volume | base coin | documentation | [1]
    /fapi/v1/exchangeInfo | underlyingSubType, symbolType | STOCK, ETF, Commodities, 1: left out | probe | [1]
    /fapi/v1/exchangeInfo | underlyingType | COIN on every row, shares too: says nothing | probe | [1]
    past | — | no openInterestHist | not found | [?]
    !forceOrder@arr | S | side of the order | SELL closed a long, as on Binance | [2]
    !forceOrder@arr | z × ap | base coin × USDT | as on Binance: a floor | [2]
    wss://fstream.asterdex.com | 24 h | a line is closed after | documentation | [1]
    HTTP | limit | 2,400 a minute | documentation | [1]
    """
)

EXCHANGE = Exchange(
    venue=VENUE,
    title="Aster",
    group=Group.DEX,
    base_url="https://fapi.asterdex.com",
    book=BookPoll(HOUR, lambda: [Request("/fapi/v1/exchangeInfo")], listing(VENUE), terms("/fapi/v1")),
    polls=polls("/fapi/v1", parse_open_interest),
    budget=Budget(2400, MINUTE),
    facts=FACTS,
    read_refusal=refusal,
    doubts=("funding of contracts that its list of intervals leaves out is taken for one of 8 hours",),
    sockets=(forced("wss://fstream.asterdex.com/ws/!forceOrder@arr"),),
)
