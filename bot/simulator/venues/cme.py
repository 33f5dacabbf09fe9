"""CME's pages of open interest at the end of a day, as far as the adapter reads them.

What does not fill whole contracts stands in a table of micro contracts.
"""

from __future__ import annotations

from bot.simulator.scenario import FiledReport
from bot.simulator.wire import Answer, Ask, Refused, View, WireFormat

COINS = {"BTC": ("Bitcoin", 5.0), "ETH": ("Ether", 50.0)}
MICRO_COINS = 0.1
HEADS = (
    "<tr><th rowspan=2>Month</th><th colspan=2>Volume</th><th colspan=2>Open Interest</th></tr>"
    "<tr><th>Globex</th><th>Total Volume</th><th>At Close</th><th>Change</th></tr>"
)


def _page(coin: str) -> Answer:
    name, size = COINS[coin]

    def answer(view: View, _: Ask) -> object:
        report = next(
            (r for r in view.scenario.reports(view.now) if (r.venue, r.coin) == ("cme", coin)), None
        )
        if report is None:
            raise Refused(404, f"<html><body>{name}: no figures yet</body></html>")
        standing = "Preliminary" if report.preliminary else "Final"
        before, whole = int(report.previous_coins // size), int(report.coins // size)
        left = [round((c - n * size) / MICRO_COINS) for c, n in _both(report, before, whole)]
        return (
            f"<html><head><title>{name} Futures</title></head><body><h1>{name} Futures</h1>"
            f"<p>Trade date: {report.as_of:%d %b %Y} {standing}</p>{_table(before, whole)}"
            f"<h2>Micro {name} Futures</h2>{_table(*left)}</body></html>"
        )

    return answer


def _both(report: FiledReport, before: int, now: int) -> tuple[tuple[float, int], tuple[float, int]]:
    return (report.previous_coins, before), (report.coins, now)


def _table(before: int, now: int) -> str:
    figures = f"<td>0</td><td>0</td><td>{now:,}</td><td>{now - before:+,}</td>"
    return f"<table>{HEADS}<tr><td>OCT</td>{figures}</tr><tr><td>Total</td>{figures}</tr></table>"


FORMAT = WireFormat(
    {
        "/markets/cryptocurrencies/bitcoin/bitcoin.volume.html": _page("BTC"),
        "/markets/cryptocurrencies/ether/ether.volume.html": _page("ETH"),
    }
)
