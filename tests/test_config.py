from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import SETTINGS, VENUE_SETTINGS, Settings, VenueSettings, load
from bot.domain.market import Venue
from bot.domain.posts import Measure, Threshold
from bot.errors import ConfigError
from bot.page_settings import PageSettings
from bot.platforms import Token
from bot.settings import address, duration

EXAMPLE = Path(__file__).parents[1] / "config.example.toml"


@dataclass(frozen=True)
class Known:
    venue: Venue
    base_url: str = "https://api.example"
    by_default: bool = True
    key_header: str = ""


PAGE_TOKEN = "a-token-of-the-page"
ACME, APEX, FILED = Known(Venue("acme")), Known(Venue("apex")), Known(Venue("filed"), "", by_default=False)
KNOWN = (ACME, APEX, FILED)


def written(folder: Path, text: str) -> Settings:
    file = folder / "config.toml"
    file.write_text(text, "utf-8")
    return load(file, KNOWN)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        written(folder, text)
    return str(raised.value).splitlines()


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = written(tmp_path, "")
    assert settings.source == tmp_path / "config.toml"
    defaults = load(None, KNOWN)
    assert defaults.source is None
    assert [getattr(settings, name) for name in settings.__struct_fields__[1:]] == [
        getattr(defaults, name) for name in defaults.__struct_fields__[1:]
    ]


def test_without_a_word_about_venues_those_by_default_are_run() -> None:
    assert load(None, KNOWN).venues == (VenueSettings(Venue("acme")), VenueSettings(Venue("apex")))


def test_every_setting_arrives_typed(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(PAGE_TOKEN)
    settings = written(
        tmp_path,
        """
        [market]
        assets = ["XBT", "1000PEPE"]
        poll_every = "1m30s"
        venues = ["apex"]
        [venues.apex]
        base_url = "https://mirror.example/apex/"
        ws_url = "wss://mirror.example"
        [storage]
        path = "here/washout.db"
        [page]
        host = "::1"
        port = 0
        public_url = "https://washout.example"
        public = true
        token_env = "MY_PAGE_SECRET"
        token_file = "TOKEN"
        [alerts]
        default = "monthly"
        [detection]
        coverage_floor = 1
        [log]
        level = "debug"
        format = "json"
        """.replace("TOKEN", str(tmp_path / "token")),
    )
    assert settings == Settings(
        source=tmp_path / "config.toml",
        assets=frozenset({"BTC", "PEPE"}),  # type: ignore[arg-type]
        poll_every=timedelta(seconds=90),
        venues=(VenueSettings(Venue("apex"), "https://mirror.example/apex", "wss://mirror.example"),),
        storage_path=Path("here/washout.db"),
        alert_threshold=Threshold(Measure.W, 2.9),
        coverage_floor=1.0,
        log_level="debug",
        log_format="json",
        page=PageSettings(
            host="::1",
            port=0,
            public_url="https://washout.example",
            public=True,
            token=Token("MY_PAGE_SECRET", tmp_path / "token"),
        ),
    )


@pytest.mark.parametrize(
    ("text", "token", "fine"),
    [
        ("host = '0.0.0.0'", PAGE_TOKEN, True),
        ("host = '0.0.0.0'\npublic = true", "", True),
        ("public_url = 'https://a.example'", PAGE_TOKEN, True),
        ("host = '127.0.0.2'", "", True),
        ("host = '0.0.0.0'", "short", False),
        ("host = '127.0.0.1'", "a token of letters with é", False),
    ],
)
def test_others_may_reach_the_page_with_a_long_token_or_to_read(
    tmp_path: Path, text: str, token: str, fine: bool
) -> None:
    file = f"\ntoken_file = '{tmp_path / 'token'}'" if token else ""
    (tmp_path / "token").write_text(token, "utf-8")
    if fine:
        settings = written(tmp_path, f"[page]\n{text}{file}")
        assert settings.page.token.read() == (token or None)
        assert token not in repr(settings) or not token
        assert not token or token in settings.secrets(), "what is typed is cut out of logs"
    else:
        (line,) = faults(tmp_path, f"[page]\n{text}{file}")
        assert "at least 16 plain characters" in line
        assert token not in line


GLASS = Known(Venue("glass"), by_default=False, key_header="X-KEY")
SECRET = "s3cret-of-glass"


def with_glass(folder: Path, text: str) -> Settings:
    (folder / "config.toml").write_text(text, "utf-8")
    return load(folder / "config.toml", (*KNOWN, GLASS))


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("", False),
        ("[venues.glass]\nkey_file = 'KEY'", True),
        ("[venues.glass]\nkey_file = 'KEY'\nenabled = false", False),
        ("[market]\nvenues = ['acme']\n[venues.glass]\nkey_file = 'KEY'", True),
    ],
)
def test_a_source_that_needs_a_key_runs_where_one_is_found(tmp_path: Path, text: str, runs: bool) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    settings = with_glass(tmp_path, text.replace("KEY", str(tmp_path / "key")))
    assert ("glass" in [venue.venue for venue in settings.venues]) is runs
    assert (SECRET in settings.secrets()) is runs, "what is sent is cut out of logs"
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("text", "key", "told"),
    [
        ("enabled = true", "", "needs a key: set GLASS_API_KEY"),
        ("enabled = true\nkey_env = 'OTHER'", "", "needs a key: set OTHER"),
        ("key_file = 'KEY'", "", "is empty"),
        ("key_file = 'KEY'", f"{SECRET}\nX: y", "not a plain character"),
        ("key_file = 'KEY'", f"{SECRET}é", "not a plain character"),
    ],
)
def test_a_key_that_is_missing_or_broken_is_a_fault_that_does_not_tell_it(
    tmp_path: Path, text: str, key: str, told: str
) -> None:
    (tmp_path / "key").write_text(key, "utf-8")
    with pytest.raises(ConfigError) as raised:
        with_glass(tmp_path, "[venues.glass]\n" + text.replace("KEY", str(tmp_path / "key")))
    assert told in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_venue_without_a_key_takes_none(tmp_path: Path) -> None:
    assert "key_env is not a setting" in faults(tmp_path, "[venues.acme]\nkey_env = 'X'")[0]


def test_all_coins_is_no_list_of_coins(tmp_path: Path) -> None:
    assert written(tmp_path, '[market]\nassets = "all"').assets is None


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ('[market]\nvenues = ["apex", "acme"]', ["acme", "apex"]),
        ('[market]\nvenues = ["apex"]\n[venues.acme]\nenabled = true', ["acme", "apex"]),
        ("[venues.acme]\nenabled = false", ["apex"]),
        ('[venues.acme]\nbase_url = "http://127.0.0.1:1"', ["acme", "apex"]),
        ('[venues.filed]\nbase_url = "http://127.0.0.1:1"', ["acme", "apex"]),
        ('[venues.filed]\nenabled = true\nbase_url = "http://127.0.0.1:1"', ["acme", "apex", "filed"]),
    ],
)
def test_a_venue_runs_when_listed_unless_its_own_table_decides(
    tmp_path: Path, text: str, run: list[str]
) -> None:
    assert [venue.venue for venue in written(tmp_path, text).venues] == run


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[market]\nasets = []", "config.toml: [market] asets is not a setting; did you mean assets?"),
        ("[market]\nport = 1", "config.toml: [market] port is not a setting; it belongs in [page]"),
        ("[log]\nzzz = 1", "config.toml: [log] zzz is not a setting; settings here are level, format"),
        ("[markt]\n", "config.toml: [markt] is not a table; did you mean market?; the tables are alerts"),
        ("port = 1", "config.toml: port stands in no table"),
        ("page = 8080", "config.toml: page must be a table, written [page]"),
        ("venues = 3", "config.toml: venues must be a table, written [venues]"),
        ("[venues]\nacme = 3", "config.toml: [venues] acme must be a table, written [venues.acme]"),
        ("[venues.acme]\nurl = 'x'", "config.toml: [venues.acme] url is not a setting"),
        ("[venues.acne]\n", "config.toml: [venues] acne is not a known venue; did you mean acme?"),
        (
            "[market]\nvenues = ['acme', 'apx']",
            "config.toml: [market] venues: apx is not a known venue;"
            " did you mean apex?; known are acme, apex, filed",
        ),
        ("[venues.filed]\nenabled = true", "config.toml: [venues.filed] needs base_url"),
        ("[market]\nvenues = []", "config.toml: every venue is off, so there is nothing to watch"),
        (
            "[page]\nport = '8080'",
            'config.toml: [page] port = "8080" is not a whole number from 0 (any free port) to 65535:'
            " write, for example, port = 8080",
        ),
        ("[page]\nport = true", "config.toml: [page] port = true is not a whole number"),
        ("[page]\nport = 70000", "config.toml: [page] port = 70000 is not a whole number"),
        ("[page]\nhost = 'here'", 'config.toml: [page] host = "here" is not an IP address of this machine'),
        ("[page]\nhost = '0.0.0.0'", 'config.toml: [page] host = "0.0.0.0" lets others reach the page'),
        ("[page]\nhost = '::'", "set WASHOUT_PAGE_TOKEN, or name a file with it in token_file"),
        ("[page]\npublic_url = 'https://a.example'", 'public_url = "https://a.example" lets others reach'),
        ("[page]\npublic_url = 'https://a.example/b'", "is not an http address without a path"),
        ("[page]\npublic_url = 'https://a:b@a.example'", "is not an http address without a path"),
        ("[page]\npublic = 'yes'", '[page] public = "yes" is not true or false'),
        ("[page]\ntoken_file = 'nowhere/token'", "[page] nowhere/token: the token cannot be read"),
        ("[market]\nassets = 'BTC'", 'config.toml: [market] assets = "BTC" is not a list of coins or "all"'),
        ("[market]\nassets = []", "config.toml: [market] assets = [] is not a list"),
        ("[market]\nassets = ['B T']", "config.toml: [market] assets = ['B T'] is not a list"),
        ("[market]\npoll_every = 60", "config.toml: [market] poll_every = 60 is not a time from 10s to 5m"),
        ("[market]\npoll_every = '1h'", 'config.toml: [market] poll_every = "1h" is not a time'),
        ("[storage]\npath = ''", 'config.toml: [storage] path = "" is not the path of a file'),
        ("[storage]\npath = '~nobody-here/x'", "is not the path of a file"),
        ("[detection]\ncoverage_floor = 0", "coverage_floor = 0 is not a number above 0 and at most 1"),
        ("[detection]\ncoverage_floor = nan", "coverage_floor = nan is not a number above 0"),
        ("[alerts]\ndefault = 'hourly'", 'default = "hourly" is not one of daily, weekly, monthly, yearly'),
        ("[log]\nlevel = 'INFO'", 'level = "INFO" is not one of debug, info, warning, error'),
        ("[venues.acme]\nenabled = 'no'", '[venues.acme] enabled = "no" is not true or false'),
        ("[venues.acme]\nbase_url = 'acme.example'", 'base_url = "acme.example" is not an http address'),
        ("[venues.acme]\nws_url = 'https://x'", 'ws_url = "https://x" is not a websocket address'),
        ("[venues.acme]\nbase_url = 'http://[x'", 'base_url = "http://[x" is not an http address'),
        ("[market\n", "config.toml: not valid TOML: "),
    ],
)
def test_a_fault_is_one_line_that_says_what_where_and_what_to_do(
    tmp_path: Path, text: str, told: str
) -> None:
    (line,) = faults(tmp_path, text)
    assert told in line


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    lines = faults(
        tmp_path, "[market]\nasets = []\npoll_every = 0\n[page]\nhost = 'x'\n[telegram]\ntoken = 'y'"
    )
    assert len(lines) == 4
    assert all(line.startswith("config.toml: ") for line in lines)


def test_the_value_of_an_unknown_key_is_not_repeated(tmp_path: Path) -> None:
    assert "hunter2" not in "\n".join(faults(tmp_path, "[page]\ntoken = 'hunter2'\n[bot]\nkey = 'hunter2'"))


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    (line,) = faults(tmp_path, f"[page]\nhost = '{'x' * 5000}'")
    assert len(line) < 300


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda file: None, "does not exist; copy config.example.toml"),
        (lambda file: file.mkdir(), "cannot be read: Is a directory"),
        (lambda file: file.write_bytes(b"[page]\nhost = '\xff'"), "not UTF-8 text"),
    ],
    ids=["missing", "a folder", "another encoding"],
)
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path, make, told: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "config.toml")
    with pytest.raises(ConfigError, match=told):
        load(tmp_path / "config.toml", KNOWN)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60), ("1m", 60), ("1m30s", 90), ("2 min", 120), ("1.5 Minutes", 90), ("1 hour 5 secs", 3605)],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert duration(text).total_seconds() == seconds


@pytest.mark.parametrize(
    "text", ["", "60", "s", "m1", "1x", "1m,30s", "-1m", "1e9s", "9" * 30 + "h", 60, None]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r".*"):
        duration(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("setting", [*SETTINGS, *VENUE_SETTINGS], ids=lambda s: f"{s.table}.{s.key}")
@given(value=JSON)
def test_a_setting_refuses_any_wrong_value_in_one_way(setting, value: object) -> None:  # type: ignore[no-untyped-def]
    try:
        setting.read(value)
    except ValueError:
        return


@given(st.text())
def test_an_address_is_a_url_with_a_host_or_nothing(text: str) -> None:
    try:
        found = address("http")(f"http://{text}")
    except ValueError:
        return
    assert found is not None
    assert not found.endswith("/")


def test_the_example_holds_every_default(tmp_path: Path) -> None:
    from bot.exchanges import EXCHANGES

    example, defaults = load(EXAMPLE, EXCHANGES.values()), load(None, EXCHANGES.values())
    for name in Settings.__struct_fields__:
        if name != "source":
            assert getattr(example, name) == getattr(defaults, name), name


@pytest.mark.parametrize("setting", [*SETTINGS, *VENUE_SETTINGS], ids=lambda s: f"{s.table}.{s.key}")
def test_the_example_shows_every_setting_under_its_table(setting) -> None:  # type: ignore[no-untyped-def]
    table = ""
    shown = set()
    for line in EXAMPLE.read_text("utf-8").splitlines():
        words = line.removeprefix("# ")
        if words.startswith("["):
            table = words.strip("[]").partition(".")[0]
        elif " = " in words:
            shown.add((table, words.partition(" = ")[0]))
    assert (setting.table, setting.key) in shown


def test_how_often_is_a_return_period_in_hours() -> None:
    from bot.config import OFTEN_W

    hours = {"daily": 24, "weekly": 168, "monthly": 730, "yearly": 8766}
    assert {word: math.log10(period) for word, period in hours.items()} == pytest.approx(OFTEN_W, abs=0.05)
