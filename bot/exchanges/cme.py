"""CME Group: open interest at the end of a day, from the pages it makes for people.

No free interface is documented, so its pages are read: once after the evening's preliminary figures and once
after the morning's final ones. A page is understood by its headings, never by places; what it does not say
plainly is not taken. Plain programs are often refused, and then this source is off for a day.

Months of contracts are added up and compared with the row of totals. A figure is of the close of a trading
day, 16:00 in Chicago.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Group, Report, Venue
from bot.domain.units import Unit
from bot.errors import SourceBlocked, SourceChanged
from bot.exchanges.reading import evidence, peek, refusal
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
    required,
)
from bot.exchanges.tables import Table, read_page

VENUE = Venue("cme")
FACTS = facts(
    """
    …/bitcoin.volume.html | the column "at close", else "open interest" | contracts | the page | [2]
    …/ether.volume.html | as above | contracts | the same pattern | [0]
    …volume.html | the column "change" | contracts since the trading day before | the page | [1]
    …volume.html | "trade date" | a day, taken at 16:00 Chicago | the page | [1]
    …volume.html | "preliminary" or "final" beside it | without a word: preliminary | the page | [1]
    Bitcoin (BTC) | size | 5 BTC | contract specification | [2]
    Micro Bitcoin (MBT) | size | 0.1 BTC | CFTC's units | [1]
    Bitcoin Friday (BFF) | size | 0.02 BTC | contract specification | [0]
    Ether (ETH), Micro Ether (MET) | size | 50 ETH, 0.1 ETH | CFTC's units | [1]
    Solana (SOL), Micro Solana (MSL) | size | 500 SOL, 25 SOL | client libraries | [1]
    XRP, Micro XRP (MXP) | size | 50,000 XRP, 2,500 XRP | client libraries | [1]
    another product | — | named, never counted | — | [2]
    micro, Friday, SOL, XRP | — | counted where a page that is asked shows them | the page | [0]
    HTTP 403, "Access Denied" | — | blocked: off for a day | reports of others | [0]
    CmeWS/mvc/Volume/Details | atClose, change of monthData | what its script asks | client libraries | [2]
    "suspected web scraping activity" | — | blocked, also with HTTP 200 | reports of others | [1]
    hours | — | until 29 May 2026 closed on weekends | CME's announcement | [2]
    """
)

CHICAGO = ZoneInfo("America/Chicago")
CLOSE, REOPENS = time(16), time(17)
ROUND_THE_CLOCK = date(2026, 5, 29)
"""From this close on crypto futures trade through nights and weekends."""
FRIDAY = 4


@dataclass(frozen=True, slots=True)
class _Product:
    asset: Asset
    coins: Decimal


_BTC, _ETH, _SOL, _XRP = Asset("BTC"), Asset("ETH"), Asset("SOL"), Asset("XRP")
_BITCOIN, _MICRO_BITCOIN = _Product(_BTC, Decimal(5)), _Product(_BTC, Decimal("0.1"))
_BITCOIN_FRIDAY = _Product(_BTC, Decimal("0.02"))
_ETHER, _MICRO_ETHER = _Product(_ETH, Decimal(50)), _Product(_ETH, Decimal("0.1"))
PRODUCTS = {
    **dict.fromkeys(("bitcoin", "btc"), _BITCOIN),
    **dict.fromkeys(("micro bitcoin", "mbt"), _MICRO_BITCOIN),
    **dict.fromkeys(("bitcoin friday", "bff"), _BITCOIN_FRIDAY),
    **dict.fromkeys(("ether", "eth"), _ETHER),
    **dict.fromkeys(("micro ether", "met"), _MICRO_ETHER),
    **dict.fromkeys(("solana", "sol"), _Product(_SOL, Decimal(500))),
    **dict.fromkeys(("micro solana", "msl"), _Product(_SOL, Decimal(25))),
    "xrp": _Product(_XRP, Decimal(50_000)),
    **dict.fromkeys(("micro xrp", "mxp"), _Product(_XRP, Decimal(2_500))),
}
"""By the whole name or code: "Bitcoin Cash" or "Bitcoin Euro" is none of them."""

NAMES = ("product", "product name", "product code", "clearing code", "code", "symbol")
NOT_OVER = {"at close": ("change", "chg"), "open interest": ("change", "chg", "volume", "prior")}
"""A column is not meant where one of these words stands over it too: settlements tell the day before's."""
_FUTURES = re.compile(r"^(.*?)\s+futures\b", re.IGNORECASE)
_AROUND = re.compile(r"^CME (?:Group )?|\s+\(\w+\)$|\s+volume\b.*", re.IGNORECASE)
"""What may stand around a product's name: "CME Bitcoin (BTC) Futures", "Bitcoin Volume & Open Interest"."""
_TRADE_DATE = re.compile(r"(?:trade|business)\s+date\W{0,5}(.{0,60})", re.IGNORECASE)
_DAYS = (
    (r"\b(\d{1,2})[\s-]+([a-z]{3})[a-z]*\.?,?[\s-]+(\d{4})\b", "{0} {1} {2}", "%d %b %Y"),
    (r"\b([a-z]{3})[a-z]*\.?\s+(\d{1,2}),?\s+(\d{4})\b", "{1} {0} {2}", "%d %b %Y"),
    (r"\b(\d{4})-(\d{2})-(\d{2})\b", "{0} {1} {2}", "%Y %m %d"),
    (r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b", "{0} {1} {2}", "%m %d %Y"),
    (r"\b(\d{4})(\d{2})(\d{2})\b", "{0} {1} {2}", "%Y %m %d"),
)
_STANDING = re.compile(r"\b(preliminary|final)\b", re.IGNORECASE)
_NEAR = 90
"""The word stands within so many characters of the date."""
_REFUSED = re.compile(
    r"access denied|are you a robot|captcha|unusual traffic|web scraping|just a moment"
    r"|incident id|pardon our interruption|enable javascript and cookies",
    re.IGNORECASE,
)
_NOTHING = ("", "-", "–", "—", "n/a", "unch")


class _Month(msgspec.Struct, rename="camel"):
    month: str = ""
    at_close: str = ""
    change: str = ""


class _Details(msgspec.Struct, rename="camel"):
    """What the page's own script asks for, by product, day and standing; it tells only the day."""

    trade_date: str
    month_data: list[_Month]
    totals: _Month


_DETAILS = msgspec.json.Decoder(_Details)


@dataclass(frozen=True, slots=True)
class _Told:
    product: _Product
    contracts: Decimal
    change: Decimal | None


def close_of(day: date) -> datetime:
    """The end of a trading day, in UTC."""
    return datetime.combine(day, CLOSE, CHICAGO).astimezone(UTC)


def _holds_until(day: date) -> datetime | None:
    """When trading went on after that close, in the years in which it paused."""
    if day >= ROUND_THE_CLOCK:
        return None
    pause = timedelta(days=2 if day.weekday() == FRIDAY else 0)
    return datetime.combine(day + pause, REOPENS, CHICAGO).astimezone(UTC)


def _day_before(day: date) -> date:
    """The weekday before; where that was a holiday the figure is that of the day before it."""
    return day - timedelta(days=3 if day.weekday() == 0 else 1)


def parse_volume(body: bytes, book: Book, now: datetime) -> Answer:
    """Every product's open interest, added up by coin and trading day.

    Raises ``SourceChanged`` where there is no such table, one of them cannot be read or the page ends in its
    middle, and ``SourceBlocked`` for a page that refuses.
    """
    if (details := peek(_DETAILS, body)) is not None:
        return _read_details(details, book, now)
    page = read_page(body)
    refuses = _REFUSED.search(page.text) is not None
    if not page.tables and refuses:
        raise SourceBlocked("a page that refuses this program", evidence=evidence(body))
    if not page.whole:
        raise SourceChanged("the page ends in its middle", evidence=evidence(body))
    parts: dict[tuple[Asset, date, bool], dict[_Product, _Told]] = defaultdict(dict)
    unknown: list[str] = []
    try:
        for table in page.tables:
            if _column(table, "at close", "open interest") is not None:
                day, preliminary = _trade_date(table.before, page.text)
                for told in _products(table, unknown):
                    _once(parts[told.product.asset, day, preliminary], told)
    except SourceChanged as fault:  # a sum without one of its tables would look like a fall
        fault.evidence = fault.evidence or evidence(body)
        raise
    if not parts and not unknown:
        if refuses:
            raise SourceBlocked("a page that refuses this program", evidence=evidence(body))
        raise SourceChanged("no table of open interest", evidence=evidence(body))
    reports = [_report(*key, list(told.values()), now) for key, told in parts.items() if told]
    return Answer(reports, unknown)


def _read_details(details: _Details, book: Book, now: datetime) -> Answer:
    """``{"tradeDate": "20251010", "monthData": [{"month": "OCT 25", "atClose": "18,000", …}], "totals": …}``

    Kept by hand, since it is asked for by day; of which product it is only the book can say.
    """
    known = next(iter(book.values())) if len(book) == 1 else None
    if known is None or known.contract is None or known.contract.unit is not Unit.BASE:
        raise SourceChanged("figures without the name of their product: --instrument BTC,BTC,linear,5,coin")
    day, preliminary = _trade_date(f"Trade date {details.trade_date}")
    rows = [(one.month, one.at_close, one.change) for one in details.month_data]
    rows.append(("Total", details.totals.at_close, details.totals.change))
    table = Table((), "", ("month", "at close", "change"), rows)
    told = _months(table, _Product(known.asset, known.contract.value))
    return Answer([_report(known.asset, day, preliminary, [told], now)])


def _once(known: dict[_Product, _Told], told: _Told) -> None:
    """A page may show the same table twice, for wide and for narrow screens."""
    if known.setdefault(told.product, told) != told:
        raise SourceChanged(
            f"{told.product.coins} {told.product.asset} contracts are told twice, differently"
        )


def _report(asset: Asset, day: date, preliminary: bool, told: Sequence[_Told], now: datetime) -> Report:
    coins = sum((one.contracts * one.product.coins for one in told), Decimal(0))
    changes = [one.change * one.product.coins for one in told if one.change is not None]
    known = len(changes) == len(told)
    return Report(
        VENUE,
        asset,
        float(coins),
        close_of(day),
        now,
        previous_coins=float(coins - sum(changes)) if known else None,
        previous_as_of=close_of(_day_before(day)) if known else None,
        preliminary=preliminary,
        holds_until=_holds_until(day),
    )


def _products(table: Table, unknown: list[str]) -> Iterator[_Told]:
    """What a table tells: a row for each product, or the months of the product that stands above it."""
    named = next((n for n, words in enumerate(table.columns) if words in NAMES), None)
    if named is None:
        name, product = _above(table)
        if product is None:
            unknown.append(name)
        else:
            yield _months(table, product)
        return
    for row in table.rows:
        name = row[named] if named < len(row) else ""
        if not name or name.lower().startswith("total"):
            continue
        product = None if "options" in map(str.lower, row) else _product(name)
        if product is None:
            unknown.append(name)
            continue
        contracts, change = _figures(table, row)
        if contracts is not None:
            yield _Told(product, contracts, change)


def _above(table: Table) -> tuple[str, _Product | None]:
    """The product of the nearest heading that names futures, or that is a product's name itself."""
    for heading in table.headings:
        if (product := _product(heading)) is not None:
            return heading, product
        if _FUTURES.search(heading) or "option" in heading.lower():
            return heading, None
    raise SourceChanged("a table of open interest without the name of a product")


def _product(name: str) -> _Product | None:
    futures = _FUTURES.search(name)
    if futures is None and "option" in name.lower():
        return None
    plain = _AROUND.sub("", futures[1] if futures else name)
    return PRODUCTS.get(" ".join(plain.lower().split()))


def _months(table: Table, product: _Product) -> _Told:
    """The sum over months, which must be what the row of totals says."""
    months: list[tuple[Decimal | None, Decimal | None]] = []
    total: Decimal | None = None
    for row in table.rows:
        figures = _figures(table, row)
        if row and row[0].lower().startswith("total"):
            total = figures[0]
        elif figures[0] is not None:
            months.append(figures)
    if not months:
        raise SourceChanged("a table of open interest without a figure")
    contracts = sum((told for told, _ in months if told is not None), Decimal(0))
    if total is not None and total != contracts:
        raise SourceChanged(f"the months add up to {contracts}, not to {total}")
    changes = [change for _, change in months if change is not None]
    return _Told(product, contracts, sum(changes, Decimal(0)) if len(changes) == len(months) else None)


def _figures(table: Table, row: Sequence[str]) -> tuple[Decimal | None, Decimal | None]:
    amount, change = _column(table, "at close", "open interest"), _column(table, "change", "chg")

    def at(place: int | None) -> str:
        return row[place] if place is not None and place < len(row) else ""

    contracts = _number(at(amount), "open interest")
    if contracts is not None and contracts < 0:
        raise SourceChanged(f"an open interest of {contracts}")
    moved = at(change).lower()
    return contracts, Decimal(0) if moved in ("-", "unch") else _number(moved, "change")


def _column(table: Table, *names: str) -> int | None:
    """The column with one of these words over it, the first word that any has.

    Raises ``SourceChanged`` where two have it: then nobody can say which is meant.
    """
    for name in names:
        found = [
            place
            for place, words in enumerate(table.columns)
            if name in words and not any(other in words for other in NOT_OVER.get(name, ()))
        ]
        if len(found) > 1:
            raise SourceChanged(f"two columns of {name}")
        if found:
            return found[0]
    return None


def _number(text: str, name: str) -> Decimal | None:
    """``29,018``, ``+12``, ``-40``, ``(40)``; ``None`` where a dash or nothing stands."""
    plain = text.replace(",", "").replace("\N{MINUS SIGN}", "-").strip().lower()
    if plain in _NOTHING:
        return None
    if plain.startswith("(") and plain.endswith(")"):
        plain = f"-{plain[1:-1]}"
    return required(plain, name)


def _trade_date(*texts: str) -> tuple[date, bool]:
    """The day nearest above the table (else on the page), and whether its figures are preliminary."""
    for text in texts:
        for said in reversed(list(_TRADE_DATE.finditer(text))):
            for shape, order, form in _DAYS:
                if (found := re.search(shape, said[1], re.IGNORECASE)) is None:
                    continue
                try:
                    day = datetime.strptime(order.format(*found.groups()), form).date()  # noqa: DTZ007
                except ValueError:
                    continue
                if 2017 <= day.year < 2100:
                    near = text[max(0, said.start() - _NEAR) : said.start(1) + found.end() + _NEAR]
                    return day, {word.lower() for word in _STANDING.findall(near)} != {"final"}
    raise SourceChanged("a table of open interest without a trade date")


def _asked(_: Book) -> Sequence[Request]:
    return [
        Request("/markets/cryptocurrencies/bitcoin/bitcoin.volume.html"),
        Request("/markets/cryptocurrencies/ether/ether.volume.html"),
    ]


EXCHANGE = Exchange(
    venue=VENUE,
    title="CME",
    group=Group.REPORT,
    base_url="https://www.cmegroup.com",
    book=BookPoll(HOUR, list, lambda _: Listing()),
    # Evening in Chicago (preliminary) and late morning (final), summer and winter.
    polls=(Poll("volume", 24 * HOUR, _asked, parse_volume, at=(time(3, 10), time(17, 10))),),
    budget=Budget(2, MINUTE),
    facts=FACTS,
    read_refusal=refusal,
    doubts=(
        "the layout of its page could not be seen, so a figure may be refused that is right",
        "where the page fills its table by a script, as others report, no figure is read",
    ),
    counted="one-sided, in coins; without contracts that its page does not show",
    headers={"Accept": "text/html"},
)
