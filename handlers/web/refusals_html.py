"""Where the token is asked for, where one is told to wait, and where there is nothing."""

from __future__ import annotations

from handlers.speech import _, ngettext
from handlers.web.frame import Frame
from handlers.web.html import el, join


def login_page(frame: Frame, *, to: str, wrong: bool) -> str:
    """The token goes in a form's body: never into an address, where it would be kept and logged."""
    title = _("Sign in")
    field = el(
        "input",
        id="token",
        name="token",
        type="password",
        autocomplete="current-password",
        required=True,
        autofocus=True,
        aria_describedby="wrong" if wrong else "about",
        aria_invalid="true" if wrong else None,
    )
    return frame.reading(
        title,
        el("h1", title),
        el("p", _("The chat and the settings are for who has the page's token."), id="about", cls="about"),
        el("p", _("That is not the token."), id="wrong", cls="warning", role="alert") if wrong else None,
        el(
            "form",
            # What a browser that keeps passwords files the token under.
            el("input", name="username", value="washout", autocomplete="username", hidden=True),
            el("label", _("Token"), for_="token"),
            field,
            el("input", type="hidden", name="to", value=to),
            el("button", title, cls="main"),
            method="post",
            action="/login",
            cls="login",
        ),
    )


def not_found_page(frame: Frame, text: str) -> str:
    title = _("Not found")
    ways = (("/board", _("Board")), ("/waves", _("Waves")))
    return frame.reading(
        title,
        el("h1", title),
        el("p", text, cls="about"),
        el("p", join((el("a", name, href=path) for path, name in ways), " · ")),
    )


def refusal_page(frame: Frame, wait_s: int) -> str:
    title = _("Too many requests")
    text = ngettext("Try again in {n} second.", "Try again in {n} seconds.", wait_s).format(n=wait_s)
    return frame.reading(title, el("h1", title), el("p", text))
