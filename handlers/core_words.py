"""Texts that are made in the core, in English, told in the language spoken.

What is stored (why a wave was taken back, a notice) stays as it was written. Here stand the sentences it is
written by; what fits none of them, such as a venue's own words, is told as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from bot.domain.health import SourceState
from bot.domain.market import Completeness
from bot.domain.verdicts import Verdict
from handlers.speech import ENGLISH, N_, _, spoken

VERDICTS: Mapping[Verdict, str] = {
    Verdict.ACCEPT: N_("believed"),
    Verdict.STALE: N_("too old when it arrived"),
    Verdict.FROZEN: N_("the same number for longer than this market ever stands still"),
    Verdict.ZERO: N_("zero where there was open interest"),
    Verdict.JUMPED: N_("a jump, held back until the next readings agree"),
    Verdict.RESIZED: N_("the venue changed how it counts; a new beginning, not a fall"),
    Verdict.RECOUNTED: N_("liquidations held back: its open interest seems to be told in other units"),
    Verdict.EXPIRED: N_("the contract expired"),
    Verdict.FUTURE: N_("stamped in the future"),
    Verdict.REPEATED: N_("told twice"),
    Verdict.BACKWARDS: N_("older than what was already known"),
    Verdict.IMPOSSIBLE: N_("not a possible amount"),
    Verdict.UNPRICED: N_("no fresh price to count its coins with"),
    Verdict.UNREADABLE: N_("the payload is not what this venue is known to send"),
}
STATES: Mapping[SourceState, str] = {
    # For translators: of a feed of figures, in a narrow column: not asked yet.
    SourceState.WAITING: N_("waiting"),
    SourceState.FRESH: N_("fresh"),
    SourceState.LATE: N_("late"),
    SourceState.LOST: N_("lost"),
    # For translators: of a feed: the venue asks us to ask less often.
    SourceState.THROTTLED: N_("throttled"),
    # For translators: of a feed: the venue refuses our address.
    SourceState.BLOCKED: N_("blocked"),
    # For translators: of a feed: it answers in a form we do not know.
    SourceState.CHANGED: N_("changed"),
    # For translators: of a feed: connected, but silent while others are busy.
    SourceState.DEAF: N_("deaf"),
}
"""Of a feed, as short as a table needs."""
TELLS: Mapping[Completeness | None, str] = {
    # For translators: in the column "tells": every liquidation.
    Completeness.COMPLETE: N_("all"),
    # For translators: in the column "tells": a lower bound, since only some liquidations are told.
    Completeness.THROTTLED: N_("a floor"),
    None: "?",
}
SENTENCES = (
    N_("{venue} counted less open interest for {minutes} min and then as before; no positions were closed"),
    N_(
        "Longs were liquidated, but no positions were closed: open interest stood as before {minutes} min "
        "later, so new ones took the place of the forced"
    ),
    N_(
        "Shorts were liquidated, but no positions were closed: open interest stood as before {minutes} min "
        "later, so new ones took the place of the forced"
    ),
    N_("No fresh open interest for {hours} h, so nobody can tell"),
    N_("{scenario} · played {speed} × as fast"),
    N_("Reconstruction of 10 Oct 2025 from published figures, not live"),
    N_("Invented, not live"),
    N_("I cannot see the market"),
    N_("I see the market again"),
    N_(
        "No venue has answered for {minutes} min. You will be told when I see again. Silence now is not calm."
    ),
    N_("I was blind for about {minutes} min. A fall in that time shows when the venues are back."),
    N_("no answer"),
    N_("no answer since {at} UTC"),
    N_("no answer: {detail}"),
    N_("rate limit: {detail} (wait {seconds} s)"),
    N_("rate limit: {detail}"),
    N_("refuses this address (geo-block or ban): {detail}"),
    N_("refuses the key: {detail}"),
    N_("changed payload: {detail}"),
    N_("connected, but not a sound for {seconds} s"),
    N_("only who is liquidated is told of it; public trades carry no mark"),
    N_("the venue has no public feed of liquidations"),
    N_("the exchange has no public feed of liquidations"),
    N_("there is no public feed of liquidations"),
    N_("liquidations are told one market a call, afterwards: they are not asked for"),
    N_("its liquidation channel is unproven: silent for {minutes} minutes of trades, its amounts unclear"),
    N_("the venue is closed"),
    N_("a client library has dropped it, and why is not known"),
    N_("funding of contracts that its list of intervals leaves out is taken for one of 8 hours"),
    N_("funding of contracts whose interval its list does not tell is taken for one of 8 hours"),
    N_("funding of coin-margined contracts, whose interval it does not tell, is taken for one of 8 hours"),
    N_("how often its figures change is not known"),
    N_("its open interest in dollars looked large where it was recorded"),
    N_("its past may be stamped a day early"),
    N_("its past may count both sides"),
    N_("its two addresses told different open interest: only its tickers are asked"),
    N_("open interest is counted on both sides, by its documentation"),
    N_("open interest is probably counted on both sides"),
    N_("shares would not be told apart from coins"),
    N_("shares, metals and the like are left out by name: a new one counts until its name is known"),
    N_("books that others built on it (HIP-3) are not seen: mostly shares, which nothing tells apart"),
    N_("sides of liquidations are little proven"),
    N_("the layout of its page could not be seen, so a figure may be refused that is right"),
    N_("where the page fills its table by a script, as others report, no figure is read"),
    N_("asked to wait"),
    N_("asked too often"),
    N_("HTTP {status}: asked too often"),
    N_("HTTP {status}: this address or country may not ask"),
    N_("HTTP {status}: out of service"),
    N_("HTTP {status}: the question was not understood"),
)
"""What the core says in whole sentences; figures and names stand in the places."""


def verdict_words(verdict: Verdict) -> str:
    return _(VERDICTS[verdict])


def state_words(state: SourceState) -> str:
    return _(STATES[state])


def tells_words(completeness: Completeness | None) -> str:
    """How much of its liquidations a feed tells, for a table."""
    return _(TELLS[completeness])


def retold(text: str) -> str:
    """A text of the core in the language spoken, with what stands in its places told likewise."""
    if not text or spoken() == ENGLISH:
        return text
    for sentence, pattern in _patterns():
        if found := pattern.fullmatch(text):
            return _(sentence).format(**{place: retold(said) for place, said in found.groupdict().items()})
    return text


@cache
def _patterns() -> Sequence[tuple[str, re.Pattern[str]]]:
    return [(sentence, _pattern(sentence)) for sentence in SENTENCES]


def _pattern(sentence: str) -> re.Pattern[str]:
    fixed = re.split(r"\{(\w+)\}", sentence)
    parts = [re.escape(part) if n % 2 == 0 else f"(?P<{part}>.+?)" for n, part in enumerate(fixed)]
    return re.compile("".join(parts), re.DOTALL)
