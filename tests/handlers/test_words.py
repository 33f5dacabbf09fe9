from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from math import log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.assets import Asset
from bot.domain.posts import MONTHLY_W, WEEKLY_W, YEARLY_W, Destination, Measure, Subscription, Threshold
from bot.errors import AskError
from handlers.subscription_words import typed
from handlers.wanted import read_wanted
from handlers.words import read_coin, read_count, read_period, read_wave_id
from tests.handlers.october import NOW

KNOWN = [Asset(name) for name in ("BTC", "ETH", "SOL", "PEPE")]
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("said", ["btc", "BTC", "$BTC", "xbt", "Bitcoin", "btcusdt", "BTC-PERP", " btc "])
def test_a_coin_is_known_by_all_its_names(said: str) -> None:
    assert read_coin(said, KNOWN) == "BTC"


@pytest.mark.parametrize("said", ["1000PEPE", "kPEPE", "pepe"])
def test_a_thousand_of_a_coin_is_the_coin(said: str) -> None:
    assert read_coin(said, KNOWN) == "PEPE"


@pytest.mark.parametrize(("said", "meant"), [("bct", "BTC"), ("etherium", "ETH"), ("slo", "SOL")])
def test_an_unknown_coin_names_the_nearest(said: str, meant: str) -> None:
    with pytest.raises(AskError) as error:
        read_coin(said, KNOWN)
    assert f'I know no coin "{said}". Did you mean **{meant}**?' in error.value.text
    assert error.value.suggestions == (f"/oi {meant.lower()}",)


def test_a_coin_like_nothing_known_lists_what_is_watched() -> None:
    with pytest.raises(AskError, match="I watch BTC, ETH, SOL, PEPE"):
        read_coin("qqqq", KNOWN)


def test_before_anything_is_seen_no_coin_is_called_unknown() -> None:
    with pytest.raises(AskError, match="not seen any market yet"):
        read_coin("pepe", [])
    assert read_coin("bitcoin", []) == "BTC"


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        ("90m", 1.5),
        ("24h", 24),
        ("7d", 168),
        ("1w", 168),
        ("2 days", 48),
        ("1.5h", 1.5),
        ("1h30m", 1.5),
        ("2 months", 1461),
        ("1y", 8766),
    ],
)
def test_a_period_is_read(said: str, hours: float) -> None:
    assert read_period(said) == hours * HOUR


@pytest.mark.parametrize("said", ["24x", "h", "-3h", "", "1m", "99w9", "999999d"])
def test_a_period_that_is_none_says_how_to_write_one(said: str) -> None:
    with pytest.raises(AskError, match="`24h`"):
        read_period(said)


@pytest.mark.parametrize(
    ("said", "threshold"),
    [
        ("3/week", Threshold(Measure.W, log10(56))),
        ("about 3 a week", Threshold(Measure.W, log10(56))),
        ("2 per month", Threshold(Measure.W, log10(730.5 / 2))),
        ("twice a month", Threshold(Measure.W, log10(730.5 / 2))),
        ("three times a week", Threshold(Measure.W, log10(56))),
        ("~1 a month", Threshold(Measure.W, log10(730.5))),
        ("1 per fortnight", Threshold(Measure.W, log10(336))),
        ("every month", Threshold(Measure.W, log10(730.5))),
        ("5% in an hour", Threshold(Measure.FALL, 0.05, HOUR)),
        ("10 % a day", Threshold(Measure.FALL, 0.1, 24 * HOUR)),
        ("magnitude: 3", Threshold(Measure.W, 3)),
        ("w3+", Threshold(Measure.W, 3)),
        ("more than $1b", Threshold(Measure.USD, 1e9)),
        ("800 million", Threshold(Measure.USD, 8e8)),
        ("2,5/wk", Threshold(Measure.W, log10(168 / 2.5))),
        ("only historic", Threshold(Measure.W, YEARLY_W)),
        ("W 2,9", Threshold(Measure.W, 2.9)),
        ("5,5% 1,0h", Threshold(Measure.FALL, 0.055, HOUR)),
        ("5 percent in 1h", Threshold(Measure.FALL, 0.05, HOUR)),
        ("$1,5b", Threshold(Measure.USD, 1.5e9)),
        ("٣/week", Threshold(Measure.W, log10(56))),
        ("weekly", Threshold(Measure.W, WEEKLY_W)),
        ("monthly", Threshold(Measure.W, MONTHLY_W)),
        ("historic", Threshold(Measure.W, YEARLY_W)),
        ("W 3.2", Threshold(Measure.W, 3.2)),
        ("w>=3.2", Threshold(Measure.W, 3.2)),
        ("5% 1h", Threshold(Measure.FALL, 0.05, HOUR)),
        ("5 % within 4h", Threshold(Measure.FALL, 0.05, 4 * HOUR)),
        ("−5% whole", Threshold(Measure.FALL, 0.05)),
        ("$800m", Threshold(Measure.USD, 8e8)),
        ("1.5b", Threshold(Measure.USD, 1.5e9)),
        ("$1,500,000", Threshold(Measure.USD, 1.5e6)),
        ("1.5b usd", Threshold(Measure.USD, 1.5e9)),
        ("10k", Threshold(Measure.USD, 1e4)),
        ("$800m native", Threshold(Measure.USD, 8e8)),
        ("10k native", Threshold(Measure.USD, 1e4)),
    ],
)
def test_a_threshold_is_read(said: str, threshold: Threshold) -> None:
    read = read_wanted(said, KNOWN, "threshold")
    assert (read.threshold, read.assets) == (threshold, None)


@pytest.mark.parametrize(
    ("said", "assets"),
    [
        ("btc eth 3/week", {"BTC", "ETH"}),
        ("btc,eth weekly", {"BTC", "ETH"}),
        ("weekly xbt", {"BTC"}),
        ("10k btc", {"BTC"}),
        ("$800m btc", {"BTC"}),
        ("$1,500,000 btc eth", {"BTC", "ETH"}),
        ("$ 800m all", set()),
        ("all monthly", set()),
        ("5% 1h sol", {"SOL"}),
    ],
)
def test_coins_are_found_beside_a_threshold(said: str, assets: set[str]) -> None:
    assert set(read_wanted(said, KNOWN, "subscribe").assets or ()) == assets


@pytest.mark.parametrize("said", ["all weekly native", "native all weekly", "all native only weekly"])
def test_native_only_is_a_word_among_the_others(said: str) -> None:
    read = read_wanted(said, KNOWN, "subscribe")
    assert (read.native_only, read.assets, read.threshold) == (
        True,
        frozenset(),
        Threshold(Measure.W, WEEKLY_W),
    )
    assert read_wanted("all weekly", KNOWN, "subscribe").native_only is None


@pytest.mark.parametrize("said", ["btc weekly any group", "any leader btc weekly", "weekly any-group btc"])
def test_any_group_is_not_every_coin(said: str) -> None:
    read = read_wanted(said, KNOWN, "subscribe")
    assert (read.native_only, read.assets) == (False, frozenset({Asset("BTC")}))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("5%", "`/threshold 5%` needs a period: `/threshold 5% 1h`"),
        ("5% 2h", "5 min, 15 min, 1 h, 4 h, 24 h"),
        ("200%", "No more than 100 %"),
        ("0%  1h", "less than 0.1 % are noise"),
        ("$0", "above zero"),
        (f"${'9' * 400}", "No market is as large"),
        ("9000000b btc", "No market is as large"),
        ("5000 coins", "needs one coin"),
        ("100/day", "More than one an hour is noise"),
        ("0/week", "More than one an hour is noise"),
        ("W 12", "2.2 weekly, 2.9 monthly"),
        ("wekly", 'Did you mean "weekly"?'),
        ("3x", "Say how often"),
        ("2 per hour", "More than one an hour is noise"),
        ("off", "`/unsubscribe all`"),
        ("weekly monthly", "One subscription has one size"),
        ("rarely", 'I know no coin "rarely". I watch BTC'),
        ("bct", "Did you mean **BTC**?"),
    ],
)
def test_a_mistaken_threshold_says_what_was_expected(said: str, expected: str) -> None:
    with pytest.raises(AskError) as error:
        read_wanted(said, KNOWN, "threshold")
    assert expected in error.value.text
    assert error.value.suggestions


@pytest.mark.parametrize(
    ("said", "proposed"),
    [
        ("btc wekly native", "/subscribe btc weekly native"),
        ("btc 5%", "/subscribe btc 5% 1h"),
        ("btc 5% 30m", "/subscribe btc 5% 1h"),
        ("eth 150% 1h", "/subscribe eth 5% 1h"),
        ("eth 3x", "/subscribe eth weekly"),
        ("bct", "/subscribe btc weekly"),
    ],
)
def test_what_is_proposed_asks_for_no_other_coins(said: str, proposed: str) -> None:
    with pytest.raises(AskError) as error:
        read_wanted(said, KNOWN, "subscribe")
    assert error.value.suggestions[0] == proposed
    assert read_wanted(proposed.removeprefix("/subscribe "), KNOWN, "subscribe").threshold


@pytest.mark.parametrize("said", ["0", "21", "x", "1.5", "-1"])
def test_a_count_is_from_one_to_twenty(said: str) -> None:
    with pytest.raises(AskError, match="1 to 20"):
        read_count(said)


def test_a_wave_is_known_with_or_without_its_sign() -> None:
    assert read_wave_id("#1A") == "1a"


@given(st.text(max_size=40))
def test_whatever_is_typed_is_read_or_explained(said: str) -> None:
    for read in (read_coin, read_period, read_count, read_wave_id):
        with suppress(AskError):
            read(said, KNOWN)
    with suppress(AskError):
        read_wanted(said, KNOWN, "subscribe")


thresholds = st.one_of(
    st.builds(Threshold, st.just(Measure.W), st.floats(0.01, 8)),
    st.builds(
        Threshold,
        st.just(Measure.FALL),
        st.integers(10, 9990).map(lambda n: n / 10_000),
        st.sampled_from([None, HOUR, 4 * HOUR, HOUR / 4]),
    ),
    st.builds(Threshold, st.just(Measure.USD), st.integers(1, 10**12).map(float)),
    st.builds(Threshold, st.just(Measure.COINS), st.integers(1, 10**9).map(float)),
)


@given(thresholds)
def test_a_threshold_written_out_is_read_back_as_the_same(threshold: Threshold) -> None:
    subscription = Subscription(
        destination=Destination("local", "main"),
        assets=frozenset({Asset("BTC")}),
        threshold=threshold,
        created=NOW,
    )
    read = read_wanted(typed(subscription), KNOWN, "threshold").threshold
    assert read is not None
    assert (read.measure, read.horizon) == (threshold.measure, threshold.horizon)
    assert read.value == pytest.approx(threshold.value)
