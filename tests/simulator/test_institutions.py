"""The institutions' simulated pages and answers, read by the real adapters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from bot.domain.market import Holder, Report, ReportKind, Venue
from bot.errors import SourceError
from bot.exchanges import EXCHANGES
from bot.feeds.http import open_http
from bot.simulator.scenario import FiledReport, Scenario
from bot.simulator.servers import serve
from tests.simulator.calling import OCTOBER, Caller, Hands, at

TUESDAY = datetime(2025, 10, 14, 21, tzinfo=UTC)
COT = FiledReport("cme", "BTC", 140_000, 141_000, TUESDAY, TUESDAY + timedelta(days=3), told_by="cftc")


async def told(venue: str, now: datetime, *more: FiledReport, key: str = "") -> Sequence[Report]:
    script = replace(OCTOBER.script, reports=(*OCTOBER.script.reports, *more))
    scenario, clock, exchange = Scenario(script), Hands(now), EXCHANGES[Venue(venue)]
    exchange = changed(exchange, headers={**exchange.headers, exchange.key_header: key}) if key else exchange
    async with (
        serve(scenario, clock, reporters=[venue]) as addresses,
        open_http(exchange, base_url=addresses[venue].base_url, speed=1e6) as http,
    ):
        if venue == "cme":  # nothing is filed of ether, so that its page is not there
            request = exchange.polls[0].requests({})[0]
            answer = exchange.polls[0].parse(await http.fetch(request), {}, now)
            return [one for one in answer.observations if isinstance(one, Report)]
        said = await Caller(exchange, http, clock).observations()
    return [one for one in said if isinstance(one, Report)]


async def test_the_page_of_cme_tells_the_close_and_the_day_before() -> None:
    (cme,) = await told("cme", at(22, 30))
    assert [cme.coins, cme.previous_coins] == pytest.approx([144_710, 145_000])
    assert (cme.as_of, cme.holds_until) == (at(21, 0), datetime(2025, 10, 12, 22, tzinfo=UTC))
    assert not cme.preliminary


async def test_a_preliminary_page_says_so() -> None:
    early = replace(OCTOBER.script.reports[1], preliminary=True, appears=at(22, 25))
    (cme,) = await told("cme", at(22, 30), early)
    assert cme.preliminary


async def test_a_page_that_is_not_there_is_a_fault_of_the_source() -> None:
    with pytest.raises(SourceError):
        await told("cme", at(20, 0) - timedelta(days=9))


async def test_positions_appear_on_the_friday_with_their_tuesday() -> None:
    assert await told("cftc", TUESDAY, COT) == []
    (cot,) = await told("cftc", TUESDAY + timedelta(days=3), COT)
    assert (cot.venue, cot.source, cot.kind) == ("cme", "cftc", ReportKind.WEEKLY)
    assert (cot.coins, cot.previous_coins, cot.as_of) == (140_000, 141_000, TUESDAY)
    funds = next(h for h in cot.holdings if h.holder is Holder.LEVERAGED)
    assert (funds.long_coins, funds.short_coins) == (21_000, 84_000)


@pytest.mark.parametrize(("venue", "elsewhere"), [("coinglass", "bitunix"), ("coinalyze", "woox")])
async def test_what_is_told_again_is_only_what_is_not_asked_here(venue: str, elsewhere: str) -> None:
    reports = await told(venue, at(21, 31), key="a-key")
    apart = [r for r in reports if r.asset == "BTC" and r.venue != "cme"]
    assert [(r.venue, r.source, r.native) for r in apart] == [(elsewhere, venue, True)]
    assert apart[0].coins == pytest.approx(0.01 * OCTOBER.at(at(21, 31)).coins("BTC"))
    cme = [r.coins for r in reports if r.venue == "cme"]
    assert cme == ([145_000] if venue == "coinglass" else [])
