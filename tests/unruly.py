"""All venues on one loopback server, as of now, each of which can be made to say anything."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import parse_qsl, urlsplit

from msgspec.structs import replace

from bot.exchanges import EXCHANGES
from bot.simulator.scenario import Scenario, named
from bot.simulator.venues import WIRE_FORMATS
from bot.simulator.wire import Ask, Refused, View

VENUES = tuple(name for name in EXCHANGES if name in named("october-2025").venues)
HOUR = timedelta(hours=1)
Spoil = Callable[[bytes], bytes]
"""What is sent instead of an answer."""
PAST = ("/openInterestHist", "/v5/market/open-interest", "/open-interest-history")
"""Where venues tell their past. Here they have none."""


def quiet(now: datetime, past: timedelta = HOUR) -> Scenario:
    """BTC on every venue, perpetuals only, for a day in which nothing happens, after a quiet ``past``."""
    script = named("october-2025").script
    btc = script.coins["BTC"]
    frames = tuple(replace(btc.keyframes[0], at=at) for at in (now - past, now + 24 * HOUR))
    calm = replace(btc, keyframes=frames, liquidations=replace(btc.liquidations, begin=now + 24 * HOUR))
    perpetuals = tuple(c for c in script.contracts if c.coin == "BTC" and c.expiry is None)
    return Scenario(replace(script, coins={"BTC": calm}, contracts=perpetuals, reports=()))


@dataclass
class Unruly:
    """``spoiled`` maps (venue, end of path) to what becomes of the answer; ``asked`` are the paths so far.

    While ``speechless`` the past is not answered at all, until ``release`` is set.
    """

    scenario: Scenario
    spoiled: dict[tuple[str, str], Spoil] = field(default_factory=dict)
    speechless: bool = False
    asked: list[str] = field(default_factory=list)
    release: Event = field(default_factory=Event)

    def answer(self, target: str, body: bytes) -> tuple[int, bytes]:
        url = urlsplit(target)
        _, venue, *rest = url.path.split("/")
        path = "/" + "/".join(rest)
        self.asked.append(url.path)
        if self.speechless and path.endswith(PAST):
            self.release.wait(30)
        known = WIRE_FORMATS[venue].answers.get(path)
        if known is None or path.endswith(PAST):
            return 404, b"{}"
        now = datetime.now(UTC)
        view = View(self.scenario, venue, now, now, self.scenario.at(now, venue).holdings)
        try:
            said = known(view, Ask(dict(parse_qsl(url.query)), json.loads(body) if body else None))
        except Refused as refused:
            return refused.status, json.dumps(refused.body).encode()
        spoil = next((s for (v, end), s in self.spoiled.items() if v == venue and path.endswith(end)), bytes)
        return 200, spoil(json.dumps(said).encode())

    def hits(self, venue: str, end: str = "") -> int:
        """How often the venue was asked for a path that ends so."""
        return sum(path.startswith(f"/{venue}/") and path.endswith(end) for path in list(self.asked))


@contextmanager
def unruly_venues() -> Iterator[tuple[Unruly, str]]:
    """Serves while the block lasts; gives the venues and the address before their names."""
    unruly = Unruly(quiet(datetime.now(UTC)))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = unruly.answer(self.path, body)
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)
            except ConnectionError:
                self.close_connection = True  # the program has hung up, as it does on a huge answer

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield unruly, f"http://127.0.0.1:{server.server_port}"
    finally:
        unruly.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def nobody() -> Iterator[str]:
    """An address at which connections are refused: its port is held by a socket that does not listen."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def configure(folder: Path, address: str, venues: Sequence[str] = VENUES) -> None:
    """A ``config.toml`` that finds these venues below ``address`` and asks them often."""
    tables = "".join(
        f'[venues.{venue}]\nbase_url = "{address}/{venue}"\n'
        f'ws_url = "{address.replace("http:", "ws:")}/{venue}"\n'
        for venue in venues
    )
    market = f'[market]\nassets = ["BTC"]\nvenues = {list(venues)}\npoll_every = "10s"\n'
    (folder / "config.toml").write_text(market + tables, "utf-8")
