"""Who may ask for what: the operator, a guest of a page that is public, or nobody.

Without a token, and while only this machine can reach it, whoever asks is the operator. With one, the
operator shows it: as ``Authorization: Bearer``, or once in the form of ``/login``, for a cookie that proves
it was known.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from aiohttp import web

from bot.ports import Clock
from handlers.web.limits import network

COOKIE = "washout"
SIGNED_IN = timedelta(days=30)
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
OF_A_PROXY = ("Forwarded", "X-Forwarded-For", "Via")
"""Headers that only a proxy adds."""


class Visitor(StrEnum):
    OPERATOR = "operator"
    GUEST = "guest"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """``host`` is listened on; ``public_url`` is where people reach it, where that is not the host itself.

    ``wall`` is real time. The token is in no text that is made from this.
    """

    wall: Clock
    host: str = "127.0.0.1"
    public_url: str | None = None
    token: str | None = field(default=None, repr=False)
    public: bool = False

    @property
    def locked(self) -> bool:
        """Does it take a token to be the operator?"""
        return bool(self.token or self.public or self.public_url) or not is_loopback(self.host)

    @property
    def here(self) -> str:
        """As this machine itself reaches what listens on ``host``."""
        return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, in_address(self.host))  # noqa: S104

    # --- under which names, from whom

    def known(self, host: str) -> bool:
        """Is a ``Host`` header one of ours? A rebound name is not."""
        name = re.sub(r":\d+$", "", host.lower())
        if name in LOOPBACK_NAMES:
            return True
        if self.host not in WILDCARDS and name == in_address(self.host):
            return True
        return bool(self.public_url) and host.lower() == urlsplit(self.public_url or "").netloc.lower()

    def own(self, origin: str, host: str) -> bool:
        """Is an ``Origin`` the page itself, asked for under ``host``?"""
        return origin.lower() in {f"http://{host.lower()}", f"https://{host.lower()}"} & self._origins(host)

    def _origins(self, host: str) -> set[str]:
        found = {f"http://{host.lower()}"}
        if self.public_url and host.lower() == urlsplit(self.public_url).netloc.lower():
            found = {"://".join(urlsplit(self.public_url)[:2]).lower()}
        return found

    def base(self, request: web.Request) -> str:
        """The address that links in feeds begin with."""
        return self.public_url or f"http://{request.headers.get('Host', '')}"

    def through_a_strange_proxy(self, request: web.Request) -> bool:
        """An open page that a proxy shows to others by mistake: everybody would be the operator."""
        return not self.locked and any(name in request.headers for name in OF_A_PROXY)

    def client(self, request: web.Request) -> str:
        """Who asks, for limits: what the proxy says, where one of this network passes requests on."""
        peer = request.remote or ""
        if self.public_url and is_private(peer):
            passed = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
            return network(passed or peer)
        return network(peer)

    # --- as whom

    def visitor(self, request: web.Request) -> Visitor:
        if not self.locked or self.opens(bearer(request)) or self._signed_in(request):
            return Visitor.OPERATOR
        return Visitor.GUEST if self.public else Visitor.NOBODY

    def opens(self, token: str) -> bool:
        """Compared in constant time."""
        return self.token is not None and hmac.compare_digest(
            token.encode(errors="surrogateescape"), self.token.encode()
        )

    def sign_in(self, request: web.Request, response: web.StreamResponse) -> None:
        until = int((self.wall() + SIGNED_IN).timestamp())
        response.set_cookie(
            COOKIE,
            f"{until}.{self._proof(until)}",
            max_age=int(SIGNED_IN.total_seconds()),
            httponly=True,
            samesite="Strict",
            secure=self._is_https(request),
        )

    def sign_out(self, request: web.Request, response: web.StreamResponse) -> None:
        response.del_cookie(COOKIE, httponly=True, samesite="Strict", secure=self._is_https(request))

    def _signed_in(self, request: web.Request) -> bool:
        until, _, proof = request.cookies.get(COOKIE, "").partition(".")
        if self.token is None or not re.fullmatch(r"\d{1,12}", until, re.ASCII) or not proof.isascii():
            return False
        known = hmac.compare_digest(proof, self._proof(int(until)))
        return known and self.wall().timestamp() < int(until)

    def _proof(self, until: int) -> str:
        """Another token makes every cookie void."""
        return hmac.new((self.token or "").encode(), f"page {until}".encode(), hashlib.sha256).hexdigest()

    def _is_https(self, request: web.Request) -> bool:
        url = urlsplit(self.public_url or "")
        return url.scheme == "https" and request.headers.get("Host", "").lower() == url.netloc.lower()


def bearer(request: web.Request) -> str:
    """The token that a program shows; empty where it shows none."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_private(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False


def in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host
