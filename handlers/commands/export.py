"""What was recorded, as a file: /export."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.assets import Asset
from bot.domain.cards import Attachment, Card, Line, plain
from bot.errors import AskError
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.export import Exported, export_liquidations, export_oi, export_waves
from handlers.numbers import day, duration, number
from handlers.speech import N_, _, ngettext
from handlers.words import COIN, PERIOD, Parameter

KINDS = ("waves", "oi", "liquidations")
A_WEEK = timedelta(days=7)
EVER = datetime(2009, 1, 3, tzinfo=UTC)
"""Before the first coin."""
CSV = "text/csv"


def read_kind(text: str, _known: Sequence[Asset] = ()) -> str:
    """``waves``, ``oi`` or ``liquidations``. Raises ``AskError``."""
    if text.lower() not in KINDS:
        raise AskError(
            _('I have no "{text}" to export. There are `waves`, `oi` and `liquidations`').format(
                text=plain(text[:24])
            ),
            "/export waves",
            "/export oi btc 7d",
        )
    return text.lower()


KIND = Parameter("waves|oi|liquidations", read_kind, looks=r"[a-z]+")


@command(
    "export",
    N_("Waves, open interest or liquidations as a CSV file"),
    KIND,
    COIN.optional,
    PERIOD.optional,
    examples=("/export waves", "/export oi btc 7d", "/export liquidations btc 24h"),
    discreet=True,
)
async def export(desk: Desk, ask: Ask) -> Card:
    await _may(ask)
    kind, asset, now = ask.need(KIND), ask.get(COIN), desk.clock()
    period = ask.get(PERIOD) or (None if kind == "waves" else A_WEEK)
    since = now - period if period else EVER
    if kind == "waves":
        told = await export_waves(desk.hindsight, asset, since, now)
    else:
        asset = asset or await _largest(desk)
        make = export_oi if kind == "oi" else export_liquidations
        told = await make(desk.store, asset, since, now)
    if not told.rows:
        nothing = _("Nothing of that was recorded yet. `/resets since 2020`")
        if period:
            nothing = _("Nothing of that was recorded in {period}. `/export waves`")
            raise AskError(nothing.format(period=duration(period)), "/export waves")
        raise AskError(nothing, "/resets since 2020")
    name = "-".join(("washout", kind, *([asset.lower()] if asset else []), f"{now:%Y%m%dT%H%MZ}"))
    return Card(
        title=_title(kind, told, asset),
        lines=tuple(Line(text) for text in _about(kind, told)),
        footer=_("since {day} · times in UTC · columns: docs/export.md").format(
            day=day(desk.here(since), desk.now())
        )
        if period
        else _("all that was recorded · times in UTC · columns: docs/export.md"),
        attachment=Attachment(f"{name}.csv", CSV, told.body),
    )


async def _may(ask: Ask) -> None:
    """A file of everything is for those who answer for the chat. Raises ``AskError``."""
    if await ask.may_configure():
        return
    if ask.is_managed:
        refused = _("Only those with the permission Manage Server export data in this group.")
    else:
        refused = _("Only administrators export data in this group.")
    instead = _("In a private chat with me you can")
    if ask.private_chat:
        instead = _("In a private chat with me you can: {link}").format(link=ask.private_chat)
    raise AskError(f"{refused} {instead}")


async def _largest(desk: Desk) -> Asset:
    known = await desk.known()
    if not known:
        raise AskError(_("I have not seen any market yet. See how the feeds do: `/venues`"), "/venues")
    return known[0]


def _title(kind: str, told: Exported, asset: Asset | None) -> str:
    """``BTC open interest: 1,501 rows, 83.4 kB``."""
    titles = {
        "waves": _("{coin} waves: {rows}, {size}") if asset else _("Waves of all coins: {rows}, {size}"),
        "oi": _("{coin} open interest: {rows}, {size}"),
        "liquidations": _("{coin} liquidations: {rows}, {size}"),
    }
    rows = ngettext("{n} row", "{n} rows", told.rows).format(n=number(told.rows))
    return titles[kind].format(coin=asset, rows=rows, size=f"{number(len(told.body) / 1000, 1)} kB")


def _about(kind: str, told: Exported) -> Sequence[str]:
    texts = {
        "waves": _("Every wave with its last revision, also those taken back, and what came next"),
        "oi": _("Open interest in coins as it was recorded; `washout replay` reads this file"),
        "liquidations": _("What was seen, by venue while each is kept (30 days), then by hour"),
    }
    if not told.left_out:
        return [texts[kind]]
    left = ngettext(
        "{n} older row had no room. Ask for a shorter period to see it",
        "{n} older rows had no room. Ask for a shorter period to see them",
        told.left_out,
    )
    return [texts[kind], left.format(n=number(told.left_out))]
