"""Which language a chat is spoken to in, and how numbers are written in each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.posts import Destination
from bot.domain.waves import Magnitude
from handlers.commands import Ask, answer
from handlers.commands.changes import change_words
from handlers.commands.language import NAMES, read_language
from handlers.desk import Desk
from handlers.numbers import (
    POWERS,
    Scale,
    coins,
    dated,
    day,
    duration,
    listed,
    percent,
    price,
    return_period,
    share_range,
    short_day,
    usd,
    usd_range,
    weekday,
)
from handlers.speech import LANGUAGES, speaking, taught
from storage.memory import MemoryStore
from tests.handlers.conftest import HERE
from tests.handlers.pseudo import Pseudo, marked

ASK = Ask(HERE, person="7", person_name="Ana")
GROUP = replace(ASK, is_group=True)


async def test_a_chat_speaks_the_language_that_the_platform_names_first(
    desk: Desk, store: MemoryStore
) -> None:
    assert (await answer(desk, replace(ASK, language="pt-BR"), "/help")).language == "en"
    assert (await answer(desk, replace(ASK, language="es-MX"), "/help")).language == "es"
    assert (await answer(desk, replace(ASK, language="ru"), "/help")).language == "es"
    assert (await answer(desk, ASK, "/help")).language == "es"
    (change,) = await store.chats.changes(HERE)
    assert (change.who, change_words(change)) == ("Local", "language English → Español")


async def test_an_alert_is_in_the_language_of_its_chat(desk: Desk) -> None:
    elsewhere = Destination("local", "other")
    await answer(desk, ASK, "/language es")
    with taught("es", Pseudo()):
        here, there = await desk.present("1a", HERE), await desk.present("1a", elsewhere)
        again = await desk.present("1a", HERE)
    assert here is not None
    assert there is not None
    assert here == again
    assert here.card.title.startswith(f"BTC {marked('long flush')}")
    assert here.card.language == "es"
    assert there.card.title.startswith("BTC long flush")
    assert there.card.language == "en"


async def test_the_answer_to_language_is_in_the_new_one_and_offers_the_old_one(desk: Desk) -> None:
    with taught("es", Pseudo()):
        card = await answer(desk, ASK, "/language español")
    assert card.title.startswith(marked("I speak"))
    assert card.language == "es"
    assert card.buttons[0].command == "/language en"
    assert [button.label for button in card.buttons[1:4]] == ["Русский", "中文", "Türkçe"]
    with taught("es", Pseudo()):
        assert (await answer(desk, ASK, "/language en")).title == "I speak English here"
    log = await answer(desk, ASK, "/settings log")
    assert "Ana (7): language Español → English" in log.lines[0].text
    with taught("es", Pseudo()):
        await answer(desk, ASK, "/language es")
        log = await answer(desk, ASK, "/settings log")
    assert f"Ana (7): {marked('language')}" in log.lines[1].text


async def test_a_language_is_changed_by_who_may_change_settings(desk: Desk, store: MemoryStore) -> None:
    async def no() -> bool:
        return False

    card = await answer(desk, replace(GROUP, may_configure=no), "/language ru")
    assert "Only administrators" in card.title
    assert (await store.chats.settings(HERE)).language == ""


async def test_a_chosen_language_stays_when_the_platform_names_another(desk: Desk) -> None:
    await answer(desk, ASK, "/language en")
    assert (await answer(desk, replace(ASK, language="tr"), "/oi")).language == "en"


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_language_is_known_by_its_code_and_by_its_name_in_every_language(code: str) -> None:
    assert read_language(code.upper()) == code
    assert read_language(LANGUAGES[code]) == code
    assert {read_language(name) for name in NAMES[code]} == {code}


async def test_an_unknown_language_is_answered_with_those_there_are(desk: Desk) -> None:
    card = await answer(desk, ASK, "/language klingon")
    assert "I do not speak “klingon”".replace("“", '"').replace("”", '"') in str(card)
    assert [button.command for button in card.buttons] == [f"/language {code}" for code in LANGUAGES]


NOW = datetime(2026, 8, 11, 21, 24, tzinfo=UTC)
LONG_AGO = datetime(2020, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("es", "$8.100 M|415.000 BTC|−9,9 %|62–78 %|$4.100–6.000 M|$3.412,50|41 min|5,6 años|A, B y C"),
        ("ru", "$8,1 млрд|415 000 BTC|−9,9 %|62–78 %|$4,1–6,0 млрд|$3 412,50|41 мин|5,6 года|A, B и C"),
        ("zh", "$81.0亿|41.50万 BTC|−9.9%|62–78%|$41.0–60.0亿|$3,412.50|41分钟|5.6年|A、B和C"),
        ("tr", "$8,1 Mr|415.000 BTC|−%9,9|%62–78|$4,1–6,0 Mr|$3.412,50|41 dk.|5,6 yıl|A, B ve C"),
    ],
)
def test_numbers_are_written_as_the_language_has_them(language: str, wanted: str) -> None:
    with speaking(language):
        shown = [
            usd(8.1e9),
            coins(415_000, "BTC"),
            percent(-0.099),
            share_range(0.62, 0.78),
            usd_range(4.1e9, 6e9),
            price(3412.5),
            duration(timedelta(minutes=41)),
            duration(timedelta(days=2039)),
            listed(["A", "B", "C"]),
        ]
    assert [" ".join(text.split()) for text in shown] == wanted.split("|")


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("es", "11 ago|12 mar 2020|mar|11 ago|mar’20"),
        ("ru", "11 авг.|12 мар. 2020 г.|вт|11 авг|мар’20"),
        ("zh", "8月11日|2020年3月12日|周二|8/11|2020/3"),
        ("tr", "11 Ağu|12 Mar 2020|Sal|11 Ağu|Mar’20"),
    ],
)
def test_days_are_named_as_the_language_has_them(language: str, wanted: str) -> None:
    with speaking(language):
        shown = [day(NOW), dated(LONG_AGO), weekday(NOW), short_day(NOW, NOW), short_day(LONG_AGO, NOW)]
    assert [" ".join(text.split()) for text in shown] == wanted.split("|")


@pytest.mark.parametrize("w", [0.2, 0.45, 1.6, 2.6, 3.2, 4.7, 9.0])
def test_a_return_period_that_is_a_broken_number_takes_a_plural(w: float) -> None:
    assert return_period(Magnitude(w, w, w)).endswith("s")


def value(shown: str, language: str) -> float:
    """What a figure says, read back."""
    digits = shown.removeprefix("$")
    power = 0
    for suffix, exponent in POWERS[language]:
        if digits.endswith(suffix):
            digits, power = digits.removesuffix(suffix), exponent
            break
    if language in ("es", "ru", "tr"):
        digits = digits.replace(".", "").replace(",", ".")
    return float("".join(digits.replace(",", "").split())) * 10.0**power


@pytest.mark.parametrize("language", LANGUAGES)
@given(amount=st.floats(1e-4, 1e14))
def test_coins_keep_four_digits_in_every_language(language: str, amount: float) -> None:
    with speaking(language):
        shown = Scale.coins(amount).show(amount)
    assert value(shown, language) == pytest.approx(amount, rel=6e-4)


@pytest.mark.parametrize("language", LANGUAGES)
@given(amount=st.floats(1e4, 9e14))
def test_dollars_keep_two_digits_and_at_most_three(language: str, amount: float) -> None:
    with speaking(language):
        shown = Scale.usd(amount).show(amount)
    assert value(shown, language) == pytest.approx(amount, rel=0.05)
    digits = f"{value(shown, language):.12e}".partition("e")[0].replace(".", "").rstrip("0")
    assert len(digits) <= 3


@pytest.mark.parametrize("language", LANGUAGES)
@given(st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), min_size=1, max_size=9))
def test_rounded_parts_add_up_as_shown_in_every_language(language: str, amounts: list[float]) -> None:
    with speaking(language):
        scale = Scale.coins(max(abs(amount) for amount in amounts))
    steps = [round(part / scale.step) for part in scale.parts(amounts)]
    assert sum(steps) == round(sum(amount / scale.step for amount in amounts))
