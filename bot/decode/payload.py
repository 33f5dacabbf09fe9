"""A file with a payload: as it came over the wire, or kept in an object together with what was asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

import msgspec

from bot.domain.assets import parse_asset
from bot.domain.market import Instrument, Venue
from bot.domain.units import ContractSize, Unit
from bot.errors import SourceChanged, SourceError, UsageError
from bot.exchanges.spec import Exchange
from bot.feeds.contact import understand
from bot.feeds.lines import unzipped

UNZIPPED_BYTES = 256 * 1024 * 1024
GZIP = b"\x1f\x8b"
UNKNOWN_SIZES = ("", "?", "-", "none", "unknown", "null")
_RAW = msgspec.json.Decoder(msgspec.Raw)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()

Contracts = dict[str, Instrument]


@dataclass(frozen=True, slots=True)
class Payload:
    """``frames`` are what came, one after another; ``named`` are words of the question."""

    frames: Sequence[bytes]
    book: Contracts = field(default_factory=dict)
    named: Sequence[str] = ()


def unwrapped(exchange: Exchange, body: bytes, *, frames: bool = False) -> Payload:
    """``body`` is a bare payload (also gzip, also one frame a line), or an object with ``response``.

    Raises ``SourceError`` where it keeps a refusal (``http_status`` of 400 or more beside its ``body``).
    """
    if body.startswith(GZIP):
        body = unzipped(body, UNZIPPED_BYTES)
    kept = _object(body)
    if kept is None or "response" not in kept:
        return Payload(_frames(body, frames))
    book = _kept_book(exchange, kept["book"]) if "book" in kept else {}
    told = _answered(exchange, bytes(kept["response"]), kept.get("http_status"))
    return Payload(_frames(told, frames), book, _words(kept.get("params"), kept.get("symbol")))


def read_books(exchange: Exchange, bodies: Iterable[bytes]) -> Contracts:
    """What the venue's own contracts payloads list. Raises ``SourceError``."""
    book: Contracts = {}
    for body in bodies:
        for frame in unwrapped(exchange, body).frames:
            try:
                book.update(understand(exchange.book.parse, frame))
            except SourceChanged as fault:
                raise SourceChanged(f"the list of contracts cannot be read: {fault}") from fault
    return book


def listed(exchange: Exchange, frames: Iterable[bytes]) -> Contracts:
    """The contracts that a payload lists itself, where it is the venue's book too."""
    book: Contracts = {}
    for frame in frames:
        with suppress(SourceError):
            book.update(understand(exchange.book.parse, frame))
    return book


def instrument_from(text: str, venue: Venue) -> Instrument:
    """``SYMBOL,ASSET,linear|inverse,SIZE,coin|usd``, the size empty where it is not known.

    Raises ``UsageError``.
    """
    parts = [part.strip() for part in text.split(",")]
    parts += [""] * (5 - len(parts))
    symbol, asset, kind, size, unit = parts[:5]
    units = {"coin": Unit.BASE, "base": Unit.BASE, "usd": Unit.QUOTE, "quote": Unit.QUOTE}
    inverse = kind.lower() == "inverse"
    if len(parts) > 5 or not symbol or not asset or kind.lower() not in ("linear", "inverse"):
        raise UsageError(f"--instrument {text}: write SYMBOL,ASSET,linear|inverse,SIZE,coin|usd")
    if unit and unit.lower() not in units:
        raise UsageError(f"--instrument {text}: {unit} is neither coin nor usd")
    contract = None
    if size.lower() not in UNKNOWN_SIZES:
        try:
            value = Decimal(size)
        except InvalidOperation:
            value = Decimal("NaN")
        if not (value.is_finite() and value > 0):
            raise UsageError(f"--instrument {text}: {size} is not the size of a contract")
        contract = ContractSize(value, units[unit.lower() or ("usd" if inverse else "coin")])
    coin, multiple = parse_asset(asset)
    if multiple == 1:  # "PEPE" given for 1000PEPEUSDT
        rest, listed_multiple = parse_asset(re.sub(r"^.*:", "", symbol))
        multiple = listed_multiple if rest.startswith(coin) else 1
    return Instrument(venue, symbol, coin, inverse=inverse, contract=contract, coins_per_base=multiple)


def _object(body: bytes) -> Mapping[str, msgspec.Raw] | None:
    with suppress(ValueError, RecursionError):
        return _OBJECT.decode(body)
    return None


def _frames(body: bytes, several: bool) -> Sequence[bytes]:
    """One payload; or, where it is no JSON as a whole but each of its lines is, as many frames.

    ``several``: a list of objects is taken for a list of frames, since no venue sends one as a frame.
    """
    try:
        _RAW.decode(body)
    except (ValueError, RecursionError):
        lines = [line for line in body.splitlines() if line.strip()]
        return lines if len(lines) > 1 and all(map(_is_json, lines)) else [body]
    if several and body.lstrip().startswith(b"["):
        with suppress(ValueError, RecursionError):
            rows = [bytes(row) for row in _LIST.decode(body)]
            if rows and all(row.lstrip().startswith(b"{") for row in rows):
                return rows
    return [body]


def _is_json(line: bytes) -> bool:
    with suppress(ValueError, RecursionError):
        _RAW.decode(line)
        return True
    return False


def _answered(exchange: Exchange, response: bytes, kept_status: msgspec.Raw | None) -> bytes:
    """The payload of a kept response: text as it was, or what stood beside an HTTP status."""
    envelope = _object(response) or {}
    status = envelope.get("http_status", kept_status)
    body = _text(bytes(envelope["body"]) if "http_status" in envelope and "body" in envelope else response)
    if status is not None:
        code = bytes(status)
        if code.isdigit() and int(code) >= 400:
            raise exchange.read_refusal(int(code), body)
    return body


def _text(raw: bytes) -> bytes:
    """A JSON string as the text it holds (a page that is not JSON); anything else as it is."""
    if not raw.lstrip().startswith(b'"'):
        return raw
    try:
        return str(_ANY.decode(raw)).encode()
    except ValueError as odd:
        raise SourceChanged(f"a response that is no text ({odd})") from odd


def _kept_book(exchange: Exchange, raw: msgspec.Raw) -> Contracts:
    """The venue's own payload (or one with ``response``), a list of them, or instruments as written by us."""
    body = bytes(raw)
    with suppress(ValueError, RecursionError):
        rows = _LIST.decode(body)
        texts = [_ANY.decode(row) for row in rows]
        if texts and all(isinstance(text, str) for text in texts):
            given = [instrument_from(text, exchange.venue) for text in texts]
            return {one.symbol: one for one in given}
    try:
        return read_books(exchange, [body])
    except SourceChanged:
        rows = _LIST.decode(body) if body.lstrip().startswith(b"[") else []
        if not rows:
            raise
        return read_books(exchange, map(bytes, rows))


def _words(*kept: msgspec.Raw | None) -> Sequence[str]:
    """Every text in the question: one of them may be the symbol that was asked for."""
    words: list[str] = []
    todo: list[object] = []
    with suppress(ValueError, RecursionError):
        todo = [_ANY.decode(raw) for raw in kept if raw is not None]
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            words.append(value)
        elif isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list):
            todo += value
    return words
