from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import load
from bot.errors import ConfigError
from bot.exchanges import EXCHANGES
from bot.platforms import DiscordSettings, Token

FILED = "a token from a file"


def settings(folder: Path, text: str) -> DiscordSettings:
    file = folder / "config.toml"
    file.write_text(text, "utf-8")
    (folder / "token").write_text(f"{FILED}\n", "utf-8")
    return load(file, EXCHANGES.values()).discord


def test_discord_is_where_the_library_finds_it_unless_told(tmp_path: Path) -> None:
    assert settings(tmp_path, "") == DiscordSettings(Token("DISCORD_TOKEN"))
    told = settings(
        tmp_path,
        """
        [discord]
        token_env = "OTHER"
        token_file = "token"
        api_base = "http://127.0.0.1:9000/api/v10/"
        gateway = "ws://127.0.0.1:9000/gateway"
        """,
    )
    assert told == DiscordSettings(
        Token("OTHER", Path("token")), "http://127.0.0.1:9000/api/v10", "ws://127.0.0.1:9000/gateway"
    )


def test_a_token_in_the_file_of_settings_is_a_fault_that_does_not_repeat_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        settings(tmp_path, '[discord]\ntoken = "MTIz.secret"')
    assert "secret" not in str(raised.value)


def test_the_variable_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(f"{FILED}\n", "utf-8")
    token = Token("WASHOUT_TEST_TOKEN", tmp_path / "token")
    monkeypatch.delenv("WASHOUT_TEST_TOKEN", raising=False)
    assert Token("WASHOUT_TEST_TOKEN").read() is None
    assert token.read() == FILED
    monkeypatch.setenv("WASHOUT_TEST_TOKEN", " from the environment ")
    assert token.read() == "from the environment"


@pytest.mark.parametrize("content", [None, b" \n", b"\xff\xfe"])
def test_a_file_without_a_token_is_the_operators_matter(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match="token"):
        Token("WASHOUT_NO_SUCH_VARIABLE", file).read()
