"""The scorecard: what is confirmed, taken back, running, late or missed, and how soon chats were told."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.domain.posts import Measure, Subscription, Threshold, Told
from bot.domain.waves import Kind, Magnitude, Stage, Wave
from bot.pipeline.score import IN_TIME, Fate, Scorecard, score
from tests.storage.samples import BTC, DAY, ETH, HOME, HOUR, MINUTE, NOW
from tests.storage.samples import wave as sample

WEEKLY = Subscription(destination=HOME, threshold=Threshold(Measure.W, 2.2), created=NOW - DAY)
SECOND = timedelta(seconds=1)


def wave(
    name: str = "1a", stage: Stage = Stage.OVER, begins: timedelta = timedelta(), **more: object
) -> Wave:
    onset = NOW + begins
    facts = {"opened": onset + 2 * MINUTE, "low_at": onset + 9 * MINUTE, "over_at": onset + 9 * MINUTE}
    return replace(sample(name, stage=stage, onset=onset), **(facts | more))


def told(name: str, *after: timedelta) -> Told:
    return Told(name, tuple((NOW + each, 1) for each in sorted(after)))


def card(
    *waves: Wave,
    log: tuple[Told, ...] = (),
    subscriptions: tuple[Subscription, ...] = (WEEKLY,),
    spared: frozenset[str] = frozenset(),
) -> Scorecard:
    return score(waves, log, subscriptions, spared, NOW - DAY, NOW + DAY)


def fate(*waves: Wave, **given: object) -> list[Fate]:
    return [one.fate for one in card(*waves, **given).scored]  # type: ignore[arg-type]


def test_a_wave_told_before_its_low_is_confirmed_once_it_is_over() -> None:
    log = (told("1a", 2 * MINUTE),)
    assert fate(wave(), log=log) == [Fate.CONFIRMED]
    assert fate(wave(stage=Stage.PEAK, over_at=None), log=log) == [Fate.RUNNING]
    assert fate(wave(stage=Stage.RETRACTED), log=log) == [Fate.RETRACTED]


def test_a_wave_told_after_its_low_was_missed() -> None:
    low = 9 * MINUTE
    assert fate(wave(), log=(told("1a", low + IN_TIME),)) == [Fate.CONFIRMED]
    late = card(wave(), log=(told("1a", low + IN_TIME + SECOND),))
    assert [one.fate for one in late.scored] == [Fate.LATE]
    assert (late.sent, late.missed) == (1, 1)


def test_a_wave_that_nobody_was_told_of_is_missed_where_somebody_had_asked_for_it() -> None:
    assert fate(wave()) == [Fate.MISSED]
    assert fate(wave(magnitude=Magnitude(2.1, 2, 3))) == [], "smaller than what was asked for"
    assert fate(wave(kind=Kind.UNWIND)) == [], "not of a kind that was asked for"
    assert fate(wave(), subscriptions=(replace(WEEKLY, created=NOW + SECOND),)) == [], "asked for afterwards"
    assert fate(wave(), subscriptions=(replace(WEEKLY, assets=frozenset({ETH})),)) == []
    assert fate(wave(stage=Stage.RETRACTED)) == []
    assert fate(wave(), spared=frozenset({"1a"})) == [], "silence was asked for"


def test_a_coin_told_as_part_of_a_larger_fall_is_not_missed() -> None:
    small = wave("1b", asset=ETH, begins=10 * MINUTE, price_before_usd=4.0, price_now_usd=3.0)
    assert fate(wave(), small, log=(told("1a", 2 * MINUTE),)) == [Fate.CONFIRMED]
    apart = replace(small, opened=NOW + 3 * HOUR)
    assert fate(wave(), apart, log=(told("1a", 2 * MINUTE),)) == [Fate.MISSED, Fate.CONFIRMED]


def test_every_chat_counts_for_how_soon_they_were_told() -> None:
    log = Told("1a", ((NOW + 2 * MINUTE + SECOND, 98), (NOW + 3 * MINUTE, 2)))
    found = card(wave(), log=(log,))
    assert found.deliveries == 100
    assert found.from_onset is not None
    assert (found.from_onset.p50, found.from_onset.p99) == (2 * MINUTE + SECOND, 3 * MINUTE)
    assert found.from_alarm is not None
    assert (found.from_alarm.p50, found.from_alarm.p99) == (SECOND, MINUTE)
    assert card(wave()).from_onset is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Stage.OVER, Stage.PEAK, Stage.RETRACTED]), st.booleans(), st.integers(0, 20)
        ),
        max_size=8,
    )
)
def test_every_wave_that_was_told_is_counted_once(facts: list[tuple[Stage, bool, int]]) -> None:
    waves = [wave(str(n), stage, n * HOUR, asset=BTC) for n, (stage, _, _) in enumerate(facts)]
    log = tuple(
        Told(str(n), ((NOW + n * HOUR + minutes * MINUTE, 1),))
        for n, (_, was_told, minutes) in enumerate(facts)
        if was_told
    )
    found = card(*waves, log=log)
    assert found.sent == len(log) == found.deliveries
    assert len({one.wave.id for one in found.scored}) == len(found.scored) == sum(map(found.count, Fate))
    assert all((one.first is None) is (one.fate is Fate.MISSED) for one in found.scored)


def test_a_played_second_is_real_once_the_alarm_is_raised() -> None:
    log = Told("1a", ((NOW + 3 * MINUTE, 1),))
    found = score((wave(),), (log,), (WEEKLY,), (), NOW - DAY, NOW + DAY, speed=60)
    assert found.from_alarm is not None
    assert found.from_alarm.p50 == SECOND
    assert found.from_onset is not None
    assert found.from_onset.p50 == 2 * MINUTE + SECOND
