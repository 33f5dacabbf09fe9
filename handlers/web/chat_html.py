"""The chat as a page: what was said, and the line to say something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.domain.posts import ChatMessage
from handlers.speech import _
from handlers.web.card_html import message_html, tapped
from handlers.web.frame import Frame
from handlers.web.html import Html, el, join

LONGEST_LINE = 500
"""Characters a person may type; a command needs far fewer."""


def chat_page(
    frame: Frame, history: Sequence[ChatMessage], *, commands: Mapping[str, str], last_id: str
) -> str:
    """The whole page, readable without JavaScript. ``commands``: names without slash → what they answer."""
    newest = el("button", _("New messages"), " ", el("span", "↓", aria_hidden="true"), type="button")
    body = (
        el(
            "main",
            el("h1", _("Chat with Washout"), cls="hidden"),
            el("div", _welcome(), id="content", tabindex=-1),
            el(
                "div",
                history_html(history),
                id="log",
                role="log",
                aria_live="polite",
                aria_relevant="additions",
                aria_label=_("Conversation"),
            ),
            el("div", id="end"),
            id="scroller",
        ),
        el("div", newest, id="newest", hidden=True),
        el("p", _("Connection lost, reconnecting…"), id="lost", role="status", hidden=True),
        el("p", id="announcer", cls="hidden", role="status"),
        el("form", id="tap", method="post", action="/say"),
        _line(commands),
        el(
            "noscript",
            el(
                "p",
                _("Without JavaScript the page does not change by itself."),
                " ",
                el("a", _("Reload"), href="/#end"),
                cls="noscript",
            ),
        ),
    )
    data = {
        "last-id": last_id,
        "revised": _("Revised: {title}"),
        "unanswered": _("That could not be answered."),
        "unconnected": _("Not connected: try again in a moment"),
    }
    return frame.page(_("Chat"), body, script="chat.js", kind="chat", data=data)


def history_html(history: Sequence[ChatMessage]) -> Html:
    known = {message.number: message for message in history}
    return join((message_html(message, known.get(message.reply_to or 0)) for message in history), "\n")


def _welcome() -> Html:
    ways = (("/oi", _("Open interest")), ("/resets", _("Past resets")), ("/venues", _("Venues")))
    return el(
        "div",
        el(
            "p",
            _(
                "Washout watches open interest and speaks up when leverage is washed out of the market, "
                "with one message per event that it keeps correct."
            ),
        ),
        el("p", (tapped(command, name) for command, name in (*ways, ("/help", _("Help")))), cls="buttons"),
        cls="welcome",
    )


def _line(commands: Mapping[str, str]) -> Html:
    plane = el("path", d="M3 20.5l18-8.5L3 3.5V10l11 2-11 2z", fill="currentColor")
    return el(
        "form",
        el("ul", id="suggestions", role="listbox", aria_label=_("Commands"), hidden=True),
        el("label", _("Ask something"), cls="hidden", for_="text"),
        el(
            "input",
            id="text",
            name="text",
            list="commands",
            maxlength=LONGEST_LINE,
            placeholder=_("Ask something, for example /oi BTC 24h"),
            autocapitalize="off",
            spellcheck="false",
            enterkeyhint="send",
            autofocus=True,
        ),
        el(
            "button",
            el("svg", plane, viewBox="0 0 24 24", width=20, height=20, aria_hidden="true"),
            cls="send",
            aria_label=_("Send"),
        ),
        el(
            "datalist",
            (el("option", value=f"/{name}", label=about) for name, about in commands.items()),
            id="commands",
        ),
        id="say",
        method="post",
        action="/say",
        autocomplete="off",
    )
