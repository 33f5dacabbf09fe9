"""Every kept payload gives what is expected of it."""

from __future__ import annotations

import pytest

from bot.domain.market import Report
from bot.errors import SourceChanged
from bot.exchanges.spec import Answer
from tests.exchanges.payloads import PAYLOADS, Payload, parsed, told

READABLE = [p for p in PAYLOADS if not isinstance(p.expected, str)]
POLLED = [p for p in READABLE if p.what.startswith("poll:")]
NAMED = [p for p in POLLED if not p.symbol]
"""Answers that say themselves which contracts they are of."""


@pytest.mark.parametrize("payload", PAYLOADS, ids=str)
def test_a_payload_means_what_is_kept_with_it(payload: Payload) -> None:
    assert told(payload) == payload.expected


@pytest.mark.parametrize("payload", READABLE, ids=str)
def test_parsing_twice_says_the_same(payload: Payload) -> None:
    assert parsed(payload) == parsed(payload)


@pytest.mark.parametrize("payload", NAMED, ids=str)
def test_unknown_symbols_are_skipped_and_named(payload: Payload) -> None:
    answer = parsed(payload, book={})
    assert isinstance(answer, Answer)
    if all(isinstance(one, Report) for one in answer.observations) and answer.observations:
        return  # a report names its coin itself
    assert answer.observations == []
    symbols = set(payload.expected) - {"unknown", "unreadable", "reports"}
    assert symbols | set(payload.expected.get("unknown", ())) <= set(answer.unknown)


@pytest.mark.parametrize("payload", [p for p in READABLE if p.what.startswith("socket:")], ids=str)
def test_liquidations_of_unknown_symbols_are_skipped(payload: Payload) -> None:
    assert list(parsed(payload, book={})) == []


@pytest.mark.parametrize("payload", POLLED, ids=str)
def test_a_truncated_answer_is_changed_and_shows_its_beginning(payload: Payload) -> None:
    cut = Payload(payload.venue, payload.name, payload.what, payload.body[:-2], None)
    with pytest.raises(SourceChanged) as fault:
        parsed(cut)
    assert fault.value.evidence
    assert fault.value.evidence in payload.body.decode()
    assert len(fault.value.evidence) <= 200
