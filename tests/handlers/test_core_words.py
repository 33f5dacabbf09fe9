"""What the core says in English is told in every language: no sentence of its own is unknown here."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from bot.blindness import blind_notice, sees_again
from bot.domain.health import SourceState
from bot.domain.market import Completeness
from bot.domain.verdicts import VERDICT_MEANS, Verdict
from bot.errors import SourceBlocked, SourceChanged, SourceError, SourceThrottled, SourceUnreachable
from bot.exchanges import EXCHANGES
from bot.feeds.contact import MEANS, in_words
from bot.health import Health
from handlers.core_words import SENTENCES, STATES, TELLS, VERDICTS, retold
from handlers.own_cards import notice_card
from handlers.speech import speaking, taught
from tests.handlers.october import NOW
from tests.handlers.pseudo import Pseudo, marked

BLIND = blind_notice(NOW - timedelta(minutes=6), NOW)


def in_another_language(text: str) -> str:
    with taught("es", Pseudo()), speaking("es"):
        return retold(text)


def plain_words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]{2,}", text) if word.isascii()]


def test_every_verdict_and_state_has_its_words() -> None:
    assert VERDICTS == VERDICT_MEANS
    assert set(VERDICTS) == set(Verdict)
    assert set(STATES) == set(SourceState)
    assert set(TELLS) == {*Completeness, None}


@pytest.mark.parametrize(
    "notice", [BLIND, sees_again(BLIND, NOW + timedelta(minutes=9))], ids=["blind", "sees"]
)
def test_a_notice_is_told_in_the_chats_language(notice) -> None:  # type: ignore[no-untyped-def]
    with taught("es", Pseudo()), speaking("es"):
        card = notice_card(notice)
    assert plain_words(f"{card.title} {card.lines[0].text}") == []


@pytest.mark.parametrize("venue", [venue for venue, known in EXCHANGES.items() if known.unheard])
def test_why_a_venue_tells_no_liquidations_is_told(venue) -> None:  # type: ignore[no-untyped-def]
    assert plain_words(in_another_language(EXCHANGES[venue].unheard)) == []


DOUBTED = [(venue, doubt) for venue, known in EXCHANGES.items() for doubt in known.doubts]


@pytest.mark.parametrize(("venue", "doubt"), DOUBTED)
def test_what_may_be_wrong_with_a_venue_is_told(venue, doubt) -> None:  # type: ignore[no-untyped-def]
    assert plain_words(in_another_language(doubt)) == []


@pytest.mark.parametrize(
    "fault",
    [
        SourceUnreachable("HTTP 503: out of service"),
        SourceThrottled("asked to wait", retry_after=timedelta(seconds=30)),
        SourceBlocked("HTTP 451: this address or country may not ask"),
        SourceChanged("HTTP 400: the question was not understood"),
    ],
)
def test_why_a_feed_is_not_fresh_is_told(fault: SourceError) -> None:
    assert set(plain_words(in_another_language(in_words(fault)))) <= {"HTTP"}


def test_what_a_venue_said_itself_stays_behind_what_it_means() -> None:
    said = in_another_language("changed payload: openInterest is missing")
    assert said.startswith(marked("changed payload: "))
    assert "openInterest is missing" in said


def test_a_feed_that_is_late_says_since_when() -> None:
    health = Health(lambda: NOW)
    gate = EXCHANGES[next(iter(EXCHANGES))]
    at = NOW - timedelta(minutes=9)
    health.expect(gate.venue, "tickers", at, title="Gate", group=gate.group, late_after=timedelta(minutes=3))
    health.heard(gate.venue, "tickers", at)
    health.turn(gate.venue, "tickers", at, SourceState.FRESH)
    (late,) = health.at(NOW)
    assert late.state is SourceState.LATE
    assert set(plain_words(in_another_language(late.why))) <= {"UTC"}


@pytest.mark.parametrize("text", ["", "what nobody here has ever written", "no answers: {detail}"])
def test_a_text_of_nobody_is_told_as_it_is(text: str) -> None:
    assert in_another_language(text) == text


@pytest.mark.parametrize("meaning", MEANS.values())
def test_every_meaning_of_a_fault_begins_a_sentence(meaning: str) -> None:
    assert any(sentence.startswith(f"{meaning}: ") for sentence in SENTENCES)
