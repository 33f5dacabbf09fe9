"""The whole: venues on the wire, a wave, a process that dies half way, and what the chat shows in the end."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.program import Message, Program, eventually, program

FLUSH = "BTC long flush"


def flush(running: Program, words: str = "") -> Message | None:
    return next((m for m in running.alerts(FLUSH) if words in m.text), None)


def revision(message: Message) -> int:
    found = re.search(r"rev (\d+)", message.text)
    assert found
    return int(found[1])


def test_a_wave_is_told_once_and_kept_right_though_the_process_is_killed_half_way(tmp_path: Path) -> None:
    with program("--speed", "240", at=tmp_path) as first:
        early = eventually(lambda: flush(first, "growing"), 60, "the alert")
        # What venues tell of liquidations while nobody listens is lost: so it dies after the worst minute.
        half_way = eventually(lambda: flush(first, "21:15: $3.21 B"), 60, "the worst minute")
        assert half_way.edits > early.edits
        first.kill()
    with program("--speed", "240", at=tmp_path) as again:
        over = eventually(lambda: flush(again, "over after"), 60, "the end of the wave")
        assert len(again.alerts(FLUSH)) == 1, "one message for one wave"
        assert len(again.alerts("told again")) == 1, "a restart is no first meeting"
        assert over.number == early.number, "the message of before the crash"
        told = eventually(
            lambda: (m := flush(again, "confirmed")) and m, 60, "the institutions' report, revised by itself"
        )
        assert revision(told) > revision(over)
        unmarked = [m.text for m in again.messages() if "bot" in m.kind and "Reconstruction" not in m.text]
        assert unmarked == []
        code, took_s = again.interrupt()
    assert code == 0
    assert took_s < 3
    check_what_was_told(told)
    check_revisions_count_by_one(tmp_path / "data/washout.october-2025.db")


def check_what_was_told(message: Message) -> None:
    """The published figures, computed from what was polled."""
    told = re.search(r"−([\d,]+) BTC closed \(−([\d.]+) %\), ([\d,]+) → ([\d,]+)", message.text)
    cme = re.search(r"with CME ([\d,]+) → ([\d,]+)", message.text)
    assert told, message.text
    assert cme, message.text
    closed, share, before, after, with_cme, after_cme = (
        float(group.replace(",", "")) for group in (*told.groups(), *cme.groups())
    )
    assert closed == pytest.approx(79_000, rel=0.01)
    assert share == pytest.approx(19.0, abs=0.2)
    assert [before, after, with_cme, after_cme] == pytest.approx([415e3, 336e3, 560e3, 481e3], rel=0.002)
    # What was liquidated while nobody listened is missing, so the shares of the whole wave differ a little.
    assert re.search(r", 8[2-6] % longs\. Worst minute 21:15: \$3\.21 B", message.text), message.text


def check_revisions_count_by_one(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("select id, revision from wave_revisions order by id, revision").fetchall()
    by_wave: dict[str, list[int]] = {}
    for wave, number in rows:
        by_wave.setdefault(wave, []).append(number)
    assert by_wave
    for numbers in by_wave.values():
        assert numbers == list(range(1, len(numbers) + 1))
