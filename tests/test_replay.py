"""``washout replay`` as a user has it: files in, JSON lines and one summary out."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import UsageError
from bot.replay import main

FIELDS = [
    "id",
    "asset",
    "kind",
    "onset",
    "peak",
    "over",
    "stage",
    "depth_pct",
    "coins_closed",
    "usd_closed",
    "position_part_usd",
    "price_part_usd",
    "price_move_pct",
    "magnitude",
    "magnitude_low",
    "magnitude_high",
    "verdict",
    "coverage",
    "one_venue",
    "by_venue",
    "missing",
]
START = datetime(2025, 3, 1, tzinfo=UTC)
HEAD = ["timestamp", "venue", "coin", "oi_usd", "price"]
Row = list[Any]


def market(
    step: timedelta = timedelta(minutes=5),
    days: float = 7,
    crash: float = 5.5,
    venues: int = 4,
    *,
    in_coins: bool = False,
) -> Iterator[Row]:
    """Quiet days, and from day ``crash`` on within 40 minutes −12 % of the coins and −8 % of the price."""
    chance = random.Random(4)  # noqa: S311
    step_s = step.total_seconds()
    scale = math.sqrt(step_s / 60)
    market_wide = price_walk = 0.0
    own = [0.0] * venues
    for number in range(int(days * 86400 / step_s)):
        at = START + number * step
        market_wide += -market_wide * step_s / 172_800 + chance.gauss(0, 0.00015) * scale
        price_walk += chance.gauss(0, 0.0004) * scale
        fallen = min(1.0, max(0.0, (number * step_s - crash * 86400) / 2400))
        price = 60_000 * math.exp(price_walk) * (1 - 0.08 * fallen)
        for venue in range(venues):
            own[venue] += -own[venue] * step_s / 86400 + chance.gauss(0, 0.0003) * scale
            coins = 20_000 / (venue + 1) * math.exp(market_wide + own[venue]) * (1 - 0.12 * fallen)
            yield [
                at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                f"venue{venue}",
                "BTC",
                coins if in_coins else coins * price,
                price,
            ]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(market())


def written(path: Path, rows: Sequence[Row], head: Sequence[str] = HEAD) -> Path:
    opened = gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="")  # noqa: SIM115
    with opened as file:
        out = csv.writer(file)
        out.writerow(head)
        out.writerows(rows)
    return path


def parquet(path: Path, rows: Sequence[Row], head: Sequence[str] = HEAD) -> Path:
    import pyarrow
    import pyarrow.parquet

    columns = dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))
    columns["timestamp"] = [datetime.fromisoformat(at) for at in columns["timestamp"]]
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def replayed(path: Path, prices: Path | None = None, asset: str | None = None) -> tuple[list[Any], list[str]]:
    """Its JSON lines, and the lines on stderr."""
    out, err = io.StringIO(), io.StringIO()
    assert main(path, prices, asset, True, out, err) == 0
    return [json.loads(line) for line in out.getvalue().splitlines()], err.getvalue().splitlines()


@pytest.fixture(scope="module")
def found(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return replayed(written(tmp_path_factory.mktemp("plain") / "history.csv", rows))[0]


def test_the_crash_is_one_flush_with_all_its_figures(found: list[Any]) -> None:
    (wave,) = found
    assert list(wave) == FIELDS
    assert (wave["asset"], wave["kind"], wave["stage"]) == ("BTC", "flush", "over")
    onset, peak = (datetime.fromisoformat(wave[name]) for name in ("onset", "peak"))
    crash = START + timedelta(days=5.5)
    assert abs(onset - crash) <= timedelta(minutes=20)
    assert abs(peak - crash) <= timedelta(hours=1, minutes=30)
    assert wave["over"] == wave["peak"]
    assert wave["depth_pct"] == pytest.approx(12, abs=0.7)
    assert wave["price_move_pct"] == pytest.approx(-8, abs=1)
    assert wave["magnitude_low"] < wave["magnitude"] < wave["magnitude_high"]
    assert wave["magnitude"] > 2.9
    assert wave["verdict"] == "native-led"
    assert wave["coverage"] == 1.0
    assert not wave["one_venue"]
    assert wave["missing"] == []


def test_the_parts_of_the_dollars_and_the_venues_add_up(found: list[Any]) -> None:
    (wave,) = found
    assert wave["position_part_usd"] + wave["price_part_usd"] == pytest.approx(wave["usd_closed"])
    assert wave["position_part_usd"] > 0
    assert wave["price_part_usd"] > 0
    assert sum(wave["by_venue"].values()) == pytest.approx(wave["coins_closed"])
    assert list(wave["by_venue"]) == ["venue0", "venue1", "venue2", "venue3"], "the largest first"


@pytest.mark.parametrize("name", ["history.csv", "history.csv.gz", "history.parquet"])
def test_every_format_tells_the_same(name: str, rows: list[Row], found: list[Any], tmp_path: Path) -> None:
    write = parquet if name.endswith("parquet") else written
    assert replayed(write(tmp_path / name, rows))[0] == found


def test_coins_and_dollars_tell_the_same(found: list[Any], tmp_path: Path) -> None:
    head = ["timestamp", "venue", "coin", "oi_coins", "price"]
    (wave,) = replayed(written(tmp_path / "coins.csv", list(market(in_coins=True)), head))[0]
    (usual,) = found
    assert wave["coins_closed"] == pytest.approx(usual["coins_closed"])
    assert wave["onset"] == usual["onset"]


@pytest.mark.parametrize(
    ("step", "days", "crash", "steps_of"),
    [
        (timedelta(seconds=10), 2.0, 1.5, "0:01:00"),
        (timedelta(minutes=1), 3.0, 2.5, "0:01:00"),
        (timedelta(minutes=15), 14.0, 10.5, "0:15:00"),
        (timedelta(hours=1), 40.0, 30.5, "1:00:00"),
        (timedelta(days=1), 200.0, 150.0, "1 day, 0:00:00"),
    ],
    ids=lambda value: str(value),
)
def test_any_step_from_seconds_to_a_day_is_understood(
    step: timedelta, days: float, crash: float, steps_of: str, tmp_path: Path
) -> None:
    waves, told = replayed(written(tmp_path / "h.csv", list(market(step, days, crash, venues=2))))
    assert f"in steps of {steps_of};" in told[-1]
    began = START + timedelta(days=crash)
    near = [w for w in waves if abs(datetime.fromisoformat(w["onset"]) - began) <= max(2 * step, HOUR)]
    assert [w["kind"] for w in near] == ["flush"]
    assert near[0]["depth_pct"] == pytest.approx(12, abs=1.5)


HOUR = timedelta(hours=1)


def test_stamps_taken_a_little_late_still_mean_their_step(rows: list[Row], tmp_path: Path) -> None:
    chance = random.Random(8)  # noqa: S311
    late = []
    for at, *rest in rows:
        moved = datetime.fromisoformat(at) + timedelta(seconds=chance.uniform(0, 60))
        late.append([moved.isoformat(), *rest])
    waves, told = replayed(written(tmp_path / "late.csv", late))
    assert "in steps of 0:05:00;" in told[-1]
    assert [w["kind"] for w in waves] == ["flush"]


@pytest.mark.parametrize("column", ["close", "price"])
@pytest.mark.parametrize("by_venue", [True, False])
def test_prices_may_come_from_a_file_of_their_own(
    column: str, by_venue: bool, rows: list[Row], found: list[Any], tmp_path: Path
) -> None:
    bare = written(tmp_path / "oi.csv", [row[:4] for row in rows], HEAD[:4])
    if by_venue:
        quoted = [[at, venue, coin, price] for at, venue, coin, _, price in rows]
        head = ["timestamp", "venue", "coin", column]
    else:
        quoted = [[at, coin, price] for at, venue, coin, _, price in rows if venue == "venue0"]
        head = ["timestamp", "coin", column]
    assert replayed(bare, written(tmp_path / "prices.csv", quoted, head))[0] == found


def test_dollars_without_a_price_are_unpriced_and_no_wave(rows: list[Row], tmp_path: Path) -> None:
    waves, told = replayed(written(tmp_path / "oi.csv", [row[:4] for row in rows], HEAD[:4]))
    assert waves == []
    assert f"rejected: unpriced {len(rows):,};" in told[-1]


def test_the_summary_is_the_last_line(rows: list[Row], tmp_path: Path) -> None:
    _, told = replayed(written(tmp_path / "h.csv", rows))
    assert told == [f"{len(rows):,} rows read in steps of 0:05:00; rejected: none; waves: 1"]


def test_only_the_asset_asked_for_is_replayed(rows: list[Row], tmp_path: Path) -> None:
    other = [
        [at, venue, "XBT" if number % 2 else "ETH", oi, price]
        for number, (at, venue, _, oi, price) in enumerate(rows)
    ]
    path = written(tmp_path / "two.csv", other)
    waves, told = replayed(path, asset="btc")
    assert {w["asset"] for w in waves} <= {"BTC"}
    assert told[-1].startswith(f"{len(rows) // 2:,} rows read")


@pytest.mark.parametrize("order", ["by venue", "shuffled", "backwards"])
def test_rows_out_of_order_are_sorted_and_said_so(
    order: str, rows: list[Row], found: list[Any], tmp_path: Path
) -> None:
    moved = sorted(rows, key=lambda row: row[1]) if order == "by venue" else list(reversed(rows))
    if order == "shuffled":
        random.Random(1).shuffle(moved)  # noqa: S311
    waves, told = replayed(written(tmp_path / "moved.csv", moved))
    assert waves == found
    assert told[0] == "note: moved.csv: rows are not in order of time; sorted"
    assert f"{len(rows):,} rows read" in told[-1]


def test_disorder_far_down_a_long_file_loses_nothing(tmp_path: Path) -> None:
    ordered = list(market(timedelta(minutes=1), days=9, crash=7.5, venues=5))
    moved = sorted(ordered, key=lambda row: row[1])
    assert len(moved) > 60_000
    waves, told = replayed(written(tmp_path / "long.csv", moved))
    assert [w["kind"] for w in waves] == ["flush"]
    assert f"{len(moved):,} rows read" in told[-1]


def test_rows_told_twice_are_repeated_and_change_nothing(
    rows: list[Row], found: list[Any], tmp_path: Path
) -> None:
    waves, told = replayed(written(tmp_path / "twice.csv", [row for row in rows for _ in range(2)]))
    assert waves == found
    assert f"rejected: repeated {len(rows):,};" in told[-1]


def test_rows_that_cannot_be_read_are_counted_and_the_others_kept(
    rows: list[Row], found: list[Any], tmp_path: Path
) -> None:
    at = rows[400][0]
    garbage: list[Row] = [
        ["soon", "venue0", "BTC", 1, 1],
        [at, "venue0", "BTC", "many", 60_000],
        [at, "venue0", "", 1, 1],
        [at],
    ]
    waves, told = replayed(written(tmp_path / "garbage.csv", [*rows[:400], *garbage, *rows[400:]]))
    assert waves == found
    assert told[0] == "note: 4 rows could not be read, first line 402"
    assert f"{len(rows) + 4:,} rows read" in told[-1]
    assert "rejected: unreadable 4;" in told[-1]


def test_impossible_amounts_are_rejected_by_name(rows: list[Row], found: list[Any], tmp_path: Path) -> None:
    middle = START + timedelta(days=2)
    number = next(i for i, row in enumerate(rows) if datetime.fromisoformat(row[0]) > middle)
    between = (middle + timedelta(minutes=2)).isoformat()
    values = ("NaN", "-5", "inf", "sNaN", "0")
    odd: list[Row] = [[between, "venue0", "BTC", value, 60_000] for value in values]
    waves, told = replayed(written(tmp_path / "odd.csv", [*rows[:number], *odd, *rows[number:]]))
    assert waves == found
    assert "rejected: impossible 4, zero 1;" in told[-1]


def test_epoch_stamps_are_understood(rows: list[Row], found: list[Any], tmp_path: Path) -> None:
    for name, factor in (("seconds.csv", 1), ("milliseconds.csv", 1000)):
        stamped = [[int(datetime.fromisoformat(at).timestamp() * factor), *rest] for at, *rest in rows]
        assert replayed(written(tmp_path / name, stamped))[0] == found


Spoil = Callable[[Path, list[Row]], Path]


def _bytes(data: bytes) -> Spoil:
    def spoil(path: Path, rows: list[Row]) -> Path:
        path.write_bytes(data)
        return path

    return spoil


def _mixed_zones(path: Path, rows: list[Row]) -> Path:
    return written(path, [*rows[:50], *([at.rstrip("Z"), *rest] for at, *rest in rows[50:])])


def _truncated(path: Path, rows: list[Row]) -> Path:
    whole = written(path, rows).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def _open_quote(path: Path, rows: list[Row]) -> Path:
    lines = written(path, rows).read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:10], '"2025-03-01T00:10:00Z,venue0\n', *lines[10:]]))
    return path


def _directory(path: Path, rows: list[Row]) -> Path:
    path.mkdir()
    return path


def _without_coin(path: Path, rows: list[Row]) -> Path:
    return written(path, [[at, oi] for at, _, _, oi, _ in rows], ["timestamp", "oi_usd"])


def _without_amount(path: Path, rows: list[Row]) -> Path:
    return written(path, [row[:3] for row in rows], HEAD[:3])


BAD: dict[str, tuple[str, Spoil, str]] = {
    "no such file": ("none.csv", lambda path, rows: path, "cannot be read (No such file or directory)"),
    "a directory": ("dir.csv", _directory, "holds no recording"),
    "empty": ("empty.csv", _bytes(b""), "is empty; a head line with column names is needed"),
    "empty gz": ("empty.csv.gz", _bytes(b""), "is empty; a head line"),
    "binary": ("junk.csv", _bytes(bytes(range(128, 256)) * 9), "it is not text"),
    "binary gz": ("junk.csv.gz", _bytes(b"not gzip"), "cannot be read (Not a gzipped file"),
    "binary parquet": ("junk.parquet", _bytes(b"not parquet, really"), "cannot be read as Parquet"),
    "truncated": ("cut.csv.gz", _truncated, "breaks off"),
    "no column coin": ("nocoin.csv", _without_coin, "has no column coin (it has: timestamp, oi_usd)"),
    "no amount": ("nooi.csv", _without_amount, "has no column oi_usd or oi_coins"),
    "mixed zones": ("zones.csv", _mixed_zones, "line 52 lacks its time zone, unlike the lines before"),
    "an open quotation mark": ("quote.csv", _open_quote, "line 11 is no row: a quotation mark is left open"),
    "only nonsense": ("words.csv", _bytes(b"timestamp,coin,oi_usd\na,b,c\nd,e,f\n"), "no row could be read"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_cannot_be_understood_is_refused_in_one_sentence(
    kind: str, rows: list[Row], tmp_path: Path
) -> None:
    name, spoil, words = BAD[kind]
    path = spoil(tmp_path / name, rows[:2000])
    with pytest.raises(UsageError) as refused:
        replayed(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_price_file_with_a_line_that_is_no_price_is_refused(rows: list[Row], tmp_path: Path) -> None:
    prices = written(tmp_path / "p.csv", [[rows[0][0], "BTC", "dear"]], ["timestamp", "coin", "close"])
    with pytest.raises(UsageError, match="line 2 is no price"):
        replayed(written(tmp_path / "h.csv", rows), prices)


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", "replay", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_prints_waves_and_ends_well(rows: list[Row], found: list[Any], tmp_path: Path) -> None:
    path = written(tmp_path / "h.csv.gz", rows)
    told = run(path, "--json")
    assert told.returncode == 0
    assert [json.loads(line) for line in told.stdout.splitlines()] == found
    assert told.stderr.splitlines()[-1].endswith("waves: 1")
    readable = run(path)
    assert "BTC    flush    W " in readable.stdout


def test_the_command_refuses_with_two_and_no_traceback(tmp_path: Path) -> None:
    told = run(tmp_path / "none.csv", "--json")
    assert told.returncode == 2
    assert told.stdout == ""
    assert "Traceback" not in told.stderr
    assert len(told.stderr.splitlines()) == 1
