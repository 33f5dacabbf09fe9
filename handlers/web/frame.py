"""What stands around every page: its head, the way to the other pages, the status line, the languages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from handlers.numbers import dated
from handlers.phrases import enumerated
from handlers.speech import LANGUAGES, N_, _, spoken
from handlers.web.figures import Freshness
from handlers.web.html import Child, Html, el, join
from handlers.web.tabs import event_block

SECTIONS = (
    ("/", N_("Chat")),
    ("/board", N_("Board")),
    ("/waves", N_("Waves")),
    ("/scorecard", N_("Scorecard")),
)
FOR_OPERATORS = ("/",)
STATIC = "/page"


class Status(NamedTuple):
    """The status line; the page's script lets the clock run on between two of them.

    ``at`` is the market's time, ``speed`` its seconds per real second (``None`` when live).
    """

    at: datetime
    speed: float | None
    state: str
    seen: Freshness

    def block(self) -> bytes:
        """As an event of the stream. It has no id: a page that missed one only needs the next."""
        words = {"at": self.at.isoformat(), "speed": self.speed, "state": self.state, "venues": self.venues}
        return event_block("status", json.dumps(words, ensure_ascii=False))

    @property
    def venues(self) -> str:
        fresh, venues, stale = self.seen
        if not venues:
            return _("no venue asked yet")
        if 0 < len(stale) <= 2:
            return _("{fresh} of {venues} venues fresh, not {names}").format(
                fresh=fresh, venues=venues, names=enumerated(stale)
            )
        return _("{fresh} of {venues} venues fresh").format(fresh=fresh, venues=venues)

    @property
    def clock(self) -> str:
        """As the page's script writes it."""
        return f"{dated(self.at)} {self.at:%H:%M:%S} UTC"


class Frame(NamedTuple):
    """For whom a page is: ``operator`` sees everything, a guest what is public, a stranger where to sign in.

    ``path`` is where it is, ``signed_in`` whether there is something to sign out of, ``can_sign_in`` whether
    there is a token to sign in with.
    """

    path: str
    status: Status
    banner: str
    operator: bool
    stranger: bool
    signed_in: bool
    can_sign_in: bool

    def page(
        self,
        title: str,
        body: Child,
        *,
        script: str = "live.js",
        kind: str = "reading",
        data: dict[str, str] | None = None,
    ) -> str:
        """A whole document. ``kind`` is the class of its body, ``data`` attributes for the script."""
        full = "Washout" if kind == "chat" else f"{title} · Washout"
        attributes = {f"data-{name}": value for name, value in (data or {}).items()}
        head = el(
            "head",
            el("meta", charset="utf-8"),
            el(
                "meta",
                name="viewport",
                content="width=device-width, initial-scale=1, interactive-widget=resizes-content",
            ),
            el("meta", name="color-scheme", content="dark light"),
            el("title", full),
            el("link", rel="icon", href=f"{STATIC}/icon.svg", type="image/svg+xml"),
            el("link", rel="stylesheet", href=f"{STATIC}/page.css"),
            () if self.stranger else self._alive(script),
        )
        return "<!doctype html>\n" + el(
            "html",
            head,
            el("body", self._top("#text" if kind == "chat" else "#content"), body, cls=kind, **attributes),
            lang=spoken(),
        )

    def _alive(self, script: str) -> Html:
        title = _("Waves")
        return join(
            (
                el("link", rel="alternate", type="application/atom+xml", title=title, href="/feed.atom"),
                el("link", rel="alternate", type="application/feed+json", title=title, href="/feed.json"),
                el("script", src=f"{STATIC}/{script}", type="module"),
            )
        )

    def _top(self, skip: str) -> Html:
        return join(
            (
                el("a", _("Skip to the content"), cls="skip", href=skip),
                el(
                    "header",
                    el(
                        "a",
                        el("img", cls="logo", src=f"{STATIC}/icon.svg", alt="", width=28, height=28),
                        el("span", "Washout", cls="name"),
                        cls="home",
                        href="/" if self.operator else "/board",
                    ),
                    None if self.stranger else self._ways(),
                    None if self.stranger else self._status(),
                    cls="top",
                ),
                el("p", self.banner, cls="banner", role="note")
                if self.banner and not self.stranger
                else None,
            )
        )

    def _ways(self) -> Html:
        return el("nav", el("ul", map(self._way, SECTIONS)), aria_label=_("Pages"))

    def _way(self, section: tuple[str, str]) -> Child:
        path, name = section
        if path in FOR_OPERATORS and not self.operator:
            return None
        here = self.path == path or (path == "/waves" and self.path.startswith("/wave/"))
        return el("li", el("a", _(name), href=path, aria_current="page" if here else None))

    def _status(self) -> Html:
        return el(
            "p",
            el("span", cls="dot", aria_hidden="true"),
            el("span", self.status.venues, id="venues"),
            el("span", self.status.clock, id="clock", cls="clock"),
            cls="status",
            id="status",
            data_state=self.status.state,
        )

    def reading(self, title: str, *content: Child, live: str = "", says: str = "", wide: bool = False) -> str:
        """A page to read: what ``content`` says in ``main``, and the foot.

        ``live`` is when its script looks again: on every ``beat`` or when something has ``changed``. ``says``
        is what a screen reader is told when it becomes another text.
        """
        main = el(
            "main",
            *content,
            id="content",
            tabindex=-1,
            cls="wide" if wide else None,
            data_live=live or None,
            data_says=says,
        )
        reload = el("a", _("Reload"), href=self.path)
        foot = el(
            "footer",
            None
            if self.stranger
            else el(
                "noscript", el("p", _("Without JavaScript the page does not change by itself."), " ", reload)
            ),
            el("p", None if self.stranger else (self._feeds(), " · "), self._languages()),
            self._session(),
            cls="foot",
        )
        announcer = el("p", id="announcer", cls="hidden", role="status")
        lost = el("p", _("Connection lost, reconnecting…"), id="lost", role="status", hidden=True)
        return self.page(title, (main, foot, lost, announcer))

    def _feeds(self) -> Html:
        return join(
            (
                _("Waves as a feed:"),
                " ",
                el("a", "Atom", href="/feed.atom"),
                ", ",
                el("a", "JSON", href="/feed.json"),
            )
        )

    def _languages(self) -> Html:
        ways: Sequence[Html] = [
            el(
                "a",
                name,
                href=f"{self.path}?lang={code}",
                lang=code,
                hreflang=code,
                aria_current="true" if code == spoken() else None,
            )
            for code, name in LANGUAGES.items()
        ]
        return el("span", join(ways, " "), cls="languages", role="group", aria_label=_("Language"))

    def _session(self) -> Child:
        if self.signed_in:
            return el(
                "form",
                el("button", _("Sign out"), cls="quiet"),
                method="post",
                action="/logout",
                cls="session",
            )
        if self.can_sign_in and not self.operator and not self.stranger:
            return el("p", el("a", _("Sign in"), href="/login"))
        return None


def status_now(seen: Freshness, at: datetime, speed: float | None) -> Status:
    state = "blind" if not seen.fresh else "stale" if seen.stale else "fresh"
    return Status(at, speed, state, seen)
