"""What every store keeps to: of several that hear the same thing, one answers it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.domain.claims import Claim
from bot.ports import Store
from storage.rules import CLAIMS_KEPT
from tests.storage.samples import NOW

HOLD = timedelta(seconds=10)
SECOND = timedelta(seconds=1)


async def test_of_many_that_claim_at_once_one_has_it(store: Store) -> None:
    claims = [store.claims.claim("7", f"process {n}", NOW, HOLD) for n in range(6)]
    got = await asyncio.gather(*claims)
    assert sorted(got) == [Claim.OURS, *[Claim.THEIRS] * 5]
    assert await store.claims.claim("8", "process 1", NOW, HOLD) is Claim.OURS


async def test_what_was_answered_is_never_claimed_again(store: Store) -> None:
    assert await store.claims.claim("7", "a", NOW, HOLD) is Claim.OURS
    await store.claims.settle("7", NOW + SECOND)
    for holder in "ab":
        assert await store.claims.claim("7", holder, NOW + 2 * HOLD, HOLD) is Claim.SETTLED


async def test_what_its_holder_left_goes_to_the_next_who_asks(store: Store) -> None:
    assert await store.claims.claim("7", "a", NOW, HOLD) is Claim.OURS
    assert await store.claims.claim("7", "b", NOW + HOLD - SECOND, HOLD) is Claim.THEIRS
    assert await store.claims.claim("7", "b", NOW + HOLD, HOLD) is Claim.OURS
    assert await store.claims.claim("7", "a", NOW + HOLD, HOLD) is Claim.THEIRS


async def test_who_has_it_may_hold_it_for_longer(store: Store) -> None:
    await store.claims.claim("7", "a", NOW, HOLD)
    assert await store.claims.claim("7", "a", NOW + 5 * SECOND, HOLD) is Claim.OURS
    assert await store.claims.claim("7", "b", NOW + HOLD, HOLD) is Claim.THEIRS


async def test_old_claims_are_forgotten(store: Store) -> None:
    for name in ("left", "answered"):
        await store.claims.claim(name, "a", NOW, HOLD)
    await store.claims.settle("answered", NOW)
    later = NOW + CLAIMS_KEPT - SECOND
    assert await store.claims.claim("answered", "b", later, HOLD) is Claim.SETTLED
    later = NOW + CLAIMS_KEPT + 2 * HOLD
    assert await store.claims.claim("another", "b", later, HOLD) is Claim.OURS
    assert await store.claims.claim("answered", "b", later, HOLD) is Claim.OURS, "as if it never was"
