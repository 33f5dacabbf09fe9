"""One HTTP runner per venue: a session, a weight budget, limits, and errors in our own words."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from bot.errors import Refusal, SourceChanged, SourceError, SourceThrottled, SourceUnreachable
from bot.exchanges.spec import SECOND, Budget, Exchange, Request
from bot.feeds.contact import Sleep, start_of

USER_AGENT = f"washout/{version('washout')}"
MIB = 1024 * 1024
REFUSAL_BYTES = 64 * 1024
REDIRECTS = 3
LONGEST_BAN = timedelta(days=3)
"""Binance's longest (venues.md §1); a header that asks for more is not believed."""

FAULTS: Mapping[type[Exception], tuple[type[SourceError], str]] = {
    aiohttp.ClientConnectorDNSError: (SourceUnreachable, "the name is not found (no network or no DNS)"),
    aiohttp.ClientConnectorCertificateError: (SourceUnreachable, "its TLS certificate is not valid"),
    aiohttp.ClientConnectorSSLError: (SourceUnreachable, "no TLS connection can be made"),
    aiohttp.ClientSSLError: (SourceUnreachable, "no TLS connection can be made"),
    aiohttp.ServerFingerprintMismatch: (SourceUnreachable, "its TLS certificate is not the expected one"),
    aiohttp.ClientProxyConnectionError: (SourceUnreachable, "the proxy cannot be reached"),
    aiohttp.ClientHttpProxyError: (SourceUnreachable, "the proxy refuses"),
    aiohttp.ClientConnectorError: (SourceUnreachable, "the connection is refused or there is no network"),
    aiohttp.ConnectionTimeoutError: (SourceUnreachable, "no connection within the time limit"),
    aiohttp.SocketTimeoutError: (SourceUnreachable, "silent for too long"),
    aiohttp.ServerTimeoutError: (SourceUnreachable, "no answer within the time limit"),
    aiohttp.ServerDisconnectedError: (SourceUnreachable, "closed the line without an answer"),
    aiohttp.ServerConnectionError: (SourceUnreachable, "the line broke"),
    aiohttp.ClientConnectionResetError: (SourceUnreachable, "the line broke"),
    aiohttp.ClientOSError: (SourceUnreachable, "the line broke"),
    aiohttp.ClientConnectionError: (SourceUnreachable, "the line broke"),
    aiohttp.ClientPayloadError: (SourceUnreachable, "the line broke within the answer"),
    aiohttp.ContentTypeError: (SourceChanged, "another type of answer than expected"),
    aiohttp.WSServerHandshakeError: (SourceChanged, "refuses to speak over a socket"),
    aiohttp.TooManyRedirects: (SourceChanged, "sends from one address to the next"),
    aiohttp.ClientResponseError: (SourceChanged, "what it answers is not HTTP"),
    aiohttp.InvalidURL: (SourceUnreachable, "its address is not valid"),
    aiohttp.RedirectClientError: (SourceChanged, "redirects to an address that is not valid"),
    aiohttp.NonHttpUrlClientError: (SourceUnreachable, "its address is not an HTTP address"),
    aiohttp.ClientError: (SourceUnreachable, "no answer"),
    HttpProcessingError: (SourceChanged, "what it answers is not HTTP"),
    TimeoutError: (SourceUnreachable, "no answer within the time limit"),
    OSError: (SourceUnreachable, "the line broke"),
}
"""What aiohttp and the operating system raise, nearest class first, and what it means to us."""

NET_FAULTS = (aiohttp.ClientError, HttpProcessingError, OSError)


def translate(error: Exception) -> SourceError:
    """The ``SourceError`` for one of ``NET_FAULTS``."""
    kind, words = next(FAULTS[cls] for cls in type(error).__mro__ if cls in FAULTS)
    return kind(words)


@dataclass(frozen=True, slots=True)
class Limits:
    total: timedelta = timedelta(seconds=10)
    connect: timedelta = timedelta(seconds=5)
    body_bytes: int = 32 * MIB


class Window:
    """A sliding window over what was spent: ``take`` waits before the budget would be exceeded."""

    def __init__(self, budget: Budget, monotonic: Callable[[], float], sleep: Sleep) -> None:
        self._weight, self._per = budget.weight, budget.per.total_seconds()
        self._monotonic, self._sleep = monotonic, sleep
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0
        self._turn = asyncio.Lock()

    async def take(self, weight: int) -> None:
        """Spend ``weight``, first come first served; one heavier than the whole budget takes all of it."""
        weight = min(weight, self._weight)
        async with self._turn:
            while (pause := self._pause(weight)) > 0:
                await self._sleep(pause)
            self._spent.append((self._monotonic(), weight))
            self._sum += weight

    def _pause(self, weight: int) -> float:
        now = self._monotonic()
        while self._spent and self._spent[0][0] + self._per <= now:
            self._sum -= self._spent.popleft()[1]
        over = self._sum + weight - self._weight
        for at, spent in self._spent:
            if over <= 0:
                break
            over -= spent
            if over <= 0:
                return at + self._per - now
        return 0.0


Fetch = Callable[[Request], Awaitable[bytes]]


class VenueHttp:
    """Asks one venue. Everything it raises is a ``SourceError``."""

    def __init__(
        self,
        exchange: Exchange,
        session: aiohttp.ClientSession,
        *,
        base_url: str | None = None,
        speed: float = 1.0,
        limits: Limits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.session = session
        self._exchange = exchange
        self._base = (base_url or exchange.base_url).rstrip("/")
        self._elsewhere = bool(base_url)
        self._limits = limits or Limits()
        self._monotonic = monotonic
        self._budget = Budget(exchange.budget.weight, exchange.budget.per / speed)
        self._sleep = sleep
        self._window = Window(self._budget, monotonic, sleep)
        self._not_before = 0.0

    async def fetch(self, request: Request) -> bytes:
        """The body of the answer.

        Raises ``SourceUnreachable`` (no or half an answer), ``SourceChanged`` (too large, redirected
        elsewhere, not HTTP), ``SourceThrottled`` (also, without asking, while the venue's wait lasts) and
        whatever the venue's ``read_refusal`` makes of a status of 400 or more.
        """
        self._refuse_while_held()
        await self._window.take(request.weight)
        self._refuse_while_held()
        try:
            return await self._ask(request)
        except SourceThrottled as slow:
            self.hold(slow.retry_after)
            raise
        except NET_FAULTS as error:
            raise translate(error) from error

    def beside(self) -> Fetch:
        """A ``fetch`` for what is not urgent: within the budget, and never more than half of it."""
        half = Budget(max(1, self._budget.weight // 2), self._budget.per)
        window = Window(half, self._monotonic, self._sleep)

        async def fetch(request: Request) -> bytes:
            await window.take(request.weight)
            return await self.fetch(request)

        return fetch

    def hold(self, wait: timedelta) -> None:
        """Ask this venue nothing for so long: it counts requests per address, not per source."""
        self._not_before = max(self._not_before, self._monotonic() + wait.total_seconds())

    def _refuse_while_held(self) -> None:
        left = self._not_before - self._monotonic()
        if left > 0:
            raise SourceThrottled("asked to wait", retry_after=timedelta(seconds=left))

    async def _ask(self, request: Request) -> bytes:
        base = self._base if self._elsewhere else request.host or self._base
        url = URL(base + request.path).update_query(request.params)
        for _ in range(REDIRECTS + 1):
            async with self.session.request(
                "GET" if request.body is None else "POST",
                url,
                data=request.body,
                headers={"Content-Type": "application/json"} if request.body is not None else None,
                allow_redirects=False,
            ) as response:
                if response.status >= 400:
                    raise await self._refusal(response)
                if response.status < 300:
                    return await self._body(response)
                url = self._same_place(url, response)
        raise SourceChanged("sends from one address to the next")

    @staticmethod
    def _same_place(url: URL, response: aiohttp.ClientResponse) -> URL:
        try:
            target = url.join(URL(response.headers.get("Location", "")))
        except ValueError:
            raise SourceChanged(f"answers HTTP {response.status} with an address that is not valid") from None
        if target.origin() != url.origin() or target == url:
            raise SourceChanged(f"answers HTTP {response.status}, sending to {target.host}")
        return target

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        most = self._limits.body_bytes
        chunks, size = [], response.content_length or 0
        if size <= most:
            size = 0
            async for chunk in response.content.iter_any():
                chunks.append(chunk)
                size += len(chunk)
                if size > most:
                    break
        if size > most:
            response.close()
            start = start_of(b"".join(chunks))
            raise SourceChanged(f"an answer of more than {most // 1024} KiB", evidence=start)
        return b"".join(chunks)

    async def _refusal(self, response: aiohttp.ClientResponse) -> SourceError:
        body = b""
        with suppress(*NET_FAULTS):  # the status and what came until then say enough
            while len(body) < REFUSAL_BYTES and (chunk := await response.content.read(REFUSAL_BYTES)):
                body += chunk
        return refused(self._exchange, response.status, response.headers, body)


def refused(exchange: Exchange, status: int, headers: Mapping[str, str], body: bytes) -> SourceError:
    """What a status of 400 or more means at this venue. A wait that the answer asks for goes before ours."""
    fault = exchange.read_refusal(status, body)
    fault.evidence = fault.evidence or start_of(body)
    wait = retry_after(headers, datetime.now(UTC))
    if wait is not None and isinstance(fault, SourceThrottled | SourceUnreachable):
        fault = SourceThrottled(str(fault), retry_after=wait, evidence=fault.evidence)
    fault.refusal = Refusal(status, headers.get("Retry-After", ""), body)
    return fault


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """The wait a ``Retry-After`` header asks for, in seconds or as a date (RFC 9110 §10.2.3).

    A date is compared with the answer's own ``Date``, so that a wrong clock here does not matter, or else
    with ``now``. ``None`` where there is none or it cannot be read. At least a second: "now" is no wait.
    """
    raw = headers.get("Retry-After", "").strip()
    if raw.isdecimal() and raw.isascii():
        return _bounded(timedelta(seconds=min(int(raw), 10**9)))
    until = _http_date(raw)
    if until is None:
        return None
    return _bounded(until - (_http_date(headers.get("Date", "")) or now))


def _bounded(wait: timedelta) -> timedelta:
    return min(max(wait, SECOND), LONGEST_BAN)


def _http_date(raw: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(raw)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@asynccontextmanager
async def open_http(
    exchange: Exchange,
    *,
    base_url: str | None = None,
    speed: float = 1.0,
    limits: Limits | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[VenueHttp]:
    """A runner with its own session. ``base_url`` (configuration, simulator) replaces the venue's own."""
    limits = limits or Limits()
    session = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(limits.total.total_seconds(), connect=limits.connect.total_seconds()),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate", **exchange.headers},
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    async with session:
        yield VenueHttp(
            exchange,
            session,
            base_url=base_url,
            speed=speed,
            limits=limits,
            monotonic=monotonic,
            sleep=sleep,
        )
