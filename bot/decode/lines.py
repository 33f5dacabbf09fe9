"""Observations as lines: measured as they would be in a sum, with the verdict the gate gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from bot.decode.sources import Source
from bot.domain.market import (
    AccountRatio,
    Funding,
    Instrument,
    Liquidation,
    Observation,
    OpenInterest,
    PastLiquidations,
    Price,
    Report,
    Supply,
    Volume,
)
from bot.domain.units import UNKNOWN, Amount, Size, Unit, measure
from bot.domain.verdicts import VERDICT_MEANS, Verdict
from bot.errors import SourceBlocked, SourceChanged, SourceError, SourceThrottled
from bot.exchanges.spec import Exchange, Listing, Socket
from bot.feeds.contact import in_words
from bot.pipeline.court import REPORT_AHEAD
from bot.pipeline.gate import FUTURE_TOLERANCE, Gate

FRESH = timedelta(minutes=3)
"""As in a process that polls every minute: a figure counts until three polls were missed."""
EVER = timedelta(days=36500)
UNSIZED = "the size of its contracts, or what they are counted in, is not known"
NOT_LISTED = "not among the contracts that were given"
NO_BOOK = "no contracts were given: name them with --book FILE or --instrument"
NOT_COUNTED = "not one of the markets that are counted"

Line = dict[str, Any]


class Asked(dict[str, Instrument]):
    """Contracts by symbol, which remembers what was looked for and is not among them."""

    def __init__(self) -> None:
        super().__init__()
        self.missed: set[str] = set()

    def __contains__(self, symbol: object) -> bool:
        found = super().__contains__(symbol)
        if not found and isinstance(symbol, str) and symbol:
            self.missed.add(symbol)
        return found

    def get(self, symbol: str, default: Any = None) -> Any:
        return super().get(symbol, default) if symbol in self else default

    def one_of(self, named: Sequence[str], body: bytes) -> Instrument:
        """The contract a history is of: named in the question, the only one known, or named in the payload.

        Raises ``SourceChanged`` where it cannot be told.
        """
        for symbol in named:
            if symbol in self:
                return self[symbol]
        if len(self) == 1:
            return next(iter(self.values()))
        inside = [symbol for symbol in self if f'"{symbol}"'.encode() in body]
        if len(inside) == 1:
            return self[inside[0]]
        raise SourceChanged("whose history it is cannot be told: name the contract with --instrument")


def line(exchange: Exchange, kind: str, verdict: str, reason: str = "", **more: Any) -> Line:
    """Every line has these keys; unknown is null."""
    return {
        "kind": kind,
        "venue": exchange.venue,
        "symbol": None,
        "asset": None,
        "coins": None,
        "usd": None,
        "contracts": None,
        "price": None,
        "position": None,
        "exchange_at": None,
        "verdict": verdict,
        **({"reason": reason} if reason else {}),
        **more,
    }


def refused(exchange: Exchange, source: Source, fault: SourceError) -> Line:
    """A payload that cannot be read, or in which the venue says no."""
    if isinstance(fault, SourceChanged):
        return line(exchange, "unreadable", Verdict.UNREADABLE, str(fault), source=source.name)
    wait = fault.retry_after.total_seconds() if isinstance(fault, SourceThrottled) else None
    kind = {SourceThrottled: "throttled", SourceBlocked: "blocked"}.get(type(fault), "unavailable")
    return line(exchange, "refused", kind, in_words(fault), source=source.name, retry_after_s=wait)


class Told:
    """What a payload said, in order.

    Without ``now`` nothing is too old, and only the wall clock tells what lies in the future.
    """

    def __init__(self, exchange: Exchange, source: Source, now: datetime | None) -> None:
        self.exchange, self.source = exchange, source
        self.clock = now or datetime.now(UTC)
        self.book = Asked()
        self._dated = now is not None
        self._ages = now is not None and source.kind != "history"
        self._gate = Gate(FRESH if self._ages else EVER)
        self._prices: dict[str, Decimal] = {}
        self._lines: list[Line] = []
        self._heard: set[tuple[object, ...]] = set()

    def asked(self, named: Sequence[str]) -> Asked:
        """The book, or the one contract of it that was asked for, where that is known."""
        found = next((symbol for symbol in named if symbol in self.book), None)
        if found is None:
            return self.book
        alone = Asked()
        alone[found] = self.book[found]
        return alone

    def lines(self) -> Sequence[Line]:
        return self._lines

    def contracts(self, listed: Listing) -> None:
        for one in listed.values():
            size = one.contract
            self._add(
                "instrument",
                Verdict.ACCEPT,
                one,
                inverse=one.inverse,
                contract_size=_number(size.value) if size else None,
                contract_unit=size.unit if size else None,
                coins_per_base=one.coins_per_base,
                quote=one.quote,
                expiry=one.expiry,
            )
        self._unread(listed.unreadable)

    def replied(self, reply: str) -> None:
        self._lines.append(line(self.exchange, "reply", Verdict.ACCEPT, reply=reply))

    def liquidated(self, sums: Sequence[PastLiquidations]) -> None:
        """Sums of the past: what cannot be counted, or contradicts itself, has no coins and no dollars."""
        for one in sums:
            verdict = Verdict.ACCEPT if one.usd is not None else Verdict.UNPRICED
            if one.contracts is not None and one.contracts < 0:
                verdict = Verdict.IMPOSSIBLE
            elif one.at - self.clock > FUTURE_TOLERANCE:
                verdict = Verdict.FUTURE
            self._add(
                "liquidated",
                verdict,
                one.instrument,
                position=one.position,
                coins=one.coins,
                usd=one.usd,
                contracts=_number(one.contracts) if one.contracts is not None else None,
                exchange_at=one.at,
            )

    def observed(
        self,
        said: Sequence[Observation],
        unknown: Iterable[str] = (),
        unreadable: Iterable[str] = (),
        numbers: Sequence[tuple[str, int]] = (),
    ) -> None:
        """Prices count for the amounts beside them, wherever in the payload they stand."""
        verdicts = {id(one): self._gate.price(one) for one in said if isinstance(one, Price)}
        for one in said:
            priced = isinstance(one, OpenInterest) or verdicts.get(id(one)) is Verdict.ACCEPT
            if isinstance(one, OpenInterest | Price) and priced and one.price is not None:
                self._prices[one.instrument.symbol] = one.price
        more: dict[str, Any] = {"numbered": numbers} if numbers else {}
        for one in said:
            self._say(one, verdicts.get(id(one)), more)
        why = (NOT_LISTED if self.book else NO_BOOK) if self.exchange.book.requests() else NOT_COUNTED
        for symbol in unknown:
            self._lines.append(line(self.exchange, "unknown", "unknown", why) | {"symbol": symbol})
        self._unread(unreadable)

    def _unread(self, rows: Iterable[str]) -> None:
        for row in rows:
            symbol, _, why = row.partition(": ")
            said_of = {"symbol": symbol} if why else {}
            self._lines.append(line(self.exchange, "unreadable", Verdict.UNREADABLE, why or row) | said_of)

    def _say(self, one: Observation, verdict: Verdict | None, more: Mapping[str, Any]) -> None:
        if isinstance(one, Report):
            self._report(one)
        elif isinstance(one, OpenInterest):
            self._open_interest(one, more)
        elif isinstance(one, Price):
            timed = {"price": _number(one.price), "exchange_at": self._at(one)}
            self._add("price", verdict or Verdict.ACCEPT, one.instrument, **timed, **more)
        elif isinstance(one, Liquidation):
            self._liquidation(one, more)
        elif isinstance(one, Volume):
            price = self._prices.get(one.instrument.symbol) or one.price
            self._amount("volume", self._plain(one, one.amount.value >= 0), one, price, **more)
        elif isinstance(one, AccountRatio | Supply):
            self._slow(one, more)
        else:
            self._funding(one, more)

    def _open_interest(self, one: OpenInterest, more: Mapping[str, Any]) -> None:
        verdict, _ = self._gate.open_interest(self._undated(one))
        price = one.price or self._prices.get(one.instrument.symbol) or one.implied_price
        if verdict is Verdict.UNPRICED and _size(one.amount, one.instrument, price).usd is not None:
            verdict = Verdict.ACCEPT  # another source of the venue tells the price
        self._amount("open_interest", verdict, one, price, **more)

    def _undated(self, one: OpenInterest) -> OpenInterest:
        """Whether a contract had expired cannot be known of a payload that is of no known time."""
        if self._dated or self._at(one) is not None or one.instrument.expiry is None:
            return one
        return replace(one, instrument=replace(one.instrument, expiry=None))

    def _liquidation(self, one: Liquidation, more: Mapping[str, Any]) -> None:
        each = () if one.whole else (one.at, one.amount.value)
        key = (one.instrument.symbol, *each, one.number)
        verdict = self._plain(one, one.amount.value > 0 and one.price > 0)
        if verdict is Verdict.ACCEPT and _size(one.amount, one.instrument, one.price).usd is None:
            verdict = Verdict.UNPRICED
        if verdict is Verdict.ACCEPT and key in self._heard:
            verdict = Verdict.REPEATED
        self._heard.add(key)
        socket = self.source.of if isinstance(self.source.of, Socket) else None
        self._amount(
            "liquidation",
            verdict,
            one,
            one.price,
            position=one.position,
            price_kind=socket.price if socket else None,
            completeness=socket.completeness if socket else None,
            deleveraged=one.deleveraged,
            number=one.number or None,
            **more,
        )

    def _funding(self, one: Funding, more: Mapping[str, Any]) -> None:
        self._add(
            "funding",
            self._plain(one, one.rate.is_finite()),
            one.instrument,
            rate=_number(one.rate),
            interval_h=one.interval.total_seconds() / 3600,
            **({"interval_assumed": True} if one.assumed else {}),
            exchange_at=self._at(one),
            **more,
        )

    def _slow(self, one: AccountRatio | Supply, more: Mapping[str, Any]) -> None:
        """Told of the last five minutes or the last day, so age alone is no fault."""
        supply = isinstance(one, Supply)
        value = one.coins if isinstance(one, Supply) else one.long_per_short
        verdict = Verdict.ACCEPT if value.is_finite() and value > 0 else Verdict.IMPOSSIBLE
        if one.at - self.clock > FUTURE_TOLERANCE:
            verdict = Verdict.FUTURE
        told = {"coins" if supply else "long_per_short": _number(value), "exchange_at": self._at(one)}
        self._add("supply" if supply else "account_ratio", verdict, one.instrument, **told, **more)

    def _report(self, one: Report) -> None:
        verdict = Verdict.IMPOSSIBLE if one.coins < 0 else Verdict.ACCEPT
        if one.as_of - self.clock > REPORT_AHEAD:
            verdict = Verdict.FUTURE
        reason = "" if verdict is Verdict.ACCEPT else VERDICT_MEANS[verdict]
        told = line(self.exchange, "report", verdict, reason) | {"venue": one.venue, "asset": one.asset}
        told |= {"coins": one.coins, "exchange_at": one.as_of, "previous_coins": one.previous_coins}
        told |= {"previous_at": one.previous_as_of, "report": one.kind, "source": one.series[1]}
        told |= {"preliminary": one.preliminary, "holds_until": one.holds_until, "native": one.native}
        told["holders"] = {h.holder: {"long": h.long_coins, "short": h.short_coins} for h in one.holdings}
        self._lines.append(told)

    def _amount(
        self,
        kind: str,
        verdict: Verdict,
        one: OpenInterest | Volume | Liquidation,
        price: Decimal | None,
        **more: Any,
    ) -> None:
        size = _size(one.amount, one.instrument, price)
        self._add(
            kind,
            verdict,
            one.instrument,
            coins=size.coins,
            usd=size.usd,
            contracts=_number(one.amount.value) if one.amount.unit is Unit.CONTRACTS else None,
            price=_number(price) if price is not None else None,
            exchange_at=self._at(one),
            unit=one.amount.unit,
            **more,
        )

    def _add(self, kind: str, verdict: Verdict, instrument: Instrument, **more: Any) -> None:
        reason = "" if verdict is Verdict.ACCEPT else VERDICT_MEANS[verdict]
        if verdict is Verdict.UNPRICED:
            reason = UNSIZED
        told = line(self.exchange, kind, verdict, reason, **more)
        self._lines.append(told | {"symbol": instrument.symbol, "asset": instrument.asset})

    def _plain(self, one: Volume | Funding | Liquidation, possible: bool) -> Verdict:
        """The verdict on what the gate does not judge."""
        if not possible:
            return Verdict.IMPOSSIBLE
        if one.at - self.clock > FUTURE_TOLERANCE:
            return Verdict.FUTURE
        return Verdict.STALE if self._ages and self.clock - one.at > FRESH else Verdict.ACCEPT

    @staticmethod
    def _at(
        one: Price | OpenInterest | Funding | Volume | AccountRatio | Supply | Liquidation,
    ) -> datetime | None:
        """The venue's clock; unknown where it tells no time and ours was taken."""
        return None if one.at is one.received else one.at


def _size(amount: Amount, instrument: Instrument, price: Decimal | None) -> Size:
    if not amount.value.is_finite():
        return UNKNOWN
    usd = float(price) if price is not None and price.is_finite() else None
    return measure(amount, instrument.contract, usd, instrument.coins_per_base)


def _number(value: Decimal) -> float | None:
    return float(value) if value.is_finite() else None
