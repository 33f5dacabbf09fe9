"""Questions in free words are answered with the commands that come nearest."""

from __future__ import annotations

import pytest

from bot.domain.assets import Asset
from bot.errors import AskError
from handlers.commands.registry import read_line

KNOWN = [Asset(coin) for coin in ("BTC", "ETH", "SOL", "ME", "NOT")]


def proposed(text: str) -> tuple[str, ...]:
    with pytest.raises(AskError) as error:
        read_line(text, KNOWN)
    for line in error.value.suggestions:
        read_line(line, KNOWN)
    return error.value.suggestions


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("how much oi has btc?", "/oi btc"),
        ("what is the funding of ether now", "/funding eth"),
        ("show me liquidations of bitcoin in the last 24h", "/liquidations btc 24h"),
        ("why did BTC crash", "/resets btc"),
        ("is the market too leveraged?", "/leverage"),
        ("which exchanges do you watch", "/venues"),
        ("alert me about eth and sol please", "/subscribe eth sol weekly"),
        ("btc vs eth, which one?", "/compare btc eth"),
        ("eth funding", "/funding eth"),
        ("how is ME doing now", "/oi me"),
        ("¿cuánto interés abierto tiene bitcoin?", "/oi btc"),
        ("сколько ликвидаций у биткоин за 24h", "/liquidations btc 24h"),
        ("比特币持仓多少？", "/oi btc"),
        ("btc kaldıraç ne kadar yüksek", "/leverage btc"),
        ("btc", "/oi btc"),
    ],
)
def test_a_question_proposes_the_nearest_command(said: str, meant: str) -> None:
    assert proposed(said)[0] == meant


@pytest.mark.parametrize(
    "said", ["what happened", "tell me a joke please", "do not wake me up", "top of the morning"]
)
def test_where_nothing_is_understood_there_are_examples(said: str) -> None:
    assert proposed(said) == ("/oi btc", "/resets", "/help")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("opi btc", "Did you mean `/oi`?"),
        ("oi bitcon", "Did you mean **BTC**?"),
        ("chart btc 7d colours", 'I have no picture of "colours".'),
        ("hi", 'I know no command "hi".'),
        ("/how much oi has btc?", 'I know no command "/how".'),
    ],
)
def test_a_command_with_a_slip_is_still_told_as_one(typed: str, said: str) -> None:
    with pytest.raises(AskError) as error:
        read_line(typed, KNOWN)
    assert said in error.value.text


@pytest.mark.parametrize("line", ["oi btc", "OI btc 24h", "subscribe me to btc weekly", "compare btc eth"])
def test_what_is_a_command_is_carried_out(line: str) -> None:
    assert read_line(line, KNOWN)[0].name == line.split()[0].lower()
