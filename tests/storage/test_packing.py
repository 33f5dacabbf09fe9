"""Whole snapshots come back exactly, whatever is in them, also those of before."""

from __future__ import annotations

import zlib
from contextlib import suppress
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.domain.market import Group, Venue, VenueOpenInterest
from storage.packing import GROUPS, NAMES, packed, unpacked
from storage.rules import micros
from tests.storage.samples import NOW, snapshot

amounts = st.floats(0, 1e15)
venues = st.builds(
    VenueOpenInterest,
    st.sampled_from([*NAMES, "another", "venue_07"]).map(Venue),
    st.sampled_from(list(Group)),
    amounts,
    st.none() | amounts,
    st.timedeltas(timedelta(days=-400), timedelta(minutes=5)).map(lambda age: NOW + age),
)


@given(st.lists(venues, max_size=25).map(tuple), st.none() | amounts)
def test_a_snapshot_comes_back_exactly(of: tuple[VenueOpenInterest, ...], usd: float | None) -> None:
    told = replace(snapshot(), venues=of, usd=usd, funding=usd)
    assert unpacked(told.asset, micros(told.at), packed(told)) == told


def test_a_body_of_before_is_read() -> None:
    told = snapshot()
    assert unpacked(told.asset, micros(told.at), zlib.compress(msgspec.msgpack.encode(told), 1)) == told


@pytest.mark.parametrize("body", [b"", b"\x00", b"\x78\x01", b"{}"])
def test_what_nobody_wrote_is_a_fault_that_the_store_explains(body: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, zlib.error)):
        unpacked(snapshot().asset, micros(NOW), body)


@given(st.data())
def test_a_damaged_body_is_such_a_fault_or_another_snapshot(data: st.DataObject) -> None:
    body = packed(snapshot())
    at = data.draw(st.integers(0, len(body) - 1))
    broken = body[:at] + data.draw(st.binary(max_size=3)) + body[at + data.draw(st.integers(0, 3)) :]
    with suppress(msgspec.MsgspecError, zlib.error):
        unpacked(snapshot().asset, micros(NOW), broken)


def test_every_group_has_its_place_and_names_fit_beside_it() -> None:
    assert set(GROUPS) == set(Group)
    assert len(set(NAMES)) == len(NAMES) < 63
    assert NAMES[:3] == ("binance_usdm", "binance_coinm", "bybit"), "places are never changed"
