"""docs/venues.md, made from the registry: ``python -m bot.exchanges.document > docs/venues.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta

from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Exchange, Poll

INTRODUCTION = """\
# Venues

Made from the registry by `python -m bot.exchanges.document`; a test compares the two.

Each venue is one file in `bot/exchanges`: parsers without a network, and one value that says what to ask and
how often. To add one, write that file, add its line to the registry in `bot/exchanges/__init__.py`, keep its
payloads with what they mean in `tests/exchanges/payloads/<venue>`, and make this page anew.

How sure each fact is: **[2]** two independent sources agree; **[1]** one source; **[?]** sources disagree, or
it is inferred; **[0]** general knowledge that nothing confirmed. Everything but [2] deserves a look at the
first live run.

An offshore or DEX venue is *crypto-native*; a regulated venue or a report is *institutional*. Contracts
priced in anything but dollars, or a coin that stands for one, are left out, as are shares, metals, options,
spot and whatever does not trade.
"""

REPORTS = """\
### The format of `/reports.json`

`published` is off until it is given a `base_url`: whoever has dated figures (CME's daily open interest, say)
serves them there.

```json
{"reports": [{"venue": "cme", "asset": "BTC", "open_interest_coins": "145000",
              "previous_coins": "145290", "as_of": "2025-10-10T21:00:00Z"}]}
```

`venue` is the short name of who published it. `open_interest_coins` is in coins, one-sided. `previous_coins`,
the figure of the report before, may be left out. `as_of` has a zone. `"preliminary": true` says that a final
figure of the same time is to come, and only that confirms a wave; `holds_until` (with a zone) says when a
market that was closed opened again. Numbers are strings or numbers. A report is never added to live venues;
it stands beside them with its time.
"""


def document() -> str:
    """The page, as it should stand in docs/venues.md."""
    rows = "\n".join(_summary(exchange) for exchange in EXCHANGES.values())
    head = "| venue | name | group | asked | liquidations | past |\n|---|---|---|---|---|---|"
    return "\n".join([INTRODUCTION, head, rows, "", *map(_section, EXCHANGES.values()), REPORTS])


def _summary(exchange: Exchange) -> str:
    asked = "; ".join(map(_asked, exchange.polls))
    heard = exchange.sockets[0].completeness if exchange.sockets else "none" if exchange.unheard else "—"
    past = _words(exchange.history.reach) if exchange.history else "—"
    standing = " (closed)" if exchange.closed else "" if exchange.by_default else _off(exchange)
    name = exchange.title + standing
    return f"| `{exchange.venue}` | {name} | {exchange.group} | {asked} | {heard} | {past} |"


def _off(exchange: Exchange) -> str:
    return " (with a key)" if exchange.key_header else " (off by default)"


def _asked(poll: Poll) -> str:
    if poll.at:
        return f"{poll.name} at {' and '.join(f'{at:%H:%M}' for at in poll.at)} UTC"
    often = f"{poll.name} every {_words(poll.every)}".replace("every 1 ", "every ")
    return f"{often}, in turn" if poll.rotates else often


def _section(exchange: Exchange) -> str:
    return "\n".join(_lines(exchange))


def _lines(exchange: Exchange) -> Iterator[str]:
    budget = f"{exchange.budget.weight:,} a {_words(exchange.budget.per)}".replace("a 1 ", "a ")
    yield f"## {exchange.title}\n"
    address = exchange.base_url or "no address of its own"
    yield f"`{exchange.venue}` · {address} · {exchange.counted} · budget {budget}\n"
    yield "| endpoint | field | unit or meaning | source | sure |"
    yield "|---|---|---|---|---|"
    for fact in exchange.facts:
        yield f"| `{fact.endpoint}` | {fact.field} | {fact.unit} | {fact.source} | {fact.confidence} |"
    for doubt in exchange.doubts:
        yield f"\nIn doubt: {doubt}."
    for socket in exchange.sockets:
        yield f"\nHears `{socket.name}` at `{socket.url}`: {socket.completeness}."
    if exchange.key_header:
        yield f"\nOff without a key, which goes in the header `{exchange.key_header}`."
    if exchange.closed:
        yield f"\nThis venue is {exchange.closed}."
    elif exchange.unheard:
        yield f"\nNo liquidations: {exchange.unheard}."
    if exchange.retold is not None:
        yield "\nIts past is fetched once where there is a key, and kept beside live figures by its name."
    if exchange.unasked:
        yield f"\nRead but never asked for: {', '.join(f'`{poll.name}`' for poll in exchange.unasked)}."
    yield ""


def _words(span: timedelta) -> str:
    for unit, length in (
        ("year", timedelta(days=365)),
        ("day", timedelta(days=1)),
        ("hour", timedelta(hours=1)),
        ("minute", timedelta(minutes=1)),
    ):
        if span >= length:
            return _count(round(span / length), unit)
    return _count(round(span / timedelta(seconds=1)), "second")


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


if __name__ == "__main__":
    sys.stdout.write(document())
